package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS is apps[].cors: which origins' scripts may call the app. A nil *CORS allows none.
// What the app answers is its own business; this lets a preflight, which carries no
// cookies, reach it, and lets scripts read our 401s (Fetch standard, CORS protocol).
type CORS struct {
	Origins     []string // exact origins, or "*"
	Methods     []string // beyond GET, HEAD and POST
	Headers     []string // lower case; beyond those that need no preflight
	Credentials bool
	MaxAge      time.Duration
}

// preflight tells whether r is a preflight that the configuration allows.
func (c *CORS) preflight(r *http.Request) bool {
	if c == nil || r.Method != http.MethodOptions {
		return false
	}
	method := r.Header.Get("Access-Control-Request-Method")
	if method == "" || !c.from(r) {
		return false
	}
	if !slices.Contains(simpleMethods, method) && !slices.Contains(c.Methods, method) {
		return false
	}
	return c.headersAllowed(r.Header.Get("Access-Control-Request-Headers"))
}

// simpleMethods and simpleHeaders need no permission (Fetch standard, section 2.2).
var (
	simpleMethods = []string{http.MethodGet, http.MethodHead, http.MethodPost}
	simpleHeaders = []string{"accept", "accept-language", "content-language", "content-type", "range"}
)

func (c *CORS) headersAllowed(list string) bool {
	if list == "" {
		return true
	}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.Contains(simpleHeaders, name) && !slices.Contains(c.Headers, name) {
			return false
		}
	}
	return true
}

func (c *CORS) from(r *http.Request) bool {
	origins := r.Header["Origin"]
	return len(origins) == 1 && (slices.Contains(c.Origins, origins[0]) || slices.Contains(c.Origins, "*"))
}

// allow lets the scripts of an allowed origin read this answer.
func (c *CORS) allow(w http.ResponseWriter, r *http.Request) {
	if c == nil {
		return
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !c.from(r) {
		return
	}
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	// Credentials go to origins that are named, never to "any".
	if c.Credentials && slices.Contains(c.Origins, r.Header.Get("Origin")) {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge/time.Second)))
	}
}
