package app

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/record"
)

// The promises' names. A mutation names the one that has to notice it.
const (
	signsIn     = "people are signed in as who they are"
	believes    = "addresses are believed as the record says"
	finds       = "groups are found, however many"
	stays       = "a reload and a restart keep people signed in"
	refreshes   = "tokens are refreshed as the provider wants it, once"
	harmless    = "a missing refresh token harms nobody"
	signsOut    = "signing out ends what can be ended, and nothing else"
	noWayBack   = "nobody gets back in silently, or the page says so"
	gatewayOnly = "signing out here alone forces nothing, and says what stays open"
	hears       = "an end at the provider ends the session here"
	findsOut    = "a withdrawn person is noticed"
	operator    = "an operator's end reaches the provider where a server can"
	speaks      = "nothing is sent that the provider does not take"
)

// promises are what the table tries of every kind. The first is tried alone, since the
// gateway is restarted in it, and the last when all others have been.
func promises() []promise {
	return []promise{
		{stays, nil, keepsSignedIn},
		{signsIn, nil, signsPeopleIn},
		{believes, nil, believesAddresses},
		{finds, func(r record.Record) bool { return r.Claims.Groups.Source != record.FromNone }, findsGroups},
		{refreshes, givesRefreshTokens, refreshesOnce},
		{harmless, nil, harmlessWithoutRefresh},
		{signsOut, nil, signsPeopleOut},
		{noWayBack, nil, noSilentWayBack},
		{gatewayOnly, nil, signsOutHereAlone},
		{hears, sendsNotices, hearsTheProvider},
		{findsOut, noticesAnything, noticesWithdrawn},
		{operator, func(r record.Record) bool { return r.SignOut.ServerCall != record.ServerNone }, reachesTheProvider},
		{speaks, nil, speaksProperly},
	}
}

// givesRefreshTokens tells whether there are tokens of people at all.
func givesRefreshTokens(r record.Record) bool { return r.Client.Exchange == record.ExchangeCode }

func keepsSignedIn(v *verdict, s *scene) {
	sid := s.tab(v, "sid")
	sid.signIn("/?from=bookmark")
	before := sid.told()
	if got := sid.visit("/?again"); got.status != http.StatusOK || got.url != s.url+"/?again" {
		v.failf("a reload led to %s (%d)", got.url, got.status)
	}
	if err := s.stop(); err != nil {
		v.failf("stopping: %v", err)
	}
	if err := s.start(); err != nil {
		v.stopf("starting again: %v", err)
	}
	if after := sid.told(); after["X-Subject"] != before["X-Subject"] {
		v.failf("after a restart the app is told %q, before %q", after["X-Subject"], before["X-Subject"])
	}
}

func signsPeopleIn(v *verdict, s *scene) {
	alice := s.tab(v, "alice")
	alice.signIn("/")
	told := alice.told()
	if want := s.subject("alice"); told["X-Subject"] != want {
		v.failf("the app is told the subject %q, want %q", told["X-Subject"], want)
	}
	if named := s.rec.Claims.Name != "" || s.rec.Claims.NameTemplate != ""; named && told["X-Name"] != "Alice Liddell" {
		v.failf("the app is told the name %q", told["X-Name"])
	}
	kept := s.sessionOf(v, "alice")
	if strings.HasPrefix(kept.Profile.Picture, "data:") {
		v.failf("a data: picture is kept")
	}
	for name, value := range kept.Claims {
		if text, ok := value.(string); ok && strings.HasPrefix(text, "data:") {
			v.failf("claim %s is a data: URL of %d bytes", name, len(text))
		}
	}
	if f := s.rec.Client.AuthorizeFragment; f != "" && alice.went[0].Fragment != f {
		v.failf("the browser was sent on with the fragment %q, want %q", alice.went[0].Fragment, f)
	}
	if username := string(s.rec.Claims.Username); username != "" && kept.Profile.PreferredUsername == "" {
		v.failf("claim %s brought no name for a handle", username)
	}
}

