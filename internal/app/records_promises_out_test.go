package app

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// endsThere tells whether the provider's session is gone once the browser was there.
func endsThere(r record.Record) bool {
	return r.SignOut.Kind != record.SignOutNone && r.SignOut.EndsSSOByDefault == record.Yes
}

// forced tells whether the record knows a means that makes the provider ask for
// credentials.
func forced(r record.Record) bool {
	return r.FreshLogin.By != record.FreshByImpossible && r.FreshLogin.By != record.FreshBySetting
}

// signsPeopleOut signs a person out at the desk who is signed in on the phone too.
func signsPeopleOut(v *verdict, s *scene) {
	desk, phone := s.tab(v, "sam"), s.tab(v, "sam")
	desk.signIn("/")
	mine := s.sessionOf(v, "sam")
	phone.signIn("/")
	var theirs *session.Session
	for _, other := range s.sessionsOf(v, "sam") {
		if other.ID != mine.ID {
			theirs = other
		}
	}
	if theirs == nil || s.atProvider("sam") != 2 {
		v.stopf("two browsers have %d sessions here and %d there", len(s.sessionsOf(v, "sam")), s.atProvider("sam"))
	}
	desk.reset()
	mine = s.byID(v, mine.ID) // a slow machine may have refreshed it
	receipt, cameBack := desk.signOut("/")
	s.checkCall(v, desk, receipt, cameBack)
	if !desk.out() {
		v.failf("the desk is still signed in here")
	}
	want := 2
	if endsThere(s.rec) {
		want = 1
	}
	if n := s.atProvider("sam"); n != want {
		v.failf("after the desk signed out %d sessions live at the provider, want %d", n, want)
	}
	if tellsByServer(s.rec) && s.rec.Notices.Sid != record.Yes && want == 1 {
		// The provider tells of the end by a token that names the person alone, which means
		// every browser: that is its word, and no sign-out of ours.
		v.eventually("the provider's notice", 5*time.Second, phone.out)
		for _, end := range s.ends(v, "sam") {
			if end.Session == theirs.ID && end.Cause != session.CauseBackChannel {
				v.failf("the phone's session ended by %s", end.Cause)
			}
		}
		return
	}
	s.checkRevoked(v, mine, theirs, phone)
}

// checkCall holds the browser's way to the provider, and the page in the end, against
// the record.
func (c *scene) checkCall(v *verdict, desk *tab, receipt page, cameBack bool) {
	so := c.rec.SignOut
	if so.Kind == record.SignOutNone {
		if len(desk.went) != 0 {
			v.failf("the browser was sent to %s at a provider without a sign-out", desk.went[0].Path)
		}
	} else if len(desk.went) == 0 {
		v.failf("the browser was not sent to the provider")
	} else {
		c.checkParams(v, desk)
		if !cameBack {
			v.failf("the provider kept the browser on a page of its own")
		}
	}
	if receipt.status != http.StatusOK || !strings.Contains(textOf(receipt.body), "signed out") {
		v.failf("the page in the end: %d %s", receipt.status, gist(receipt))
	}
	if so.Kind == record.SignOutNone || so.EndsSSOByDefault == record.No {
		c.saysOpen(v, receipt)
	}
}

// checkParams demands the parameters of the call by the record's names.
func (c *scene) checkParams(v *verdict, desk *tab) {
	got := desk.went[0].Query()
	for name, template := range c.rec.SignOut.Params {
		if template == "{logout_hint}" && c.rec.SignOut.LogoutHintClaim == "" || template == "{sid}" && c.rec.Notices.Sid != record.Yes {
			continue
		}
		if got.Get(name) == "" {
			v.failf("the call to the provider lacks %s", name)
		}
	}
	for _, q := range c.asked(devprovider.EndSession, "sam", "") {
		if q.Refused != "" {
			v.failf("the provider refused the sign-out: %s", q.Refused)
		}
	}
}

// saysOpen demands that a page says that the provider's session is open, and links to
// where people end it themselves.
func (c *scene) saysOpen(v *verdict, receipt page) {
	title := c.rec.Title
	if title == "" {
		title = "main"
	}
	if !strings.Contains(textOf(receipt.body), "Your session at "+title+" is still open.") {
		v.failf("the page does not say that the provider's session is open: %s", gist(receipt))
	}
	if manual := c.fake.Address(devprovider.Manual); manual != "" && !strings.Contains(receipt.body, `href="`+manual+`"`) {
		v.failf("the page does not link to %s", manual)
	}
}

