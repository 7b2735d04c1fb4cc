package httpx

import (
	"net/http"
	"strconv"
	"strings"
)

// Language chooses between "en" and "zh" by Accept-Language (RFC 9110 section 12.5.4), for
// pages that have no catalogue of their own. "en" when neither is asked for.
func Language(r *http.Request) string {
	best, bestQ := "en", 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			parsed, err := strconv.ParseFloat(value, 64)
			if err != nil {
				continue
			}
			q = parsed
		}
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if (primary == "en" || primary == "zh") && q > bestQ {
			best, bestQ = primary, q
		}
	}
	return best
}