func believesAddresses(v *verdict, s *scene) {
	alice, uma := s.tab(v, "many"), s.tab(v, "uma")
	alice.signIn("/")
	uma.signIn("/")
	verified, not := alice.told()["X-Email"], uma.told()["X-Email"]
	e := s.rec.Claims.Email
	wantVerified, wantNot := "many@example.com", ""
	switch {
	case e.Source == record.FromNone, e.Verified == record.EmailNever:
		wantVerified = ""
	case e.Verified == record.EmailAlways:
		wantNot = "uma@example.com"
	case e.Source == record.FromEndpoint: // another of hers is verified
		wantNot = "second-uma@example.com"
	}
	if verified != wantVerified {
		v.failf("of a verified address the app is told %q, want %q", verified, wantVerified)
	}
	if not != wantNot {
		v.failf("of an unverified address the app is told %q, want %q", not, wantNot)
	}
}

func findsGroups(v *verdict, s *scene) {
	many := s.tab(v, "many")
	if p := many.visit("/staff/room"); p.status != http.StatusOK {
		v.stopf("whoever is in staff and in seven more groups gets %d: %s", p.status, gist(p))
	}
	got := strings.Split(strings.ReplaceAll(many.told()["X-Groups"], " ", ""), ",")
	slices.Sort(got)
	want := []string{"g1", "g2", "g3", "g4", "g5", "g6", "staff"}
	if groupsWithSlash(s.rec.Claims.Groups) {
		want = append([]string{"acme/builders"}, want...)
	}
	if !slices.Equal(got, want) {
		v.failf("the app is told the groups %q, want %q", got, want)
	}
}

// groupsWithSlash tells whether a name made of two parts can come: in a claim, or from a
// list whose names are made of several claims.
func groupsWithSlash(g record.Groups) bool {
	if g.Source == record.FromClaim && g.OverageClaim == "" {
		return true
	}
	return slices.ContainsFunc(g.Lists, func(l record.GroupList) bool { return strings.Count(l.Name, "{claim:") > 1 })
}

// refreshesOnce looks at a refresh under load, and at what is kept of it.
func refreshesOnce(v *verdict, s *scene) {
	rita := s.tab(v, "rita")
	rita.signIn("/")
	first := s.sessionOf(v, "rita").Grant.Tokens
	if first.RefreshToken == "" {
		v.stopf("no refresh token was had; the gateway asked with %s", rita.went[0].RawQuery)
	}
	refreshed := func() int { return len(s.asked(devprovider.Token, "rita", "refresh_token")) }
	if s.rec.Refresh.AtEarliest > 0 {
		s.age(v, "rita", 6*time.Second, true) // the gateway leaves five seconds between any two
		if rita.told(); refreshed() != 0 {
			v.stopf("the provider was asked sooner than it wants to be")
		}
		s.allowed()
	}
	s.age(v, "rita", time.Minute, true)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil && r != (stopped{}) {
					v.failf("panic: %v", r)
				}
			}()
			if got := rita.send(http.MethodGet, s.url+"/", byScript...); got.status != http.StatusOK {
				v.failf("under load: %d", got.status)
			}
		})
	}
	all.Wait()
	// A request does not wait for a slow provider longer than it may.
	v.eventually("the refresh has ended", 8*time.Second, func() bool {
		return refreshed() > 0 && s.sessionOf(v, "rita").Grant.RefreshMark.IsZero()
	})
	if n := refreshed(); n != 1 {
		v.failf("%d refresh requests, want 1", n)
	}
	s.checkRefreshed(v, "rita", first.RefreshToken)
	for _, q := range s.asked(devprovider.Token, "rita", "refresh_token") {
		if q.Refused != "" {
			v.failf("a refresh was refused: %s", q.Refused)
		}
	}
	if got := s.sessionOf(v, "rita").Grant.FailingSince; !got.IsZero() {
		v.failf("refreshing fails since %v", got)
	}
}

// checkRefreshed holds what is kept after a refresh against the record's rotation.
func (c *scene) checkRefreshed(v *verdict, username, old string) {
	kept := c.sessionOf(v, username).Grant.Tokens
	if !c.fake.TokenLives(kept.AccessToken) {
		v.failf("the access token that is kept after the refresh is none that works")
	}
	if !c.fake.TokenLives(kept.RefreshToken) {
		v.failf("the refresh token that is kept after the refresh is none that works")
	}
	if changed := kept.RefreshToken != old; changed != (c.rec.Refresh.Rotation != record.RotationNone) {
		v.failf("the refresh token changed: %t, with rotation %s", changed, c.rec.Refresh.Rotation)
	}
}

