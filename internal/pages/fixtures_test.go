package pages

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func newPages(t testing.TB, o Options) *Pages {
	t.Helper()
	if o.PublicURL == "" {
		o.PublicURL = "https://auth.acme.example"
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func request(method, language string) *http.Request {
	r := httptest.NewRequest(method, "https://auth.acme.example/.cardea/any", nil)
	if language != "" {
		r.Header.Set("Accept-Language", language)
	}
	return r
}

// fixture is one page as a handler would ask for it.
type fixture struct {
	name  string
	write func(p *Pages, w http.ResponseWriter, r *http.Request)
}

// fixtures is every page in the forms that differ in more than their words. What is to
// be added goes into Examples.
func fixtures() []fixture {
	var out []fixture
	for _, e := range Examples() {
		out = append(out, fixture{e.Name, e.Write})
	}
	return out
}

func (f fixture) get(p *Pages, language string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.write(p, w, request(http.MethodGet, language))
	return w
}

var chat = exampleApp()