// checkRevoked waits until tokens are revoked as the record says. One browser's sign-out
// takes nothing of another browser along.
func (c *scene) checkRevoked(v *verdict, mine, theirs *session.Session, phone *tab) {
	r := c.rec.Revocation
	alone := r.Ends == record.RevocationEndsToken || r.Ends == record.RevocationEndsSession && mine.SID != ""
	if alone {
		v.eventually("the desk's tokens are revoked", 8*time.Second, func() bool { return c.revoked(mine.Grant.Tokens) })
	} else {
		v.eventually("the desk's revocation is decided", 8*time.Second, func() bool { return !c.revoking(v, mine.ID) })
	}
	if told := phone.told(); told["X-Subject"] != c.subject("sam") {
		v.failf("the phone's app is told %q", told["X-Subject"])
	}
	now := c.sessionsOf(v, "sam")
	if len(now) != 1 || now[0].ID != theirs.ID {
		v.stopf("the phone's session did not outlive the desk's sign-out")
	}
	if kept := now[0].Grant.Tokens; now[0].Grant.State != session.GrantGood || kept.RefreshToken != "" && !c.fake.TokenLives(kept.RefreshToken) {
		v.failf("the phone's grant is lost")
	}
	phone.signOut("/")
	v.eventually("the last browser's tokens are revoked", 8*time.Second, func() bool { return c.revoked(now[0].Grant.Tokens) })
	if r.Kind == record.RevocationNone && len(c.fake.Requests(devprovider.Revocation)) != 0 {
		v.failf("a provider without revocation was asked for one")
	}
}

// revoking tells whether a session's revocation is still to be tried.
func (c *scene) revoking(v *verdict, id session.ID) bool {
	entries, err := c.gateway.app.storage.store.BySession(context.Background(), string(id))
	if err != nil {
		v.stopf("reading the outbox: %v", err)
	}
	return slices.ContainsFunc(entries, func(e outbox.Entry) bool { return e.Kind == outbox.KindRevoke && e.State == outbox.Pending })
}

// revoked tells whether the provider was asked to revoke those of the tokens that the
// record names, and none of them works. Where a slow machine refreshed them just before
// the sign-out it is their successors that are revoked, whatever they are.
func (c *scene) revoked(t oidc.Tokens) bool {
	refreshed := slices.ContainsFunc(c.fake.Requests(devprovider.Token), func(q devprovider.Request) bool {
		return t.RefreshToken != "" && q.Params.Get("refresh_token") == t.RefreshToken && q.Refused == ""
	})
	asked := func(token string) bool {
		return token == "" || slices.ContainsFunc(c.fake.Requests(devprovider.Revocation), func(q devprovider.Request) bool {
			return (q.Token == token || refreshed) && q.Refused == ""
		})
	}
	for _, kind := range c.rec.Revocation.Tokens {
		token := t.RefreshToken
		if kind == record.TokenAccess {
			token = t.AccessToken
		}
		if !asked(token) || c.fake.TokenLives(token) {
			return false
		}
	}
	return true
}

// noSilentWayBack signs out twice with a browser that is closed before the provider hears
// of it, so that its session there lives on in any case.
func noSilentWayBack(v *verdict, s *scene) {
	cara := s.tab(v, "cara")
	cara.signIn("/")
	for round := range 2 {
		time.Sleep(1100 * time.Millisecond) // max_age counts whole seconds
		cara.press("/")
		if got := cara.visit("/"); !strings.Contains(got.url, "/.cardea/signed-out") {
			v.failf("round %d: a page that is asked for after signing out leads to %s", round, got.url)
		}
		receipt := cara.visit("/.cardea/signed-out")
		cara.reset()
		cara.signIn("/.cardea/sign-in")
		switch {
		case forced(s.rec):
			if !slices.Contains(cara.asked, "login") {
				v.failf("round %d: no credentials were asked for (%v); the gateway asked with %s", round, cara.asked, cara.went[0].RawQuery)
			}
		default:
			s.saysOpen(v, receipt)
			if s.rec.FreshLogin.Prompt == record.PromptSelectAccount && !slices.Contains(cara.asked, "select") {
				v.failf("round %d: no account was offered to choose (%v)", round, cara.asked)
			}
		}
		if prompt := string(s.rec.FreshLogin.Prompt); prompt != "" && !slices.Contains(strings.Fields(cara.went[0].Query().Get("prompt")), prompt) {
			v.failf("round %d: prompt=%s was not sent: %s", round, prompt, cara.went[0].RawQuery)
		}
	}
}

