package record

import (
	"fmt"
	"slices"
	"strings"
)

// Expand fills a template: {name} becomes value(name). It reports false where
// a name has no value, so that the parameter or URL is left out. Values are put
// in as they are: the caller encodes what it is given or what it gets.
func Expand(template string, value func(name string) (string, bool)) (string, bool) {
	var b strings.Builder
	for rest := template; ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return "", false
		}
		v, ok := value(name)
		if !ok || v == "" {
			return "", false
		}
		b.WriteString(v)
		rest = tail
	}
}

// checkTemplate says what is wrong with a template that may use names. A name
// that ends in ":" stands for itself followed by a claim path.
func checkTemplate(template string, names []string) error {
	for rest := template; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			if strings.Contains(rest, "}") {
				return fmt.Errorf("has a } without a {")
			}
			return nil
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return fmt.Errorf("has a { without a }")
		}
		if !templateName(name, names) {
			return fmt.Errorf("uses {%s}, which has no meaning here", name)
		}
		rest = tail
	}
}

func templateName(name string, names []string) bool {
	if head, path, ok := strings.Cut(name, ":"); ok {
		if _, err := ParseClaimPath(path); err != nil {
			return false
		}
		name = head + ":"
	}
	return slices.Contains(names, name)
}
