package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestCVE_2026_33525_NoPageRunsWhatAPersonOrALinkSays(t *testing.T) {
	const evil = `"><img src=x onerror=alert(1)><script>alert(2)</script>`
	w := remade(t, devprovider.Options{People: []devprovider.Person{{Username: "mallory", Password: "m", Name: evil, Email: "mallory@example.com", EmailVerified: true}}}, func(w *world) string {
		return fmt.Sprintf("apps: [{id: sample, name: %q, url: %q, upstream: %q, sign_out: ask, paths: [{prefix: /closed, access: {groups: [x]}}]}]\n", evil, w.url, w.upstream.URL)
	})
	b := w.browser("mallory", "m")
	b.visit("/")
	q := url.QueryEscape(evil)
	for _, path := range []string{
		"/closed/" + url.PathEscape(evil), "/closed?" + q, "/.cardea/sign-out?return=/" + q, "/.cardea/signed-out?origin=" + q + "&return=/" + q,
		"/.cardea/signed-out?state=" + q, "/.cardea/" + url.PathEscape(evil), "/.cardea/callback/main?state=" + q + "&error=" + q + "&error_description=" + q, "/.cardea/sign-in?seat=" + q,
	} {
		for _, who := range []*browser{b, w.browser("", "")} {
			p := who.do(http.MethodGet, w.url+path, "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html", "Referer", w.url+"/"+evil)
			if strings.Contains(p.body, "<img") || strings.Contains(p.body, "<script") {
				t.Errorf("%s:\n%s", path, p.body)
			}
			if p.header.Get("Location") == "" && !strings.Contains(p.header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%s: %d without a policy", path, p.status)
			}
		}
	}
}

// hear asks a listener's handler in process.
func hear(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	if u, err := url.ParseRequestURI(target); err == nil {
		r = httptest.NewRequest(method, target, nil)
		r.Host = u.Host
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestCVE_2024_39315_CVE_2022_24797_NoAnswerAndNoLogLineHoldsAToken(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	s := w.sessions()[0]
	secrets := map[string]string{
		"access token": s.Grant.Tokens.AccessToken, "refresh token": s.Grant.Tokens.RefreshToken, "ID token": s.Grant.Tokens.IDToken, "client secret": "s3cret",
		"provider's session": s.SID, "seat": cookiesOf(b)[seatName(b)], "binding": cookiesOf(b)["cardea-browser-"+strings.TrimPrefix(seatName(b), "cardea-")],
	}
	search := func(where, text string) {
		t.Helper()
		for name, secret := range secrets {
			if secret == "" || strings.Contains(text, secret) {
				t.Errorf("%s: %s (%d bytes)", where, name, len(secret))
			}
		}
	}
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html"}
	for _, path := range []string{"/api/whoami", "/", "/.cardea/session", "/.cardea/sign-out", "/.cardea/signed-out", "/.cardea/jwks", "/.cardea/account", "/.cardea/callback/main?state=x&code=y", "/debug/pprof/", "/.cardea/"} {
		for _, headers := range [][]string{nil, page} {
			p := b.do(http.MethodGet, w.url+path, "", headers...)
			search(path, p.body+fmt.Sprint(p.header["Location"]))
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/debug/pprof/", "/debug/vars"} {
		search("ops "+path, hear(w.gateway.app.ops, http.MethodGet, "http://ops"+path).Body.String())
	}
	for _, path := range []string{"/v1/sessions", "/v1/sessions/" + string(s.ID), "/v1/outbox"} {
		rec := hear(w.gateway.app.admin, http.MethodGet, "http://cardea"+path)
		if rec.Code != http.StatusOK {
			t.Errorf("admin %s: %d", path, rec.Code)
		}
		search("admin "+path, rec.Body.String())
	}
	out := b.signOut()
	search("signed out", out.body)
	search("admin outbox", hear(w.gateway.app.admin, http.MethodGet, "http://cardea/v1/outbox").Body.String())
	search("log", w.log.String())
	if leak := leaked(w); leak != "" {
		t.Errorf("log: %s", leak)
	}
}

func TestCVE_2025_55162_BrowsersTakeEveryCookieThatIsSet(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	inTab := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	start := b.do(http.MethodGet, w.url+"/.cardea/sign-in", "", inTab...)
	back := b.do(http.MethodGet, b.atProvider(start.header.Get("Location")), "", inTab...)
	out := b.do(http.MethodPost, w.url+"/.cardea/sign-out", "", append(inTab, "Origin", w.url)...)
	for where, p := range map[string]page{"start": start, "callback": back, "sign-out": out} {
		cookies := (&http.Response{Header: p.header}).Cookies()
		if len(cookies) == 0 {
			t.Errorf("%s: sets no cookie", where)
		}
		for _, c := range cookies {
			if c.Path != "/" || c.Domain != "" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Value == "" || c.Valid() != nil || len(c.Raw) > 400 {
				t.Errorf("%s: %s", where, c.Raw)
			}
		}
	}
}

func TestCVE_2023_27496_CVE_2022_29228_CVE_2025_31492_ADenialIsAllThatIsWritten(t *testing.T) {
	var reached atomic.Int64
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Add(1)
		_, _ = io.WriteString(w, "PROTECTED")
	}))
	t.Cleanup(app.Close)
	w := remade(t, devprovider.Options{}, func(w *world) string {
		return fmt.Sprintf("apps: [{id: sample, url: %q, upstream: %q, access: {groups: [nobody-is-in-it]}}]\n", w.url, app.URL)
	})
	denied := w.browser("alice", "wonderland")
	denied.visit("/")
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html"}
	frame := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Accept", "text/html"}
	cb := "/.cardea/callback/main"
	for _, path := range []string{
		"/", "/api", cb, cb + "?", cb + "?code=x", cb + "?state=", cb + "?state=&code=", cb + "?state=x&code=y", cb + "?state=%zz&code=y", cb + "?error=x", cb + "?state=x&error=", cb + "?;", cb + "?state=" + strings.Repeat("A", 1280) + "&code=y",
		cb + "?code[]=x&state[]=y", "/.cardea/callback/none?state=x&code=y", "/.cardea/callback/", "/.cardea/seat", "/.cardea/seat?code=x",
	} {
		for _, b := range []*browser{denied, w.browser("", "")} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				for _, headers := range [][]string{nil, page, frame} {
					p := b.do(method, w.url+path, "", headers...)
					body := strings.TrimSpace(p.body)
					whole := body == "" && p.header.Get("Location") != ""
					if strings.HasPrefix(body, "{") {
						whole = json.Valid([]byte(body))
					} else if body != "" {
						whole = strings.HasSuffix(body, "</html>") && strings.Count(body, "</html>") == 1
					}
					if p.status < 300 || p.status >= 500 || !whole {
						t.Errorf("%s %s: %d\n%s", method, path, p.status, p.body)
					}
				}
			}
		}
	}
	if n := reached.Load(); n != 0 || strings.Contains(w.log.String(), "panic") {
		t.Errorf("the app was reached %d times; log:\n%s", n, w.log)
	}
}

