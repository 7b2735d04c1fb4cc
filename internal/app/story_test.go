package app

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func whoami(t *testing.T, p page) map[string]any {
	t.Helper()
	if p.status != http.StatusOK {
		t.Fatalf("whoami: %d %s", p.status, p.body)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(p.body), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOnePersonsStory(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")

	if p := b.fetch("/api/whoami"); p.status != http.StatusUnauthorized || p.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("without a session: %d %s", p.status, p.body)
	}
	p := b.visit("/?from=bookmark")
	if p.status != http.StatusOK || !strings.HasSuffix(p.url, "/?from=bookmark") {
		t.Fatalf("after signing in: %d at %s\n%s", p.status, p.url, p.body)
	}
	if !strings.Contains(b.fetch("/api/whoami").body, "alice") {
		t.Fatalf("the app was not told who it is: %s", b.fetch("/api/whoami").body)
	}

	w.stop()
	w.start()
	if got := b.fetch("/api/whoami"); got.status != http.StatusOK {
		t.Fatalf("after a restart: %d", got.status)
	}

	b.asked = nil
	out := b.signOut()
	if out.status != http.StatusOK || !strings.Contains(out.url, "/.cardea/signed-out?state=") {
		t.Fatalf("after signing out: %d at %s", out.status, out.url)
	}
	if !strings.Contains(out.body, "signed out") {
		t.Errorf("the signed-out page says\n%s", out.body)
	}
	if n := len(w.provider.Sessions()); n != 0 {
		t.Errorf("%d sessions live on at the provider", n)
	}
	if got := b.fetch("/api/whoami"); got.status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", got.status)
	}
	if got := b.visit("/"); !strings.Contains(got.url, "/.cardea/signed-out") {
		t.Errorf("a page asked for after signing out leads to %s", got.url)
	}
	if len(b.asked) != 0 {
		t.Errorf("signing out asked %v", b.asked)
	}

	if p := b.visit("/.cardea/sign-in"); p.status != http.StatusOK {
		t.Fatalf("signing in again: %d %s", p.status, p.body)
	}
	if len(b.asked) == 0 {
		t.Error("nobody was asked for a password")
	}
	if leak := leaked(w); leak != "" {
		t.Errorf("the log holds %s", leak)
	}
}

// leaked returns what of the provider's secrets stands in the log.
func leaked(w *world) string {
	text := w.log.String()
	// A random id may end with the three letters that tokens begin with.
	if at := regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}`).FindStringIndex(text); at != nil {
		return text[max(0, at[0]-80):min(len(text), at[0]+80)]
	}
	for _, secret := range []string{"s3cret", "wonderland", "state=", "code="} {
		if i := strings.Index(text, secret); i >= 0 && !strings.HasPrefix(text[i:], secret+"********") {
			return text[max(0, i-80):min(len(text), i+80)]
		}
	}
	return ""
}
