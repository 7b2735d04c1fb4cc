package harness

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// maxHops bounds a chain of redirects and refreshes; browsers stop at 20.
const maxHops = 20

// Page is where a navigation ended.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
	Hops   []string // every address asked, the last one included
}

// Has reports whether the page's source contains a text.
func (p *Page) Has(text string) bool { return strings.Contains(p.Body, text) }

// AsksPassword reports whether the page is Keycloak's form with a password field.
func (p *Page) AsksPassword() bool {
	return p.Status == http.StatusOK && p.Has(`id="kc-form-login"`) && p.Has(`name="password"`)
}

// PassedThrough reports whether a hop's address contains a text.
func (p *Page) PassedThrough(text string) bool {
	for _, hop := range p.Hops {
		if strings.Contains(hop, text) {
			return true
		}
	}
	return false
}

// String describes the page for failure messages, as read and without query strings,
// which may hold secrets.
func (p *Page) String() string {
	var hops []string
	for _, hop := range p.Hops {
		hops = append(hops, strings.SplitN(hop, "?", 2)[0])
	}
	body := p.Text()
	if len(body) > 600 {
		body = body[:600] + "…"
	}
	return fmt.Sprintf("status %d after %s\n%s", p.Status, strings.Join(hops, " → "), body)
}

// Navigation is a top-level navigation. The zero Method is GET.
type Navigation struct {
	Method string
	URL    string
	Form   url.Values
	From   *url.URL // the page it starts from; nil when typed into the address bar
}

// Open navigates as if the address were typed, and follows redirects and
// refreshes to the end.
func (p *Person) Open(t testing.TB, target string) *Page {
	t.Helper()
	page, err := p.Navigate(Navigation{URL: target})
	if err != nil {
		t.Fatalf("opening %s: %v", strings.SplitN(target, "?", 2)[0], err)
	}
	return page
}

// Navigate follows a navigation to its end.
func (p *Person) Navigate(n Navigation) (*Page, error) {
	current, err := url.Parse(n.URL)
	if err != nil {
		return nil, err
	}
	method, form, from := n.Method, n.Form, n.From
	if method == "" {
		method = http.MethodGet
	}
	var hops []string
	site := "none"
	for {
		if len(hops) == maxHops {
			return nil, fmt.Errorf("too many hops: %s", (&Page{Hops: hops}).String())
		}
		if from != nil {
			site = farther(site, relation(from, current))
		}
		hops = append(hops, current.String())
		if p.StopAt != "" && strings.HasPrefix(current.String(), p.StopAt) {
			return &Page{URL: current, Hops: hops, Header: http.Header{}}, nil
		}
		page, err := p.step(method, current, form, from, site)
		if err != nil {
			return nil, fmt.Errorf("after %s: %w", (&Page{Hops: hops}).String(), err)
		}
		page.Hops = hops
		next, keeps := redirectOf(page)
		if next == "" {
			refresh := page.refresh()
			if refresh == "" {
				return page, nil
			}
			// A refresh is a navigation of its own, started by the page.
			next, from, site = refresh, current, "none"
		}
		to, err := current.Parse(next)
		if err != nil {
			return nil, err
		}
		if to.Fragment == "" {
			to.Fragment = current.Fragment
		}
		current = to
		if !keeps {
			method, form = http.MethodGet, nil
		}
	}
}

func (p *Person) step(method string, target *url.URL, form url.Values, from *url.URL, site string) (*Page, error) {
	var body *strings.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	} else {
		body = strings.NewReader("")
	}
	bare := *target
	bare.Fragment = ""
	req, err := http.NewRequest(method, bare.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	req.Header.Set("Upgrade-Insecure-Requests", "1")
	p.mark(req, "navigate", "document", site)
	if !p.bare {
		req.Header.Set("Sec-Fetch-User", "?1")
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if from != nil {
			req.Header.Set("Origin", originOf(from))
		}
	}
	return p.once(req)
}

// redirectOf returns where a redirect points and whether it keeps the method.
func redirectOf(p *Page) (to string, keepsMethod bool) {
	switch p.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return p.Header.Get("Location"), false
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return p.Header.Get("Location"), true
	}
	return "", false
}

// relation is what Sec-Fetch-Site says of a request from one page to an address.
func relation(from, to *url.URL) string {
	switch {
	case originOf(from) == originOf(to):
		return "same-origin"
	case from.Scheme == to.Scheme && siteOf(from) == siteOf(to):
		return "same-site"
	}
	return "cross-site"
}

// farther returns the more distant of two relations: a chain of redirects keeps
// the farthest it has been.
func farther(a, b string) string {
	rank := map[string]int{"none": 0, "same-origin": 1, "same-site": 2, "cross-site": 3}
	if rank[a] > rank[b] {
		return a
	}
	return b
}

func siteOf(u *url.URL) string {
	host := u.Hostname()
	if net.ParseIP(host) != nil {
		return host
	}
	labels := strings.Split(host, ".")
	if len(labels) > 2 {
		labels = labels[len(labels)-2:]
	}
	return strings.Join(labels, ".")
}

// SignIn opens an address, expects Keycloak's password form, fills it, and
// returns where that led.
func (p *Person) SignIn(t testing.TB, target string) *Page {
	t.Helper()
	page, err := p.TrySignIn(target)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TrySignIn is SignIn for goroutines, which must not end the test.
func (p *Person) TrySignIn(target string) (*Page, error) {
	page, err := p.Navigate(Navigation{URL: target})
	if err != nil {
		return nil, err
	}
	if !page.AsksPassword() {
		return nil, fmt.Errorf("no password was asked: %s", page)
	}
	return p.TryPassword(page)
}

// TryPassword fills Keycloak's form with the person's name and password.
func (p *Person) TryPassword(page *Page) (*Page, error) {
	form, ok := page.Form("kc-form-login")
	if !ok {
		return nil, errors.New("the page has no sign-in form")
	}
	if form.Values.Has("username") || !page.Has(`kc-attempted-username`) {
		form.Values.Set("username", p.Name)
	}
	form.Values.Set("password", passwords[p.Name])
	p.secrets.Add("password", passwords[p.Name])
	return p.Submit(page, form)
}

// Submit sends a form of a page and follows where it leads.
func (p *Person) Submit(page *Page, form Form) (*Page, error) {
	to, err := page.URL.Parse(form.Action)
	if err != nil {
		return nil, err
	}
	n := Navigation{Method: form.Method, URL: to.String(), Form: form.Values, From: page.URL}
	if form.Method == http.MethodGet {
		to.RawQuery = form.Values.Encode()
		n.URL, n.Form = to.String(), nil
	}
	return p.Navigate(n)
}

// SignOut presses the button that an app's page or Cardea's own pages have: a POST
// to the origin's own path, and everything that follows.
func (p *Person) SignOut(t testing.TB, origin string) *Page {
	t.Helper()
	page, err := p.TrySignOut(origin)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TrySignOut is SignOut for goroutines.
func (p *Person) TrySignOut(origin string) (*Page, error) {
	from, err := url.Parse(origin + "/")
	if err != nil {
		return nil, err
	}
	return p.Navigate(Navigation{Method: http.MethodPost, URL: origin + "/.cardea/sign-out", Form: url.Values{}, From: from})
}
