package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// tab is a person's browser in a scene.
type tab struct {
	v    *verdict
	s    *scene
	jar  http.CookieJar
	http *http.Client
	as   string

	asked []string   // pages of the provider that were answered, since the last reset
	went  []*url.URL // addresses at the provider that the gateway led to, since the last reset
}

func (c *scene) tab(v *verdict, as string) *tab {
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.stopf("%v", err)
	}
	return &tab{v: v, s: c, jar: jar, as: as, http: &http.Client{
		Jar: jar, Timeout: 60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (b *tab) reset() { b.asked, b.went = nil, nil }

func (b *tab) do(method, target string, headers ...string) (p page) {
	b.s.busy(func() { p = b.send(method, target, headers...) })
	return p
}

func (b *tab) send(method, target string, headers ...string) page {
	req, err := http.NewRequestWithContext(context.Background(), method, target, nil)
	if err != nil {
		b.v.stopf("%v", err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.v.stopf("%s: %v", method, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		b.v.stopf("%s: %v", method, err)
	}
	return page{resp.StatusCode, target, resp.Header, string(text)}
}

// fetch is what a script of the app asks for.
func (b *tab) fetch(path string) page {
	return b.do(http.MethodGet, b.s.url+path, byScript...)
}

var byScript = []string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-origin"}

// out reports whether the person is signed out here.
func (b *tab) out() bool { return b.fetch("/").status == http.StatusUnauthorized }

// visit opens a page: redirects are followed, and the provider's pages answered as the
// person would. Where the provider's page has no way on, it is the page.
func (b *tab) visit(target string) page {
	if strings.HasPrefix(target, "/") {
		target = b.s.url + target
	}
	for range 20 {
		if strings.HasPrefix(target, b.s.fake.Origin()+"/") {
			next, there := b.atProvider(target)
			if next == "" {
				return there
			}
			target = next
			continue
		}
		p := b.do(http.MethodGet, target, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
		next := p.header.Get("Location")
		if next == "" {
			return p
		}
		at, _ := url.Parse(target)
		to, err := at.Parse(next)
		if err != nil {
			b.v.stopf("%v", err)
		}
		target = to.String()
	}
	b.v.stopf("redirects without end")
	return page{}
}

func (b *tab) atProvider(target string) (next string, there page) {
	if u, err := url.Parse(target); err == nil {
		b.went = append(b.went, u)
	}
	visitor := devprovider.NewVisitor(b.s.fake.Origin(), b.jar, nil, b.as, "pw-"+b.as)
	var to *url.URL
	var err error
	b.s.busy(func() { to, err = visitor.Visit(context.Background(), target) })
	b.asked = append(b.asked, visitor.Asked...)
	if errors.Is(err, devprovider.ErrStuck) {
		return "", page{url: target, body: err.Error()}
	}
	if err != nil {
		b.v.stopf("at the provider: %v", err)
	}
	return to.String(), page{}
}

// signIn opens the app, or asks to sign in again, and has to end in the app.
func (b *tab) signIn(path string) {
	p := b.visit(path)
	for range 10 {
		if p.status != http.StatusServiceUnavailable {
			break
		}
		time.Sleep(time.Second) // as the page says; a machine with too much to do
		p = b.visit(path)
	}
	if p.status != http.StatusOK || !strings.Contains(p.body, "X-Subject") {
		b.v.stopf("signing in as %s ended with %d: %s", b.as, p.status, gist(p))
	}
}

// gist is what a page says, bounded.
func gist(p page) string {
	text := strings.Join(strings.Fields(textOf(p.body)), " ")
	return text[max(0, len(text)-600):]
}

// told is what the app is told.
func (b *tab) told() map[string]string {
	p := b.fetch("/")
	told := map[string]string{}
	if err := json.Unmarshal([]byte(p.body), &told); err != nil || p.status != http.StatusOK {
		b.v.stopf("the app as %s: %d %s", b.as, p.status, gist(p))
	}
	return told
}

// press presses the button and returns where the browser is led.
func (b *tab) press(back string) string {
	p := b.do(http.MethodPost, b.s.url+"/.cardea/sign-out?return="+url.QueryEscape(back), "Origin", b.s.url,
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
	_, rest, ok := strings.Cut(p.body, `http-equiv="refresh" content="`)
	_, rest, led := strings.Cut(rest, "url=")
	if p.status != http.StatusOK || !ok || !led {
		b.v.stopf("signing out: %d %s", p.status, gist(p))
	}
	target, _, _ := strings.Cut(rest, `"`)
	return strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#39;", "'", "&#34;", `"`).Replace(target)
}

// signOut presses the button, goes where it leads, and returns the signed-out page: the
// one that the provider led back to, or, where it kept the person, one opened by hand.
func (b *tab) signOut(back string) (receipt page, cameBack bool) {
	p := b.visit(b.press(back))
	if strings.HasPrefix(p.url, b.s.url+"/.cardea/signed-out") {
		return p, true
	}
	return b.visit("/.cardea/signed-out"), false
}
