package acceptance

import (
	"net/http"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// preflight asks, as a browser does before a script's PUT from another origin.
func preflight(t *testing.T, p *harness.Person, target, origin string) *harness.Page {
	t.Helper()
	return p.Fetch(t, http.MethodOptions, target, func(r *http.Request) {
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Access-Control-Request-Method", http.MethodPut)
		r.Header.Del("Cookie")
	})
}

// crossOrigin is a script's GET from a page of another origin.
func crossOrigin(t *testing.T, p *harness.Person, target, origin string) *harness.Page {
	t.Helper()
	return p.Fetch(t, http.MethodGet, target, func(r *http.Request) {
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	})
}