func harmlessWithoutRefresh(v *verdict, s *scene) {
	nora := s.tab(v, "nora")
	nora.signIn("/")
	if got := s.sessionOf(v, "nora").Grant.Tokens.RefreshToken; got != "" {
		v.failf("a refresh token that was not given is kept")
	}
	userinfo := func() (n int) {
		for _, q := range s.fake.Requests(devprovider.UserInfo) {
			if q.Username == "nora" {
				n++
			}
		}
		return n
	}
	before := userinfo()
	s.age(v, "nora", longAgo, true)
	if told := nora.told(); told["X-Subject"] != s.subject("nora") {
		v.failf("the app is told %q", told["X-Subject"])
	}
	if n := len(s.asked(devprovider.Token, "nora", "refresh_token")); n != 0 {
		v.failf("%d refresh requests without a refresh token", n)
	}
	if userinfo() != before {
		v.failf("userinfo was asked for with an access token that has expired")
	}
}

// longAgo is when the provider would be asked again by every record.
const longAgo = 2 * time.Hour

// noticesAnything tells whether the provider can be asked about a person again: by a
// refresh, or by userinfo.
func noticesAnything(r record.Record) bool { return givesRefreshTokens(r) }

func noticesWithdrawn(v *verdict, s *scene) {
	will, wanda := s.tab(v, "will"), s.tab(v, "wanda")
	will.signIn("/")
	wanda.signIn("/")
	s.age(v, "wanda", longAgo, false)
	if told := wanda.told(); told["X-Subject"] != s.subject("wanda") {
		v.failf("once the provider was asked again the app is told %q", told["X-Subject"])
	}
	for _, name := range []string{"will", "wanda"} {
		if err := s.fake.UpdatePerson(name, func(p *devprovider.Person) { p.Disabled = true }); err != nil {
			v.stopf("%v", err)
		}
		defer func() { _ = s.fake.UpdatePerson(name, func(p *devprovider.Person) { p.Disabled = false }) }()
	}
	s.age(v, "wanda", longAgo, false)
	s.allowed() // a provider that is asked too soon decides nothing, and nobody else is refreshed meanwhile
	s.age(v, "will", longAgo, true)
	// Without a refresh token only userinfo can be asked, while the access token lasts.
	if s.rec.Claims.UserInfo.Recheck > 0 && s.fake.Address(devprovider.UserInfo) != "" {
		v.eventually("a person without a refresh token is out", 8*time.Second, wanda.out)
	}
	v.eventually("a person with a refresh token is out", 8*time.Second, will.out)
}

// speaksProperly looks at everything that the provider was asked.
func speaksProperly(v *verdict, s *scene) {
	for _, q := range s.fake.Requests(devprovider.Authorize) {
		if q.Client != s.client {
			continue
		}
		if q.Refused != "" {
			v.failf("an authorization request was refused with %s: %s", q.Refused, q.Params.Encode())
		}
		for _, prompt := range strings.Fields(q.Params.Get("prompt")) {
			if !slices.Contains(s.rec.Prompt.OK, record.PromptValue(prompt)) {
				v.failf("prompt=%s was sent, which the provider does not honour", prompt)
			}
		}
		if q.Params.Get("max_age") == "0" {
			v.failf("max_age=0 was sent")
		}
	}
	expected := []string{"will", "wanda"} // whom the provider has withdrawn
	for _, q := range s.fake.Requests(devprovider.Token) {
		ended := q.Username == "" && q.Refused == "invalid_grant" // nothing is left of the sign-in there
		if q.Client == s.client && q.Refused != "" && !ended && !slices.Contains(expected, q.Username) {
			v.failf("a token request for %s was refused with %s", q.Username, q.Refused)
		}
	}
	for _, q := range s.fake.Requests(devprovider.Revocation) {
		if q.Client == s.client && q.Refused != "" && q.Refused != "unauthorized_client" {
			v.failf("a revocation was refused with %s", q.Refused)
		}
	}
	if n := s.fake.Counters().Reuses; n != 0 {
		v.failf("%d used codes or refresh tokens were presented again", n)
	}
}
