package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

// module is one test of the OpenID conformance suite for relying parties: what its
// provider does, and what the person and the provider must see come of it.
type module struct {
	faults devprovider.Faults
	// client is more of the provider record's client settings.
	client string
	// start is the address that the person opens; nil: the application's.
	start func(*party) string
	// refused: the sign-in must end on a problem page, with nobody signed in.
	refused bool
	// userinfos is how often userinfo is asked for in a sign-in that is refused.
	userinfos int
	// then is what happens after the sign-in.
	then func(*testing.T, *party)
}

// anew tells whether a gateway that has read the metadata or the keys before is no use.
func (m module) anew() bool {
	return m.faults.Discovery != nil || m.faults.Keys != nil || m.client != ""
}

// stage is a gateway and a provider that play one module after the other.
type stage struct {
	*world
	beside *sql.DB // the store, opened beside the gateway
	played int
	anew   bool // the gateway knows what was true in the last module only
}

// party is the relying party in one module, with somebody in front of it whom neither it
// nor the provider has seen before.
type party struct {
	*stage
	name   string
	person *browser
	page   page // where the sign-in ended

	before  devprovider.Counters
	started map[devprovider.Endpoint]int // requests before the module
	known   int                          // accounts before the module
}

// signers are made once: keys take long to make.
type signers struct {
	provider, other *rsa.PrivateKey
	curve           *ecdsa.PrivateKey
}

func newSigners(t *testing.T) *signers {
	t.Helper()
	var s signers
	var err error
	for _, key := range []**rsa.PrivateKey{&s.provider, &s.other} {
		if *key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	if s.curve, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	return &s
}

// TestConformance has the names of the suite's plans and modules, so that a run of the
// suite maps one to one: TestConformance/PLAN/MODULE. docs/conformance.md says which modules
// are not here, and why.
func TestConformance(t *testing.T) {
	t.Parallel()
	keys := newSigners(t)
	for _, plan := range []struct {
		name    string
		modules map[string]module
	}{
		{"oidcc-client-basic-certification-test-plan", basicModules(keys)},
		{"oidcc-client-formpost-basic-certification-test-plan", posted(basicModules(keys))},
		{"oidcc-client-config-certification-test-plan", configModules(t)},
		{"oidcc-client-refreshtoken-test-plan", refreshModules()},
		{"oidcc-client-test-3rd-party-init-login-test-plan", initiatedModules()},
		{"oidcc-client-rp-initiated-logout-rp-basic", rpLogoutModules()},
		{"oidcc-client-back-channel-logout-rp-basic", backChannelModules(keys)},
		{"oidcc-client-front-channel-logout-rp-basic", frontChannelModules("oidcc-client-test-rp-frontchannel-rpinitlogout")},
		{"oidcc-client-logout-test-plan", frontChannelModules("oidcc-client-test-rp-frontchannel-opinitlogout")},
		{"oidcc-client-test-plan", otherModules(keys)},
	} {
		t.Run(plan.name, func(t *testing.T) {
			t.Parallel()
			runModules(t, keys, plan.modules)
		})
	}
}

// TestBeyondConformance does what no module of the suite does and its plans suggest.
func TestBeyondConformance(t *testing.T) {
	t.Parallel()
	keys := newSigners(t)
	modules := beyondSignIn(keys)
	for _, more := range []map[string]module{beyondFormPost(), beyondRefresh(), beyondInitiated()} {
		maps.Copy(modules, more)
	}
	runModules(t, keys, modules)
}

func runModules(t *testing.T, keys *signers, modules map[string]module) {
	shared := newStage(t, keys)
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		t.Run(name, func(t *testing.T) { shared.play(t, modules[name]) })
	}
}

// newStage starts a provider as the suite's: a path and a trailing slash in the issuer, a key
// on a curve that nobody here knows, and people of whom only userinfo tells.
func newStage(t *testing.T, keys *signers) *stage {
	t.Helper()
	o := devprovider.Options{
		Issuer: "http://127.0.0.1:0/test/a/cardea/", Key: keys.provider, ThinIDToken: true,
		ExtraKeys: []json.RawMessage{devprovider.Secp256k1Key()},
	}
	for i := range 30 {
		name := fmt.Sprintf("person-%d", i)
		o.People = append(o.People, devprovider.Person{Username: name, Password: "password", Name: name, Email: name + "@example.com", EmailVerified: true})
	}
	w := newWorld(t, o, "")
	return &stage{world: w, beside: w.database()}
}

