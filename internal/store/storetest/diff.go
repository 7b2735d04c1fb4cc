package storetest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// diff returns "" for equal values, or the lines in which their JSON differs. Times must
// be in UTC: that is how stores return them.
func diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	w, g := lines(want), lines(got)
	var out strings.Builder
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			fmt.Fprintf(&out, "-%s\n+%s\n", a, b)
		}
	}
	if out.Len() == 0 {
		fmt.Fprintf(&out, "-%#v\n+%#v\n", want, got)
	}
	return out.String()
}

func lines(v any) []string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return []string{fmt.Sprintf("%#v", v)}
	}
	return strings.Split(string(text), "\n")
}
