package devprovider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// logoutCase is what the rows of the table have to work with: two browsers, alice's and bob's, and
// an ID token of an earlier session in alice's browser.
type logoutCase struct {
	s                 *devprovider.Server
	alice, bob        *devprovider.Visitor
	hint, older, bobs string
}

func newLogoutCase(t *testing.T, change func(*devprovider.Options)) *logoutCase {
	t.Helper()
	s := start(t, change)
	c := &logoutCase{s: s, alice: alice(t, s), bob: devprovider.NewVisitor(s.Issuer(), jar(t), nil, "bob", "builder")}
	c.older = signIn(t, s, c.alice).id
	if _, err := s.EndSession(payload(t, c.older)["sid"].(string)); err != nil {
		t.Fatal(err)
	}
	c.hint = signIn(t, s, c.alice).id
	c.bobs = signIn(t, s, c.bob).id
	return c
}

func (c *logoutCase) live() string {
	var names []string
	for _, sess := range c.s.Sessions() {
		names = append(names, sess.Username)
	}
	if len(names) == 2 {
		return "alice bob"
	}
	return strings.Join(names, " ")
}

func TestEndSessionAnswersAsKeycloakDoes(t *testing.T) {
	type params map[string]string
	const back = returnURI + "&state=st"
	for name, tc := range map[string]struct {
		change  func(*devprovider.Options)
		params  func(*logoutCase) params
		browser string // alice, bob, none
		status  int
		to      string
		confirm bool
		live    string
	}{
		"hint and registered URI": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.hint, "post_logout_redirect_uri": returnURI, "state": "st"}
			},
			browser: "alice", status: 302, to: back, live: "bob",
		},
		"hint, client_id and URI": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.hint, "client_id": clientID, "post_logout_redirect_uri": returnURI}
			},
			browser: "alice", status: 302, to: returnURI, live: "bob",
		},
		"hint, no cookies: ends the session": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.hint, "post_logout_redirect_uri": returnURI, "state": "st"}
			},
			browser: "none", status: 302, to: back, live: "bob",
		},
		"hint of a session already gone, no cookies": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.older, "post_logout_redirect_uri": returnURI, "state": "st"}
			},
			browser: "none", status: 302, to: back, live: "alice bob",
		},
		"hint of an older session of this browser": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.older, "post_logout_redirect_uri": returnURI, "state": "st"}
			},
			browser: "alice", status: 200, to: back, confirm: true, live: "alice bob",
		},
		"hint of another person than the browser's": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.bobs, "post_logout_redirect_uri": returnURI, "state": "st"}
			},
			browser: "alice", status: 200, to: back, confirm: true, live: "alice bob",
		},
		"client_id and URI, no hint": {
			params: func(*logoutCase) params {
				return params{"client_id": clientID, "post_logout_redirect_uri": returnURI, "state": "st"}
			},
			browser: "alice", status: 200, to: back, confirm: true, live: "alice bob",
		},
		"client_id and URI, nobody signed in": {
			params:  func(*logoutCase) params { return params{"client_id": clientID, "post_logout_redirect_uri": returnURI} },
			browser: "none", status: 302, to: returnURI, live: "alice bob",
		},
		"URI only": {
			params:  func(*logoutCase) params { return params{"post_logout_redirect_uri": returnURI} },
			browser: "alice", status: 400, live: "alice bob",
		},
		"unregistered URI": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.hint, "post_logout_redirect_uri": returnURI + "&x"}
			},
			browser: "alice", status: 400, live: "alice bob",
		},
		"another client's URI": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.hint, "post_logout_redirect_uri": "https://other.example/"}
			},
			browser: "alice", status: 400, live: "alice bob",
		},
		"garbage hint": {
			params: func(*logoutCase) params {
				return params{"id_token_hint": "a.b.c", "post_logout_redirect_uri": returnURI}
			},
			browser: "alice", status: 400, live: "alice bob",
		},
		"hint with a cut signature": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.hint[:len(c.hint)-6], "post_logout_redirect_uri": returnURI}
			},
			browser: "alice", status: 400, live: "alice bob",
		},
		"client_id is not the hint's audience": {
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.hint, "client_id": otherClientID, "post_logout_redirect_uri": "https://other.example/"}
			},
			browser: "alice", status: 400, live: "alice bob",
		},
		"unknown client": {
			params:  func(*logoutCase) params { return params{"client_id": "nobody"} },
			browser: "alice", status: 400, live: "alice bob",
		},
		"hint only": {
			params:  func(c *logoutCase) params { return params{"id_token_hint": c.hint} },
			browser: "alice", status: 200, live: "bob",
		},
		"nothing at all": {
			params:  func(*logoutCase) params { return params{} },
			browser: "alice", status: 200, confirm: true, live: "alice bob",
		},
		"nothing at all, nobody signed in": {
			params:  func(*logoutCase) params { return params{} },
			browser: "none", status: 200, live: "alice bob",
		},
		"a provider that always asks": {
			change: func(o *devprovider.Options) { o.AlwaysConfirmLogout = true },
			params: func(c *logoutCase) params {
				return params{"id_token_hint": c.hint, "post_logout_redirect_uri": returnURI, "state": "st"}
			},
			browser: "alice", status: 200, to: back, confirm: true, live: "alice bob",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newLogoutCase(t, tc.change)
			q := url.Values{}
			for k, v := range tc.params(c) {
				q.Set(k, v)
			}
			browser := map[string]http.CookieJar{"alice": c.alice.Client.Jar, "bob": c.bob.Client.Jar, "none": nil}[tc.browser]
			status, header, body := do(t, request(t, c.s, "/end-session?"+q.Encode(), nil, nil), browser)
			to := header.Get("Location")
			action := regexp.MustCompile(`action="(/end-session/confirm/[^"]+)"`).FindSubmatch(body)
			got := []any{status, c.live(), action != nil}
			if diff := cmp.Diff([]any{tc.status, tc.live, tc.confirm}, got); diff != "" {
				t.Fatalf("status, live sessions, confirmation asked (-want +got):\n%s", diff)
			}
			if tc.confirm {
				status, header, _ = do(t, request(t, c.s, string(action[1]), url.Values{"answer": {"yes"}}, nil), browser)
				if to = header.Get("Location"); c.live() != "bob" {
					t.Errorf("after yes (%d) alive: %s", status, c.live())
				}
			}
			if to != tc.to {
				t.Errorf("sent to %q, want %q", to, tc.to)
			}
		})
	}
}

