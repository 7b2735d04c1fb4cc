package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestCVE_2025_29928_CVE_2026_30224_CVE_2023_20862_AnOldCookieStaysDead(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b, thief := w.browser("alice", "wonderland"), w.browser("", "")
	b.visit("/")
	copied := ""
	for name, value := range cookiesOf(b) {
		copied += name + "=" + value + "; "
	}
	upgrade := "Cookie: " + copied + "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: " + w.url + "\r\n"
	answers := func(when string, want int) {
		t.Helper()
		for _, path := range []string{"/api/whoami", "/.cardea/session"} {
			if p := thief.do(http.MethodGet, w.url+path, "", "Cookie", copied); p.status != want {
				t.Errorf("%s, %s: %d, want %d", when, path, p.status, want)
			}
		}
		if want != http.StatusOK {
			if got := w.raw("GET /ws HTTP/1.1\r\nHost: " + strings.TrimPrefix(w.url, "http://") + "\r\nConnection: Upgrade, close\r\n" + upgrade + "\r\n"); !strings.HasPrefix(got, "HTTP/1.1 401") {
				t.Errorf("%s, a socket: %.100s", when, got)
			}
		}
	}
	answers("before", http.StatusOK)
	b.signOut()
	answers("after the sign-out", http.StatusUnauthorized)
	w.stop()
	w.start()
	answers("after a restart", http.StatusUnauthorized)
	b.visit("/.cardea/sign-in")
	if p := b.fetch("/api/whoami"); p.status != http.StatusOK {
		t.Fatalf("signed in again: %d", p.status)
	}
	answers("after the person signed in again", http.StatusUnauthorized)
	w.stop()
	w.start()
	answers("after another restart", http.StatusUnauthorized)
	if p := b.fetch("/api/whoami"); p.status != http.StatusOK {
		t.Errorf("the end of the old session took the new one along: %d", p.status)
	}
}

func TestCVE_2024_51987_CVE_2025_26620_TokensNeverCross(t *testing.T) {
	var people []devprovider.Person
	for _, name := range []string{"ann", "ben", "cid", "dot", "eli", "fay"} {
		people = append(people, devprovider.Person{Username: name, Password: "p", Email: name + "@example.com", EmailVerified: true})
	}
	w := remade(t, devprovider.Options{People: people}, oneApp("headers: {X-Access-Token: access_token, X-Id-Token: id_token, X-Subject: subject}"))
	var mu sync.Mutex
	owner, confirmed := map[string]string{}, map[string]int{}
	ask := func(name string, b *browser) {
		p := b.fetch("/api/whoami")
		var got struct{ Headers map[string][]string }
		if err := json.Unmarshal([]byte(p.body), &got); err != nil || p.status != http.StatusOK {
			t.Errorf("%s: %d %v", name, p.status, err)
			return
		}
		h := http.Header(got.Headers)
		token := h.Get("X-Access-Token")
		if h.Get("X-Forwarded-User") != name || h.Get("X-Subject") != "dev-"+name || h.Get("X-Forwarded-Email") != name+"@example.com" || !strings.Contains(payload(h.Get("X-Id-Token")), `"sub":"dev-`+name+`"`) || token == "" {
			t.Errorf("%s is told as %v", name, h)
		}
		mu.Lock()
		first, known := owner[token]
		owner[token] = name
		mu.Unlock()
		if known && first != name {
			t.Errorf("one token was sent for %s and for %s", first, name)
		}
		if known {
			return
		}
		// Whose it is at the provider; one that was replaced meanwhile says nothing.
		who := w.browser("", "").do(http.MethodGet, w.provider.EndpointURL("/userinfo"), "", "Authorization", "Bearer "+token)
		if who.status == http.StatusOK && !strings.Contains(who.body, `"dev-`+name+`"`) {
			t.Errorf("%s has the token of %s", name, who.body)
		} else if who.status == http.StatusOK {
			mu.Lock()
			confirmed[name]++
			mu.Unlock()
		}
	}
	browsers := map[string]*browser{}
	for _, p := range people {
		browsers[p.Username] = w.browser(p.Username, "p")
		browsers[p.Username].visit("/")
	}
	// In each round all tokens are replaced, while several requests of everybody want them.
	const rounds = 4
	for range rounds {
		w.expire()
		var all sync.WaitGroup
		for name, b := range browsers {
			for range 3 {
				all.Go(func() {
					for range 6 {
						ask(name, b)
					}
				})
			}
		}
		all.Wait()
	}
	refreshed := w.provider.Counters().TokensGiven["refresh_token"]
	if len(confirmed) != len(people) || refreshed != rounds*len(people) || len(owner) != rounds*len(people) {
		t.Errorf("%d people confirmed, %d refreshes, %d tokens: too few to tell anything, or too many", len(confirmed), refreshed, len(owner))
	}
}