func TestCVE_2024_24814_CVE_2023_28625_CraftedCookiesAreAnswered(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	name, value := seatName(b), cookiesOf(b)[seatName(b)]
	crafted := map[string]string{
		"pairs": strings.Repeat("a=b; ", 8000), "separators": strings.Repeat(";,= ", 8000), "chunks": name + "_chunks=2147483648; " + name + "_0=x; " + name + "-0=x", "one huge": "a=" + strings.Repeat("x", 40_000),
		"a name in quotes": `"` + name + `"=x`, "bytes": "\xff\xfe=\x80; \xc0\xaf", "our name in other letters": strings.ToUpper(name) + "=" + value, "our name empty": name + "=; " + name, "blank before the value": name + "= ;",
	}
	for what, text := range crafted {
		if got := w.get("/api/whoami", "Cookie: "+text+"\r\n"); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
			t.Errorf("%s: %.80s", what, got)
		}
		if got := w.get("/api/whoami", "Cookie: "+text+"; "+name+"="+value+"\r\n"); !succeeded(got) || strings.Contains(got, value) {
			t.Errorf("%s, beside a good one: %.80s", what, got)
		}
	}
	for what, text := range map[string]string{
		"two values": name + "=" + value + "; " + name + "=" + strings.Repeat("A", 43), "two values, the good one last": name + "=" + strings.Repeat("A", 43) + "; " + name + "=" + value, "joined": name + "=" + value + "," + value, "cut": name + "=" + value[:42], "longer": name + "=" + value + "A", "quoted": name + `="` + value + `"`, "padded": name + "=" + value + "=",
	} {
		if got := w.get("/api/whoami", "Cookie: "+text+"\r\n"); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
			t.Errorf("%s: %.80s", what, got)
		}
	}
	if got := w.get("/api/whoami", "Cookie: "+strings.Repeat("a=b; ", 40_000)+"\r\n"); !strings.HasPrefix(got, "HTTP/1.1 431 ") && got != "" { // refused unread
		t.Errorf("200 kB: %.80s", got)
	}
	if p := b.fetch("/api/whoami"); p.status != http.StatusOK || strings.Contains(w.log.String(), "panic") {
		t.Errorf("afterwards: %d", p.status)
	}
}