// somebody opens a fresh browser of somebody new.
func (s *stage) somebody() (name string, b *browser) {
	name = fmt.Sprintf("person-%d", s.played)
	s.played++
	return name, s.browser(name, "password")
}

func (s *stage) play(t *testing.T, m module) {
	whole := s.t
	s.t = t
	defer func() { s.t = whole }()
	s.provider.SetFaults(m.faults)
	if anew := m.anew(); anew || s.anew {
		s.restart(func() {
			s.more = ""
			if m.client != "" {
				s.more = ", record: {client: {" + m.client + "}}"
			}
		})
		s.anew = anew
	}
	r := &party{stage: s, before: s.provider.Counters(), started: map[devprovider.Endpoint]int{}, known: s.accounts(t)}
	for _, e := range []devprovider.Endpoint{devprovider.Authorize, devprovider.EndSession} {
		r.started[e] = len(s.provider.Requests(e))
	}
	r.name, r.person = s.somebody()
	start := "/"
	if m.start != nil {
		start = m.start(r)
	}
	r.page = r.person.visit(start)
	if m.refused {
		r.nobodySignedIn(t, m.userinfos)
	} else {
		r.signedIn(t)
	}
	if m.then != nil && !t.Failed() {
		m.then(t, r)
	}
	if leak := leaked(r.world); leak != "" {
		t.Errorf("the log holds %s", leak)
	}
}

// asked lists what the provider was asked in this module.
func (r *party) asked(e devprovider.Endpoint) []devprovider.Request {
	return r.provider.Requests(e)[r.started[e]:]
}

// mine is the person's session here; nil without one.
func (r *party) mine() *session.Session {
	for _, live := range r.sessions() {
		if live.Profile.PreferredUsername == r.name {
			return live
		}
	}
	return nil
}

// there lists the ids of the person's sessions at the provider.
func (r *party) there() (sids []string) {
	for _, live := range r.provider.Sessions() {
		if live.Username == r.name {
			sids = append(sids, live.SID)
		}
	}
	return sids
}

func (r *party) signedIn(t *testing.T) {
	t.Helper()
	if r.page.status != http.StatusOK || strings.Contains(r.page.url, "/.cardea/") {
		t.Fatalf("the sign-in ends with %d at %s\n%s\n%s", r.page.status, r.page.url, textOf(r.page.body), r.log)
	}
	r.seenByTheApp(t)
	if r.provider.Counters().UserInfos == r.before.UserInfos {
		t.Error("userinfo was not asked")
	}
}

func (r *party) seenByTheApp(t *testing.T) {
	t.Helper()
	if who := r.person.fetch("/api/whoami"); who.status != http.StatusOK || !strings.Contains(who.body, `"`+r.name+`"`) {
		t.Fatalf("the app sees %d %s\n%s", who.status, who.body, r.log)
	}
}

func (r *party) outOfTheApp(t *testing.T) {
	t.Helper()
	if got := r.person.fetch("/api/whoami").status; got != http.StatusUnauthorized {
		t.Errorf("the app answers %d", got)
	}
}

func (r *party) nobodySignedIn(t *testing.T, userinfos int) {
	t.Helper()
	if r.page.status < http.StatusBadRequest || !strings.Contains(r.page.url, "/.cardea/") || !strings.Contains(r.page.body, "<html") {
		t.Errorf("no problem page: %d at %s\n%s", r.page.status, r.page.url, r.page.body)
	}
	r.outOfTheApp(t)
	if live := r.mine(); live != nil {
		t.Errorf("session %s lives", live.ID)
	}
	if n := r.accounts(t); n != r.known {
		t.Errorf("%d accounts, %d before", n, r.known)
	}
	if n := r.provider.Counters().UserInfos - r.before.UserInfos; n != userinfos {
		t.Errorf("userinfo was asked %d times, want %d", n, userinfos)
	}
}

func (s *stage) accounts(t *testing.T) int {
	t.Helper()
	var n int
	if err := s.beside.QueryRowContext(t.Context(), "SELECT count(*) FROM accounts").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// signed makes a JWS; kid "" leaves the header out.
func signed(alg jose.SignatureAlgorithm, key any, typ, kid string, claims map[string]any) (string, error) {
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// appended puts a character at the end of a claim, as the suite makes values wrong.
func appended(name string) func(map[string]any) {
	return func(claims map[string]any) {
		text, _ := claims[name].(string)
		claims[name] = text + "1"
	}
}

func left(name string) func(map[string]any) {
	return func(claims map[string]any) { delete(claims, name) }
}
