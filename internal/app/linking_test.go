package app

import (
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// twoWorld is a world with a second provider, where people have the same names.
type twoWorld struct {
	*world
	second *devprovider.Server
}

func newTwoWorld(t *testing.T, both, extra string) *twoWorld {
	t.Helper()
	w := newWorld(t, devprovider.Options{}, "")
	w.stop()
	second, err := devprovider.Start(t.Context(), devprovider.Options{
		SkipConsent: true, RefreshRotation: true,
		Clients: []devprovider.Client{{
			ID: "cardea", Secret: "s3cret", RedirectURIs: []string{w.url + "/.cardea/callback/second"},
			PostLogoutRedirectURIs: []string{w.url + "/.cardea/signed-out"},
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	w.more = both
	w.extra = "  - {id: second, kind: oidc, issuer: \"" + second.Issuer() + "\", client_id: cardea, client_secret_env: SECRET" + both + "}\n" + extra
	w.start()
	return &twoWorld{world: w, second: second}
}

// goes is visit where the second provider is met too.
func (w *twoWorld) goes(b *browser, target string) page {
	w.t.Helper()
	for range 20 {
		if strings.HasPrefix(target, "/") {
			target = w.url + target
		}
		if strings.HasPrefix(target, w.second.Issuer()) {
			next, err := devprovider.NewVisitor(w.second.Issuer(), b.jar, nil, b.as, b.pass).Visit(w.t.Context(), target)
			if err != nil {
				w.t.Fatalf("at the second provider: %v", err)
			}
			target = next.String()
			continue
		}
		if strings.HasPrefix(target, w.provider.Issuer()) {
			target = b.atProvider(target)
			continue
		}
		p := b.do(http.MethodGet, target, "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
		if target = p.header.Get("Location"); target == "" {
			return p
		}
	}
	w.t.Fatalf("redirects without end, last to %s", target)
	return page{}
}

var (
	formsIn  = regexp.MustCompile(`(?s)<form[^>]* action="([^"]+)"[^>]*>(.*?)</form>`)
	fieldsIn = regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`)
)

// posted is the form on the account page that goes to an act, with a field of this value.
func (w *twoWorld) posted(b *browser, act, field, value string) page {
	w.t.Helper()
	p := w.goes(b, "/.cardea/account")
	for _, f := range formsIn.FindAllStringSubmatch(p.body, -1) {
		form := url.Values{}
		for _, in := range fieldsIn.FindAllStringSubmatch(f[2], -1) {
			form.Set(in[1], html.UnescapeString(in[2]))
		}
		if !strings.HasSuffix(f[1], "/.cardea/account/"+act) || form.Get(field) != value {
			continue
		}
		return b.do(http.MethodPost, w.url+"/.cardea/account/"+act, form.Encode(), "Origin", w.url, "Content-Type", "application/x-www-form-urlencoded",
			"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
	}
	w.t.Fatalf("no form for %s with %s=%s on %d:\n%s", act, field, value, p.status, p.body)
	return page{}
}

// whereTo is where the answer to a form leads: a redirect, or a page that moves on.
func whereTo(t *testing.T, p page) string {
	t.Helper()
	if next := p.header.Get("Location"); next != "" {
		return next
	}
	return refreshTarget(t, p.body)
}

// links links the second provider to the account of a browser that is signed in.
func (w *twoWorld) links(b *browser) page {
	w.t.Helper()
	return w.goes(b, whereTo(w.t, w.posted(b, "link", "provider", "second")))
}

func (w *twoWorld) whoami(b *browser, provider string) string {
	w.t.Helper()
	p := w.goes(b, "/.cardea/sign-in?return=%2Fapi%2Fwhoami&provider="+provider)
	if p.status != http.StatusOK {
		w.t.Fatalf("by %s: %d %s", provider, p.status, p.body)
	}
	return p.body
}

// account is what operators see of somebody.
func (w *twoWorld) account(name string) *admin.AccountDetails {
	w.t.Helper()
	shown, err := w.operator().Account(w.t.Context(), name)
	if err != nil || shown.Account == nil {
		w.t.Fatalf("%+v, %v", shown, err)
	}
	return shown.Account
}

func keyOf(a *admin.AccountDetails, provider string) string {
	for _, i := range a.Identities {
		if i.Provider == provider {
			return i.Key
		}
	}
	return ""
}

func TestOnePersonByTwoProvidersLinkedUnlinkedAndLinkedAgain(t *testing.T) {
	w := newTwoWorld(t, "", "")
	laptop := w.browser("alice", "wonderland")
	before := w.whoami(laptop, "main")
	alice := w.account("alice")
	for round, want := range []string{"linked", "already-linked"} {
		if p := w.links(laptop); p.status != http.StatusOK || !strings.HasSuffix(p.url, "/.cardea/account?done="+want+"&provider=second") {
			t.Fatalf("round %d ends at %s: %d\n%s", round, p.url, p.status, p.body)
		}
	}
	if now := w.account(alice.ID); len(now.Identities) != 2 || now.Sessions != 1 {
		t.Fatalf("%+v", now)
	}
	laptop.signOut()
	phone := w.browser("alice", "wonderland")
	if after := w.whoami(phone, "second"); after != before {
		t.Errorf("by the second provider the app sees %s, by the first %s", after, before)
	}
	w.whoami(laptop, "main")

	// Unlinked on the laptop, the phone that signed in by it is out; the laptop stays.
	socket := phone.open("/ws")
	defer socket.CloseNow()
	p := w.posted(laptop, "unlink", "identity", keyOf(w.account(alice.ID), "second"))
	closed(t, socket)
	if p.status >= 400 {
		t.Fatalf("unlink: %d %s", p.status, p.body)
	}
	if p := phone.fetch("/api/whoami"); p.status != http.StatusUnauthorized {
		t.Errorf("the phone: %d", p.status)
	}
	if p := laptop.fetch("/api/whoami"); p.status != http.StatusOK {
		t.Errorf("the laptop: %d", p.status)
	}
	if now := w.account(alice.ID); len(now.Identities) != 1 || now.Sessions != 1 {
		t.Errorf("%+v", now)
	}
	if p := w.links(laptop); !strings.HasSuffix(p.url, "?done=linked&provider=second") {
		t.Errorf("once more: %s, %d", p.url, p.status)
	}
	if after := w.whoami(w.browser("alice", "wonderland"), "second"); after != before {
		t.Errorf("after linking again the app sees %s", after)
	}
	w.trailHas(alice.ID, audit.IdentityLinked, audit.IdentityUnlinked, audit.IdentityLinked)
}

// trailHas demands events about an account's identities, in this order.
func (w *twoWorld) trailHas(id string, want ...audit.Type) {
	w.t.Helper()
	events, err := w.gateway.app.storage.store.AuditEvents(w.t.Context(), audit.Filter{Account: id, Limit: 1000,
		Types: []audit.Type{audit.IdentityLinked, audit.IdentityUnlinked, audit.IdentityLinkRefused}})
	if err != nil {
		w.t.Fatal(err)
	}
	var got []audit.Type
	for _, e := range events {
		got = append(got, e.Type)
		if err := audit.Check(e); err != nil {
			w.t.Error(err)
		}
	}
	if len(got) != len(want) {
		w.t.Fatalf("the trail has %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			w.t.Errorf("event %d is %s, want %s", i, got[i], want[i])
		}
	}
}

func TestTheSameNameAtTwoProvidersIsTwoPeopleUntilOneOfThemLinks(t *testing.T) {
	w := newTwoWorld(t, "", "")
	first, other := w.browser("alice", "wonderland"), w.browser("alice", "wonderland")
	w.whoami(first, "main")
	w.whoami(other, "second") // the same subject and e-mail, at another issuer
	alice, second := w.account("alice"), w.account("alice-2")
	if alice.ID == second.ID {
		t.Fatal("one account")
	}
	// What is another account's is not moved, and the page says whose choice it is.
	p := w.links(first)
	if p.status != http.StatusConflict || !strings.Contains(p.body, "belongs to another account") || strings.Contains(p.body, "alice-2") {
		t.Fatalf("%d\n%s", p.status, p.body)
	}
	why, problem := w.asked(p.reference(t))
	if why.Reason != "taken/only" || why.Kind != "link-refused" || !strings.Contains(strings.Join(why.Commands, "\n"), "cardea accounts delete "+second.Handle) {
		t.Errorf("%+v %+v", why, problem)
	}
	if len(w.account(alice.ID).Identities) != 1 || len(w.account(second.ID).Identities) != 1 {
		t.Error("moved")
	}
	w.trailHas(alice.ID, audit.IdentityLinkRefused)
	// The operator cannot take an only identity, and can delete what is not to stay.
	if _, err := w.operator().Unlink(t.Context(), second.ID, keyOf(second, "second")); err == nil || !strings.Contains(err.Error(), "only identity") {
		t.Errorf("%v", err)
	}
	if _, err := w.operator().Delete(t.Context(), second.ID, second.Handle); err != nil {
		t.Fatal(err)
	}
	if p := w.links(first); !strings.HasSuffix(p.url, "?done=linked&provider=second") {
		t.Errorf("%d %s\n%s", p.status, p.url, p.body)
	}
	act, err := w.operator().Unlink(t.Context(), "alice", keyOf(w.account(alice.ID), "second"))
	if err != nil || !act.Finished || act.Ended != 0 {
		t.Errorf("%+v, %v", act, err)
	}
}

func TestAnIdentityOfAWithdrawnProviderIsNoWayInForTheOperatorEither(t *testing.T) {
	w := newTwoWorld(t, "", "")
	laptop := w.browser("alice", "wonderland")
	w.whoami(laptop, "main")
	w.links(laptop)
	alice := w.account("alice")
	w.stop()
	w.extra = ""
	w.start()
	if _, err := w.operator().Unlink(t.Context(), alice.ID, keyOf(alice, "main")); err == nil || !strings.Contains(err.Error(), "only identity") {
		t.Errorf("%v", err)
	}
	if now := w.account(alice.ID); len(now.Identities) != 2 {
		t.Errorf("%+v", now)
	}
	if act, err := w.operator().Unlink(t.Context(), alice.ID, keyOf(alice, "second")); err != nil || !act.Finished {
		t.Errorf("what is of no use: %+v, %v", act, err)
	}
}

func TestALinkingThatAnotherBrowserFinishesLinksNothing(t *testing.T) {
	w := newTwoWorld(t, "", "")
	victim, attacker := w.browser("alice", "wonderland"), w.browser("bob", "builder")
	w.whoami(victim, "main")
	w.whoami(attacker, "main")
	// bob begins, signs in at the second provider, and sends alice the last link.
	start := whereTo(t, w.posted(attacker, "link", "provider", "second"))
	callback, err := devprovider.NewVisitor(w.second.Issuer(), attacker.jar, nil, "bob", "builder").Visit(t.Context(), start)
	if err != nil {
		t.Fatal(err)
	}
	p := victim.do(http.MethodGet, callback.String(), "", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Accept", "text/html")
	if p.status != http.StatusBadRequest || !strings.Contains(p.body, "began elsewhere") || p.header.Get("Set-Cookie") != "" {
		t.Errorf("%d %v\n%s", p.status, p.header, p.body)
	}
	if len(w.account("alice").Identities) != 1 || len(w.account("bob").Identities) != 1 {
		t.Error("linked")
	}
	// A form of another site begins nothing.
	if p := victim.do(http.MethodPost, w.url+"/.cardea/account/link", "provider=second", "Origin", "https://evil.example", "Content-Type", "application/x-www-form-urlencoded",
		"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); p.status != http.StatusForbidden || p.header.Get("Location") != "" {
		t.Errorf("a form of another site: %d", p.status)
	}
}

func TestTheSessionEndingMeanwhileLinksNothingAndSaysSo(t *testing.T) {
	w := newTwoWorld(t, "", "")
	alice := w.browser("alice", "wonderland")
	w.whoami(alice, "main")
	start := whereTo(t, w.posted(alice, "link", "provider", "second"))
	if _, err := w.operator().End(t.Context(), admin.EndRequest{Account: "alice"}, nil); err != nil {
		t.Fatal(err)
	}
	p := w.goes(alice, start)
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "Nothing was linked") {
		t.Errorf("%d\n%s", p.status, p.body)
	}
	if why, _ := w.asked(p.reference(t)); why.Reason != "session-gone" {
		t.Errorf("%+v", why)
	}
	if len(w.account("alice").Identities) != 1 {
		t.Error("linked")
	}
}

func TestAnInterruptedUnlinkingIsFinishedAfterTheStart(t *testing.T) {
	w := newTwoWorld(t, "", "")
	laptop, phone := w.browser("alice", "wonderland"), w.browser("alice", "wonderland")
	w.whoami(laptop, "main")
	w.links(laptop)
	w.whoami(phone, "second")
	alice := w.account("alice")
	// A crash between the identity's end and that of its sessions.
	var of oidc.Identity
	for _, i := range alice.Identities {
		if i.Provider == "second" {
			of = oidc.Identity{Issuer: i.Issuer, Subject: i.Subject}
		}
	}
	if err := w.gateway.app.storage.store.Unlink(t.Context(), time.Now(), alice.ID, of, "test", func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.start()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		list, err := w.gateway.app.storage.store.List(t.Context(), session.Filter{Account: alice.ID})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 && list[0].Provider == "main" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d sessions are left", len(list))
		}
	}
	left, err := w.gateway.app.storage.store.Unlinkings(t.Context(), 10)
	for end := time.Now().Add(patience); len(left) > 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		left, err = w.gateway.app.storage.store.Unlinkings(t.Context(), 10)
	}
	if err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestAVerifiedEmailLinksWhereTheOperatorTrustsBothProvidersWithIt(t *testing.T) {
	for name, tc := range map[string]struct {
		both string
		want bool
	}{
		"not by default": {"", false},
		"both marked":    {", link_verified_email: true", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwoWorld(t, tc.both, "")
			before := w.whoami(w.browser("alice", "wonderland"), "main")
			after := w.whoami(w.browser("alice", "wonderland"), "second")
			if (before == after) != tc.want {
				t.Errorf("first %s, second %s", before, after)
			}
			linked := w.account("alice")
			if (len(linked.Identities) == 2) != tc.want || !tc.want {
				return
			}
			events, err := w.gateway.app.storage.store.AuditEvents(t.Context(), audit.Filter{Account: linked.ID, Types: []audit.Type{audit.IdentityLinked}})
			if err != nil || len(events) != 1 || events[0].Detail["how"] != "automatic" || errors.Is(audit.Check(events[0]), audit.ErrType) {
				t.Errorf("%+v, %v", events, err)
			}
			if !strings.Contains(w.log.String(), "identity linked by its verified e-mail") {
				t.Error("the log does not say so")
			}
		})
	}
}
