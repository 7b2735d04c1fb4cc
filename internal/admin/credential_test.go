package admin

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const token = "correct-horse-battery-staple-0123456789"

// guarded is a gateway behind a credential, at a time that a test moves on.
func guarded(t *testing.T) (http.Handler, *time.Time, *bytes.Buffer) {
	t.Helper()
	logs, at := &bytes.Buffer{}, now
	o := options(full(), logs)
	o.Credential, o.Now, o.Logger = &Credential{Token: token, Host: "gate.internal:9443"}, func() time.Time { return at }, slog.New(slog.NewTextHandler(logs, nil))
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return described(t, h), &at, logs
}

// knock asks with these headers, from an address.
func knock(h http.Handler, from, host string, authorization ...string) int {
	r := httptest.NewRequest(http.MethodGet, "http://"+host+"/v1/sessions", nil)
	r.RemoteAddr = from
	for _, a := range authorization {
		r.Header.Add("Authorization", a)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestOnlyTheCredentialOpensAnAddress(t *testing.T) {
	h, _, logs := guarded(t)
	const from, host = "127.0.0.1:1", "gate.internal:9443"
	for name, tc := range map[string]struct {
		host   string
		header []string
		want   int
	}{
		"right":                    {host, []string{"Bearer " + token}, 200},
		"scheme in another case":   {"GATE.internal:9443", []string{"bearer " + token}, 200},
		"none":                     {host, nil, 401},
		"empty":                    {host, []string{"Bearer "}, 401},
		"another":                  {host, []string{"Bearer " + strings.Repeat("x", len(token))}, 401},
		"a part":                   {host, []string{"Bearer " + token[:len(token)-1]}, 401},
		"more":                     {host, []string{"Bearer " + token + "x"}, 401},
		"basic":                    {host, []string{"Basic " + token}, 401},
		"bare":                     {host, []string{token}, 401},
		"two":                      {host, []string{"Bearer " + token, "Bearer " + token}, 401},
		"another gateway's":        {"other.internal:9443", []string{"Bearer " + token}, 421},
		"a name that leads here":   {"evil.example", []string{"Bearer " + token}, 421},
		"another port":             {"gate.internal", []string{"Bearer " + token}, 421},
		"the name with a dot more": {"gate.internal.:9443", []string{"Bearer " + token}, 421},
	} {
		if got := knock(h, "10.0.0."+string(rune('a'+len(name)%20)), tc.host, tc.header...); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	if strings.Contains(logs.String(), token[:12]) {
		t.Error("the log has the token")
	}
	r := httptest.NewRequest(http.MethodGet, "http://"+host+"/v1/sessions?token="+token+"&access_token="+token, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
		t.Errorf("in the query: %d %v", w.Code, w.Header())
	}
}

func TestABrowserIsRefusedThoughItBringsTheCredential(t *testing.T) {
	h, _, _ := guarded(t)
	for name, value := range map[string]string{"Origin": "http://gate.internal:9443", "Sec-Fetch-Site": "same-origin"} {
		r := httptest.NewRequest(http.MethodGet, "http://gate.internal:9443/v1/sessions", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set(name, value)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestWrongCredentialsAreBoundedByAddress(t *testing.T) {
	h, at, logs := guarded(t)
	const host, right = "gate.internal:9443", "Bearer " + token
	for i := range maxFailures {
		if got := knock(h, "[2001:db8::1]:1", host, "Bearer wrong"); got != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", i, got)
		}
	}
	for from, want := range map[string]int{"[2001:db8::1]:2": 429, "[2001:db8::ffff:1]:2": 429, "[2001:db8:0:1::1]:2": 200, "192.0.2.1:2": 200} {
		if got := knock(h, from, host, right); got != want {
			t.Errorf("%s: %d, want %d", from, got, want)
		}
	}
	if n := strings.Count(logs.String(), "administration refused"); n != 2 {
		t.Errorf("%d lines for %d failures:\n%s", n, maxFailures, logs)
	}
	*at = at.Add(failureWindow)
	if got := knock(h, "[2001:db8::1]:3", host, right); got != http.StatusOK {
		t.Errorf("after a minute: %d", got)
	}
}

func TestFailuresOfManyAddressesTakeBoundedMemory(t *testing.T) {
	g, err := newGate(Credential{Token: token, Host: "x"}, slog.New(slog.DiscardHandler), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 * maxAddresses {
		g.failed(string(rune(i)))
	}
	if len(g.failures) > maxAddresses {
		t.Errorf("%d addresses are kept", len(g.failures))
	}
}

func TestACredentialThatProtectsNothingIsRefused(t *testing.T) {
	for _, c := range []Credential{{}, {Token: token}, {Host: "x"}, {Token: "short", Host: "x"}} {
		o := options(full(), &bytes.Buffer{})
		o.Credential = &c
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