func signsOutHereAlone(v *verdict, s *scene) {
	gwen := s.tab(v, "gwen")
	gwen.signIn("/quiet/")
	gwen.reset()
	led := gwen.visit(gwen.press("/quiet/"))
	if len(gwen.went) != 0 {
		v.failf("the browser was sent to the provider, at %s", gwen.went[0].Path)
	}
	if !gwen.out() {
		v.failf("still signed in")
	}
	s.saysOpen(v, led)
	if n := s.atProvider("gwen"); n != 1 {
		v.failf("%d sessions live at the provider, want 1", n)
	}
	gwen.signIn("/.cardea/sign-in?return=/quiet/")
	if slices.Contains(gwen.asked, "login") || slices.Contains(gwen.asked, "select") {
		v.failf("the next sign-in asked %v", gwen.asked)
	}
	always := s.rec.Client.AuthorizeParams["prompt"] + s.rec.Refresh.Needs.Params["prompt"]
	if got := gwen.went[0].Query().Get("prompt"); got != always {
		v.failf("the next sign-in was sent with prompt=%s", got)
	}
}

// sendsNotices tells whether the provider may tell of an end.
func sendsNotices(r record.Record) bool { return tellsByServer(r) || tellsByFrame(r) }

func tellsByServer(r record.Record) bool { return r.Notices.BackChannel != record.No }

func tellsByFrame(r record.Record) bool {
	return r.Notices.FrontChannel == record.Yes && r.Notices.Sid == record.Yes
}

func hearsTheProvider(v *verdict, s *scene) {
	ctx := context.Background()
	if tellsByServer(s.rec) {
		// Twice as often as there are types, for every other token goes without sub.
		for round := range 2 * len(s.rec.Notices.BackChannelTyp) {
			if round > 0 {
				time.Sleep(2100 * time.Millisecond) // a token without sid ends what began in its second, too
			}
			bea := s.tab(v, "bea")
			bea.signIn("/")
			if n, err := s.fake.EndSessionsOf(ctx, "bea"); err != nil || n != 1 {
				v.stopf("%d sessions ended: %v", n, err)
			}
			v.eventually("a logout token ends the session", 3*time.Second, bea.out)
			for _, end := range s.ends(v, "bea") {
				if end.Cause != session.CauseBackChannel {
					v.failf("the session ended by %s", end.Cause)
				}
			}
		}
	}
	if tellsByFrame(s.rec) {
		only := s.registration()
		only.BackChannelLogoutURI = ""
		if err := s.fake.AddClient(only); err != nil {
			v.stopf("%v", err)
		}
		defer func() { _ = s.fake.AddClient(s.registration()) }()
		fred := s.tab(v, "fred")
		fred.signIn("/")
		fred.leaveTheProvider()
		v.eventually("a frame ends the session", 3*time.Second, fred.out)
		for _, end := range s.ends(v, "fred") {
			if end.Cause != session.CauseFrontChannel {
				v.failf("the session ended by %s", end.Cause)
			}
		}
	}
}

// ends are the ends of a person's sessions.
func (c *scene) ends(v *verdict, username string) []session.Tombstone {
	stones, err := c.gateway.app.storage.store.Tombstones(context.Background(), 0, 100)
	if err != nil {
		v.stopf("reading ends: %v", err)
	}
	return slices.DeleteFunc(stones, func(t session.Tombstone) bool { return t.Identity.Subject != c.subject(username) })
}

// leaveTheProvider presses sign-out on the provider's own page, whose frames the browser
// loads.
func (b *tab) leaveTheProvider() {
	visitor := devprovider.NewVisitor(b.s.fake.Origin(), b.jar, nil, b.as, "pw-"+b.as)
	if err := visitor.SignOutThere(context.Background(), b.s.fake.Address(devprovider.Home)); err != nil {
		b.v.stopf("signing out at the provider: %v", err)
	}
	if len(visitor.Framed) == 0 {
		b.v.failf("the provider's page loads no frame")
	}
}

func reachesTheProvider(v *verdict, s *scene) {
	olga := s.tab(v, "olga")
	olga.signIn("/")
	kept := s.sessionOf(v, "olga")
	if err := (ender{s.gateway.app}).End(context.Background(), time.Now(), kept.ID, session.CauseAdmin); err != nil {
		v.stopf("%v", err)
	}
	if !olga.out() {
		v.failf("still signed in here")
	}
	v.eventually("the provider is called", 10*time.Second, func() bool { return len(s.asked(devprovider.EndSession, "olga", "")) > 0 })
	if s.rec.SignOut.EndsSSOByDefault == record.Yes {
		v.eventually("the provider's session ends without a browser", 10*time.Second, func() bool { return s.atProvider("olga") == 0 })
	}
}