func TestCVE_2022_39222_AnAnswerIsForItsBrowserAloneAndOnce(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html"}
	answer := func(b *browser) string {
		return b.atProvider(b.do(http.MethodGet, w.url+"/.cardea/sign-in?return=/deep", "", page...).header.Get("Location"))
	}
	opens := func(name string, b *browser, callback string, want bool) {
		t.Helper()
		before, had := w.provider.Counters().TokenRequests["authorization_code"], len(w.sessions())
		p := b.do(http.MethodGet, callback, "", page...)
		spent := w.provider.Counters().TokenRequests["authorization_code"] - before
		if opened := len(w.sessions()) > had; opened != want || (spent == 1) != want || (strings.Contains(fmt.Sprint(p.header["Set-Cookie"]), seatName(b)) != want) {
			t.Errorf("%s: %d, opened %v, %d codes spent, %v", name, p.status, opened, spent, p.header["Set-Cookie"])
		}
	}
	victim := w.browser("alice", "wonderland")
	stolen := answer(victim)
	stranger, thief := w.browser("", ""), w.browser("bob", "builder")
	answer(thief) // has a binding of its own
	opens("a browser without a binding", stranger, stolen, false)
	opens("a browser with another binding", thief, stolen, false)
	for _, more := range []string{"&state=x", "&code=x", "&iss=x", "&error=x"} {
		opens("a duplicate or contradicting"+more, victim, stolen+more, false)
	}
	opens("the browser that asked", victim, stolen, true)
	opens("the same browser again", victim, stolen, false)
	again := w.browser("alice", "wonderland")
	u, _ := url.Parse(w.url)
	for name, value := range cookiesOf(victim) {
		if name != seatName(victim) {
			again.jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
		}
	}
	opens("the same browser without its session", again, stolen, false)
}

func TestASignInGivesANewSessionWhateverTheBrowserHeld(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	planted, _ := session.NewSeatValue()
	u, _ := url.Parse(w.url)
	b.jar.SetCookies(u, []*http.Cookie{{Name: seatName(b), Value: planted, Path: "/"}})
	b.visit("/.cardea/sign-in")
	first := w.sessions()
	if len(first) != 1 || cookiesOf(b)[seatName(b)] == planted {
		t.Fatalf("%d sessions; the planted value was taken: %v", len(first), cookiesOf(b)[seatName(b)] == planted)
	}
	if p := w.browser("", "").do(http.MethodGet, w.url+"/api/whoami", "", "Cookie", seatName(b)+"="+planted); p.status != http.StatusUnauthorized {
		t.Errorf("the planted value: %d", p.status)
	}
	start, err := w.gateway.app.signIn.Start(t.Context(), time.Now().Add(time.Second), startAs(b))
	if err != nil {
		t.Fatal(err)
	}
	held := cookiesOf(b)[seatName(b)]
	b.visit(start)
	second := w.sessions()
	if len(second) != 1 || second[0].ID == first[0].ID || cookiesOf(b)[seatName(b)] == held {
		t.Errorf("after a second sign-in: %d sessions, same id %v, same value %v", len(second), second[0].ID == first[0].ID, cookiesOf(b)[seatName(b)] == held)
	}
}

func TestAFloodOfUnknownKeyIDsIsThrottled(t *testing.T) {
	var keys, n atomic.Int64
	w := newWorld(t, devprovider.Options{}, "")
	w.provider.SetFaults(devprovider.Faults{
		Before: func(e devprovider.Endpoint, _ *http.Request) *devprovider.Answer {
			if e == devprovider.Keys {
				keys.Add(1)
			}
			return nil
		},
		Sign: func(key devprovider.SigningKey, claims map[string]any) (string, error) {
			key.ID = fmt.Sprintf("unknown-%d", n.Add(1))
			token, err := devprovider.SignWithStrangerKey(key, claims)
			return token, err
		},
	})
	for range 12 {
		b := w.browser("alice", "wonderland")
		if p := b.visit("/"); p.status < 400 || len(w.sessions()) != 0 {
			t.Fatalf("a forged token: %d, %d sessions", p.status, len(w.sessions()))
		}
	}
	if got := keys.Load(); n.Load() < 12 || got > 6 {
		t.Errorf("%d forged tokens made %d requests for keys", n.Load(), got)
	}
	w.provider.SetFaults(devprovider.Faults{})
	if p := w.browser("alice", "wonderland").visit("/"); p.status != http.StatusOK {
		t.Errorf("a good sign-in right after: %d", p.status)
	}
}