func TestSigningOutEndsTokensAndAsksForThePasswordAgain(t *testing.T) {
	s := start(t, nil)
	v := alice(t, s)
	got := signIn(t, s, v)
	form := url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {returnURI}}
	if status, _, _ := do(t, request(t, s, "/end-session", form, nil), v.Client.Jar); status != http.StatusSeeOther {
		t.Errorf("a posted sign-out was answered %d", status)
	}
	if s.TokenLives(got.access) || s.TokenLives(got.refresh) || s.LiveGrants() != 0 || s.Counters().Logouts != 1 {
		t.Error("tokens outlived the sign-out")
	}
	v.Asked = nil
	visit(t, v, authURL(s))
	if diff := cmp.Diff([]string{"login"}, v.Asked); diff != "" {
		t.Errorf("the next sign-in asked (-want +got):\n%s", diff)
	}
}

func TestAnExpiredHintStillSignsOut(t *testing.T) {
	clock := newClock()
	s := start(t, func(o *devprovider.Options) { o.Now, o.IDTokenLife = clock.now, time.Second })
	v := alice(t, s)
	got := signIn(t, s, v)
	clock.advance(time.Hour)
	q := url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {returnURI}}
	status, _, _ := do(t, request(t, s, "/end-session?"+q.Encode(), nil, nil), v.Client.Jar)
	if status != http.StatusFound || len(s.Sessions()) != 0 {
		t.Errorf("%d, %d sessions left", status, len(s.Sessions()))
	}
}

func TestAHintOfAnotherIssuerIsRefusedThoughTheKeyIsTheSame(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shared := func(o *devprovider.Options) { o.Key = key }
	s, sibling := start(t, shared), start(t, shared)
	theirs := signIn(t, sibling, alice(t, sibling))
	q := url.Values{"id_token_hint": {theirs.id}, "post_logout_redirect_uri": {returnURI}}
	if status, _, _ := do(t, request(t, s, "/end-session?"+q.Encode(), nil, nil), nil); status != http.StatusBadRequest {
		t.Errorf("answered %d", status)
	}
}

func TestOfflineGrantsOutliveTheSessionWhereAsked(t *testing.T) {
	for _, outlive := range []bool{false, true} {
		s := start(t, func(o *devprovider.Options) { o.OfflineOutlivesSession = outlive })
		v := alice(t, s)
		offline := signIn(t, s, v, "scope", "openid offline_access")
		online := signIn(t, s, v)
		if _, err := s.EndSession(s.Sessions()[0].SID); err != nil {
			t.Fatal(err)
		}
		if s.TokenLives(offline.refresh) != outlive || s.TokenLives(online.refresh) {
			t.Errorf("outlive %v: offline %v, online %v", outlive, s.TokenLives(offline.refresh), s.TokenLives(online.refresh))
		}
	}
}

func TestAConfirmationBelongsToItsBrowserAndMayBeRefused(t *testing.T) {
	c := newLogoutCase(t, nil)
	ask := func() string {
		_, _, body := do(t, request(t, c.s, "/end-session", nil, nil), c.alice.Client.Jar)
		return string(regexp.MustCompile(`/end-session/confirm/[^"]+`).Find(body))
	}
	yes := url.Values{"answer": {"yes"}}
	if status, _, _ := do(t, request(t, c.s, ask(), yes, nil), c.bob.Client.Jar); status != http.StatusNotFound {
		t.Errorf("another browser confirmed: %d", status)
	}
	cross := request(t, c.s, ask(), yes, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") })
	if status, _, _ := do(t, cross, c.alice.Client.Jar); status != http.StatusForbidden {
		t.Errorf("another site confirmed: %d", status)
	}
	do(t, request(t, c.s, ask(), url.Values{"answer": {"no"}}, nil), c.alice.Client.Jar)
	if c.live() != "alice bob" {
		t.Errorf("alive: %s", c.live())
	}
}

func TestSigningOutAtTheProviderItselfEndsItsSession(t *testing.T) {
	c := newLogoutCase(t, nil)
	status, _, body := do(t, request(t, c.s, "/", nil, nil), c.alice.Client.Jar)
	if status != http.StatusOK || !strings.Contains(string(body), `id="signed-in"`) {
		t.Errorf("home: %d", status)
	}
	cross := request(t, c.s, "/sign-out", url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	do(t, cross, c.alice.Client.Jar)
	if c.live() != "alice bob" {
		t.Error("another site signed alice out")
	}
	do(t, request(t, c.s, "/sign-out", url.Values{}, nil), c.alice.Client.Jar)
	if c.live() != "bob" {
		t.Errorf("alive: %s", c.live())
	}
	if status, _, _ := do(t, request(t, c.s, "/sign-out", url.Values{}, nil), c.alice.Client.Jar); status != http.StatusSeeOther {
		t.Errorf("signed out twice: %d", status)
	}
}
