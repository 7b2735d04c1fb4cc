package app

import (
	"bufio"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

// formOf finds the form that is posted to an address and has what else it must have, and
// returns its fields.
func formOf(t *testing.T, p page, action, has string) url.Values {
	t.Helper()
	input := regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	for _, part := range strings.Split(p.body, "<form ")[1:] {
		form, _, _ := strings.Cut(part, "</form>")
		if !strings.Contains(form, `action="`+action+`"`) || !strings.Contains(form, has) {
			continue
		}
		v := url.Values{}
		for _, m := range input.FindAllStringSubmatch(form, -1) {
			v.Set(m[1], m[2])
		}
		return v
	}
	t.Fatalf("no form goes to %s:\n%s", action, p.body)
	return nil
}

// post sends a form as a page of the gateway does, and follows where it leads.
func (b *browser) post(action string, v url.Values) page {
	b.w.t.Helper()
	p := b.do(http.MethodPost, b.w.url+action, v.Encode(), "Origin", b.w.url, "Content-Type", "application/x-www-form-urlencoded",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
	if p.status == http.StatusSeeOther {
		return b.visit(p.header.Get("Location"))
	}
	return p
}

func devices(p page) int { return strings.Count(p.body, `class="icon"`) }

func TestAPersonSignsAnotherDeviceOutFromTheAccountPage(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	laptop, phone, bob := w.browser("alice", "wonderland"), w.browser("alice", "wonderland"), w.browser("bob", "builder")
	for _, b := range []*browser{laptop, phone, bob} {
		b.visit("/")
	}
	mine, theirs, others := laptop.open("/ws"), phone.open("/ws"), bob.open("/ws")
	defer mine.CloseNow()
	defer theirs.CloseNow()
	defer others.CloseNow()
	stream, err := laptop.stream("/.cardea/events?of=account")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	heard := make(chan string, 16)
	go func() {
		for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				heard <- name
			}
		}
	}()

	before := laptop.visit("/.cardea/account")
	if before.status != http.StatusOK || devices(before) != 2 || strings.Contains(before.body, "bob") {
		t.Fatalf("%d with %d devices\n%s", before.status, devices(before), before.body)
	}
	form := formOf(t, before, "/.cardea/account/sign-out", `name="session"`)
	after := laptop.post("/.cardea/account/sign-out", form)
	if after.status != http.StatusOK || devices(after) != 1 || !strings.Contains(after.body, "That device is signed out.") ||
		!strings.Contains(after.body, "Signed out from another device") {
		t.Errorf("%d with %d devices\n%s", after.status, devices(after), after.body)
	}
	if _, code := closed(t, theirs); code != websocket.StatusPolicyViolation {
		t.Errorf("the other device's socket closed with code %d", code)
	}
	if p := phone.fetch("/api/whoami"); p.status != http.StatusUnauthorized {
		t.Errorf("the other device: %d", p.status)
	}
	if p := phone.visit("/.cardea/account"); !strings.Contains(p.url, "/.cardea/signed-out") || !strings.Contains(p.body, "signed out from another device") {
		t.Errorf("the other device's account page: %s\n%s", p.url, p.body)
	}
	for name, c := range map[string]*websocket.Conn{"this device's": mine, "somebody else's": others} {
		if err := answers(t, c); err != nil {
			t.Errorf("%s socket: %v", name, err)
		}
	}
	for _, want := range []string{"hello", "changed"} {
		select {
		case got := <-heard:
			if got != want {
				t.Errorf("the open page heard %q, want %q", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("the open page never heard %q", want)
		}
	}
	if p := laptop.post("/.cardea/account/sign-out", form); !strings.Contains(p.body, "was signed out already") {
		t.Errorf("the same form once more: %s", p.body)
	}
	if p := bob.post("/.cardea/account/sign-out", form); p.status != http.StatusForbidden {
		t.Errorf("the form in another person's hands: %d", p.status)
	}
}

func TestSigningOutEverywhereFromTheAccountPageEndsAllAndLeadsThroughTheProvider(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	laptop, phone, bob := w.browser("alice", "wonderland"), w.browser("alice", "wonderland"), w.browser("bob", "builder")
	for _, b := range []*browser{laptop, phone, bob} {
		b.visit("/")
	}
	socket := phone.open("/ws")
	defer socket.CloseNow()
	ask := laptop.visit("/.cardea/account/sign-out-everywhere")
	p := laptop.post("/.cardea/account/sign-out-everywhere", formOf(t, ask, "/.cardea/account/sign-out-everywhere", "token"))
	if p = laptop.visit(refreshTarget(t, p.body)); !strings.Contains(p.body, "You are signed out everywhere") || !strings.Contains(p.body, "Your session at") ||
		!strings.Contains(p.body, "Your session on one other device or browser has ended.") {
		t.Errorf("%s\n%s", p.url, p.body)
	}
	if _, code := closed(t, socket); code != websocket.StatusPolicyViolation {
		t.Errorf("the other device's socket closed with code %d", code)
	}
	for name, b := range map[string]*browser{"laptop": laptop, "phone": phone} {
		if p := b.fetch("/api/whoami"); p.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, p.status)
		}
	}
	if p := bob.fetch("/api/whoami"); p.status != http.StatusOK {
		t.Errorf("somebody else: %d", p.status)
	}
}

func TestAnOldSignInIsRenewedBeforeAnActAndTheActWaitsForAClick(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	laptop, phone := w.browser("alice", "wonderland"), w.browser("alice", "wonderland")
	laptop.visit("/")
	phone.visit("/")
	// The person authenticated an hour ago.
	w.change(func(s *session.Session) { s.AuthTime = time.Now().Add(-time.Hour) })
	page := laptop.visit("/.cardea/account")
	form := formOf(t, page, "/.cardea/account/sign-out", `name="session"`)
	on := laptop.post("/.cardea/account/sign-out", form)
	if on.status != http.StatusOK || !strings.Contains(on.body, "and then come back") {
		t.Fatalf("%d\n%s", on.status, on.body)
	}
	back := laptop.visit(refreshTarget(t, on.body))
	if !strings.Contains(back.url, "/.cardea/account?act=sign-out") || !strings.Contains(back.body, "can be signed out now") || devices(back) != 2 {
		t.Fatalf("%s\n%s", back.url, back.body)
	}
	if p := phone.fetch("/api/whoami"); p.status != http.StatusOK {
		t.Errorf("the act was done without a click: %d", p.status)
	}
	if p := laptop.post("/.cardea/account/sign-out", form); p.status != http.StatusForbidden || !strings.Contains(p.body, "Nothing was changed") {
		t.Errorf("the form of the session before: %d", p.status)
	}
	done := laptop.post("/.cardea/account/sign-out", formOf(t, back, "/.cardea/account/sign-out", `name="session"`))
	if !strings.Contains(done.body, "That device is signed out.") || devices(done) != 1 {
		t.Errorf("%s", done.body)
	}
	if p := phone.fetch("/api/whoami"); p.status != http.StatusUnauthorized {
		t.Errorf("the other device: %d", p.status)
	}
}
