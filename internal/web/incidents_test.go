package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// book keeps every incident.
type book struct {
	mu   sync.Mutex
	list []incident.Incident
}

func (b *book) Note(i incident.Incident) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, i)
}

var reference = regexp.MustCompile(`<code><bdi>([a-z2-7]{16})</bdi></code>|"instance":"([a-z2-7]{16})"|[Rr]eference:? ([a-z2-7]{16})`)

// shown is the incident whose id an answer shows.
func (b *book) shown(t *testing.T, what string, w *httptest.ResponseRecorder) incident.Incident {
	t.Helper()
	found := reference.FindStringSubmatch(w.Body.String())
	if found == nil {
		t.Errorf("%s: no id is shown: %d\n%.400s", what, w.Code, w.Body)
		return incident.Incident{}
	}
	id := found[1] + found[2] + found[3]
	for _, i := range b.list {
		if i.ID == id {
			return i
		}
	}
	t.Errorf("%s: %s was shown and not kept", what, id)
	return incident.Incident{}
}

func booked(t *testing.T) (*face, *book) {
	t.Helper()
	b := &book{}
	return newFace(t, func(o *Options) { o.Incidents = b }), b
}

func TestEverythingThatIsRefusedShowsAnIdThatIsKept(t *testing.T) {
	f, b := booked(t)
	with := func(seatValue string, more []string) []string { return append(seat(seatValue), more...) }
	failures := NewFailures(newPages(t), b, f.o.Logger).Of("root")
	direct := func(h func(http.ResponseWriter, *http.Request), headers []string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h(w, f.request(http.MethodGet, "https://gate.example/x", nil, headers...))
		return w
	}
	down := fmt.Errorf("dial: %w", errors.New("connection refused"))
	for what, tc := range map[string]struct {
		answer             *httptest.ResponseRecorder
		status             int
		kind, step, reason string
	}{
		"no session, script":      {f.ask("GET", "https://gate.example/a", script()...), 401, "session-required", "session", "no-seat"},
		"unknown seat, script":    {f.ask("GET", "https://gate.example/a", with(seatUnknown, script())...), 401, "session-required", "session", "unknown-seat"},
		"signed out, script":      {f.ask("GET", "https://gate.example/a", with(seatEnded, script())...), 401, "session-required", "session", "button"},
		"no session, form":        {f.form("https://gate.example/a", "https://gate.example", url.Values{"a": {"b"}}), 401, "not-saved", "session", "no-seat"},
		"session info":            {f.ask("GET", "https://gate.example/.cardea/session", script()...), 401, "session-required", "session", "no-seat"},
		"events":                  {f.ask("GET", "https://gate.example/.cardea/events", script()...), 401, "session-required", "session", "no-seat"},
		"sign-in by a script":     {f.ask("GET", "https://gate.example/.cardea/sign-in", script()...), 401, "session-required", "session", "no-seat"},
		"denied, page":            {f.ask("GET", "https://gate.example/a", with(seatDenied, navigation())...), 403, "denied", "", ""},
		"denied, script":          {f.ask("GET", "https://gate.example/a", with(seatDenied, script())...), 403, "denied", "", ""},
		"too weak, script":        {f.ask("GET", "https://gate.example/a", with(seatWeak, script())...), 401, "step-up-required", "session", "weak"},
		"too old, script":         {f.ask("GET", "https://gate.example/a", with(seatOld, script())...), 401, "step-up-required", "session", "stale"},
		"store down, page":        {f.ask("GET", "https://gate.example/a", with(seatDown, navigation())...), 503, "store-unavailable", "session", ""},
		"store down, script":      {f.ask("GET", "https://gate.example/a", with(seatDown, script())...), 503, "store-unavailable", "session", ""},
		"no such own path":        {f.ask("GET", "https://gate.example/.cardea/nothing", navigation()...), 404, "not-found", "request", ""},
		"no app there":            {f.ask("GET", "https://hub.example/elsewhere", navigation()...), 404, "not-found", "request", ""},
		"method":                  {f.ask("PUT", "https://gate.example/.cardea/sign-out", script()...), 405, "method-not-allowed", "sign-out", ""},
		"sign-out from elsewhere": {f.form("https://gate.example/.cardea/sign-out", "https://evil.example", nil), 403, "origin-refused", "sign-out", ""},
		"stay from elsewhere":     {f.ask("POST", "https://gate.example/.cardea/stay", "Origin", "https://evil.example"), 403, "origin-refused", "session", ""},
		"unknown provider":        {f.ask("GET", "https://gate.example/.cardea/callback/nobody?code=c&state=s", navigation()...), 404, "not-found", "callback: recognising the attempt", "provider"},
		"unknown issuer":          {f.ask("GET", "https://gate.example/.cardea/sign-in?iss=https://x.example", navigation()...), 400, "bad-request", "sign-in: asked for by a third party", "initiated"},
		"seat request":            {f.ask("GET", "https://gate.example/.cardea/sign-in?seat=nonsense", navigation()...), 400, "sign-in-expired", "sign-in: going to the provider", "attempt"},
		"front-channel":           {f.ask("GET", "https://gate.example/.cardea/frontchannel-logout/main", navigation()...), 400, "bad-request", "front-channel logout", ""},
		"back-channel":            {f.form("https://gate.example/.cardea/backchannel-logout", "", url.Values{"logout_token": {"nonsense"}}), 400, "logout-token", "back-channel logout", ""},
		"another host":            {f.ask("GET", "https://nobody.example/", navigation()...), 421, "misdirected", "request", ""},
		"no host":                 {f.ask("GET", "https://a b/", navigation()...), 400, "bad-request", "request", ""},
		"app down, page": {direct(func(w http.ResponseWriter, r *http.Request) { failures.Unavailable(w, r, 502, down) }, navigation()),
			502, "upstream-unavailable", "upstream", ""},
		"app down, script": {direct(func(w http.ResponseWriter, r *http.Request) { failures.Unavailable(w, r, 504, down) }, script()),
			504, "upstream-unavailable", "upstream", ""},
		"body broke off": {direct(func(w http.ResponseWriter, r *http.Request) { failures.Unavailable(w, r, 413, down) }, script()),
			413, "bad-request", "upstream", "body"},
		"cookies cannot be had": {direct(func(w http.ResponseWriter, r *http.Request) { failures.Unavailable(w, r, 503, session.ErrUnavailable) }, script()),
			503, "store-unavailable", "session", ""},
		"ended meanwhile":  {direct(failures.Ended, script()), 401, "session-required", "session", "just-ended"},
		"socket from afar": {direct(failures.UpgradeRefused, script()), 403, "origin-refused", "request", ""},
	} {
		i := b.shown(t, what, tc.answer)
		if tc.answer.Code != tc.status || i.Status != tc.status || i.Kind != tc.kind || i.Reason != tc.reason || tc.step != "" && i.Step != tc.step {
			t.Errorf("%s: %d, %+v", what, tc.answer.Code, i)
		}
		if i.Shown == "" || i.At != now && tc.kind != "upstream-unavailable" && !strings.HasPrefix(what, "body") && !i.At.IsZero() {
			t.Errorf("%s: shown %q at %v", what, i.Shown, i.At)
		}
		if !incident.Explained(i.Kind, i.Reason) && !incident.Explained(i.Kind, "") {
			t.Errorf("%s: nothing explains %s, %s", what, i.Kind, i.Reason)
		}
	}
}

// declared are the sentinel errors that a file of another package declares.
func declared(t *testing.T, file string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, o := range tree.Scope.Objects {
		if o.Kind == ast.Var && strings.HasPrefix(name, "Err") || o.Kind == ast.Typ && strings.HasSuffix(name, "Error") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestEveryErrorOfASignInIsExplained(t *testing.T) {
	errs := map[string]error{
		"ErrUsed": fmt.Errorf("using: %w", signin.ErrUsed), "ErrAttempt": signin.ErrAttempt, "ErrExpired": signin.ErrExpired,
		"ErrOtherBrowser": signin.ErrOtherBrowser, "ErrLoop": &signin.LoopError{Cause: signin.LoopClock}, "ErrProvider": signin.ErrProvider,
		"ErrBusy": signin.ErrBusy, "LoopError": &signin.LoopError{Cause: signin.LoopGrant}, "DeniedError": &signin.DeniedError{Decision: access.Decision{Reason: access.ReasonGroup}},
		"ErrNotConfirmed": signin.ErrNotConfirmed,
		"oidc Error":      &oidc.Error{Code: "invalid_scope"}, "oidc UnreachableError": &oidc.UnreachableError{Err: errors.New("x")},
		"oidc ErrRefused": oidc.ErrRefused, "oidc ErrStale": oidc.ErrStale, "oidc ErrWeak": oidc.ErrWeak,
	}
	for _, name := range declared(t, "../signin/errors.go") {
		if errs[name] == nil {
			t.Errorf("signin.%s has no explanation that is tested here", name)
		}
	}
	for _, name := range declared(t, "../oidc/errors.go") {
		if errs["oidc "+name] == nil && name != "Error" {
			t.Errorf("oidc.%s has no explanation that is tested here", name)
		}
	}
	errs["gone"], errs["ended"], errs["disabled"] = session.ErrNotFound, &session.EndedError{}, account.ErrDisabled
	for name, err := range errs {
		if name == "ErrNotConfirmed" || name == "DeniedError" {
			continue // the signed-out page, and the rules' own reasons
		}
		f, b := booked(t)
		f.signIn.err = &signin.Failure{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/chat/room"}, Err: err}
		if errors.Is(err, signin.ErrOtherBrowser) || errors.Is(err, signin.ErrAttempt) {
			f.signIn.err = err
		}
		i := b.shown(t, name, f.ask("GET", "https://gate.example/.cardea/callback/main?code=secret-code&state=secret-state", navigation()...))
		// Two kinds have one reason each, which needs no word.
		if i.Reason == "" && !errors.Is(err, oidc.ErrRefused) && !errors.Is(err, signin.ErrOtherBrowser) || i.Reason != "" && !incident.Explained(i.Kind, i.Reason) && i.Reason != "unreachable" {
			t.Errorf("%s: %s, %q has no row of its own", name, i.Kind, i.Reason)
		}
		if !strings.HasPrefix(i.Step, "callback: ") || i.Provider != "main" || i.Cause == "" || i.Path != "/.cardea/callback/main" {
			t.Errorf("%s: %+v", name, i)
		}
		if strings.Contains(fmt.Sprintf("%+v", b.list), "secret-") {
			t.Errorf("%s: %+v", name, b.list)
		}
	}
}

func TestACallbackSaysHowFarItCame(t *testing.T) {
	for step, err := range map[string]error{
		incident.StepProvider: &oidc.Error{Code: "server_error"}, incident.StepExchange: &oidc.Error{Code: "invalid_client", Status: 401},
		incident.StepVerify: fmt.Errorf("exchanging: %w: nonce", oidc.ErrRefused), incident.StepUp: oidc.ErrStale,
		incident.StepAttempt: signin.ErrExpired, incident.StepOpen: session.ErrUnavailable,
	} {
		if got := stepOf(incident.StepAttempt, err); got != step {
			t.Errorf("%v: %q, want %q", err, got, step)
		}
	}
	if got := stepOf(incident.StepSeat, session.ErrUnavailable); got != incident.StepSeat {
		t.Errorf("seat: %q", got)
	}
}

func TestARefusalSaysWhatWasDemandedAndSeen(t *testing.T) {
	who := access.Subject{
		Profile: oidc.Profile{Email: "ann@example.com", Groups: []string{"a", "b"}},
		Claims:  oidc.Claims{"email_verified": false, "level": float64(3), "nested": map[string]any{"roles": []any{"reader"}}},
	}
	nobody := access.Subject{}
	path := &access.Policy{Name: "apps[root].paths[/admin].access", Groups: []string{"ops"}, Claims: map[string][]string{"level": {"7"}, "nested.roles": {"editor"}}}
	f := newFace(t, func(o *Options) {
		o.Apps[0].Rules.Admission = &access.Policy{Name: "access", Domains: []string{"example.org"}, Emails: []string{"bob@example.com"}}
		o.Apps[0].Rules.Paths = []guard.PathRule{{Path: "/admin", Access: path}}
		o.Apps[0].Rules.Providers = []string{"second"}
		o.Providers[1].VerifiedClaim, o.Providers[1].GroupsClaim = "confirmed", "teams"
	})
	admin := "access rule of app root, path /admin"
	for name, tc := range map[string]struct {
		provider, rule string
		reason         access.Reason
		who            access.Subject
		want           incident.Incident
	}{
		"e-mail not listed": {"main", "access.emails", access.ReasonEmail, who, incident.Incident{
			Step: "admission", Reason: "email", Wanted: []string{"bob@example.com", "example.org"}, Seen: []incident.Seen{{Name: "email", Value: "ann@example.com"}}}},
		"e-mail not verified": {"main", "access.emails", access.ReasonEmailUnverified, who, incident.Incident{
			Step: "admission", Reason: "email-unverified", Wanted: []string{"bob@example.com", "example.org"}, Setting: "providers[main].email_verified",
			Seen: []incident.Seen{{Name: "email", Value: "ann@example.com"}, {Name: "email_verified", Value: "false"}}}},
		"e-mail not verified, another claim": {"second", "access.emails", access.ReasonEmailUnverified, who, incident.Incident{
			Step: "admission", Reason: "email-unverified", Wanted: []string{"bob@example.com", "example.org"},
			Seen: []incident.Seen{{Name: "email", Value: "ann@example.com"}, {Name: "confirmed", Absent: true}}}},
		"e-mail missing": {"main", "access.emails", access.ReasonEmailMissing, nobody, incident.Incident{
			Step: "admission", Reason: "email-missing", Wanted: []string{"bob@example.com", "example.org"}, Seen: []incident.Seen{{Name: "email", Absent: true}}}},
		"group": {"main", path.Name + ".groups", access.ReasonGroup, who, incident.Incident{
			Step: admin, Reason: "group", Wanted: []string{"ops"}, Setting: "providers[main].record.claims.groups.claim", Seen: []incident.Seen{{Name: "groups", Value: "a, b"}}}},
		"no groups": {"second", path.Name + ".groups", access.ReasonGroup, nobody, incident.Incident{
			Step: admin, Reason: "group/none", Wanted: []string{"ops"}, Setting: "providers[second].record.claims.groups.claim", Seen: []incident.Seen{{Name: "teams", Absent: true}}}},
		"claim": {"main", path.Name + ".claims.level", access.ReasonClaim, who, incident.Incident{
			Step: admin, Reason: "claim", Wanted: []string{"7"}, Seen: []incident.Seen{{Name: "level", Value: "3"}}}},
		"nested claim": {"main", path.Name + ".claims.nested.roles", access.ReasonClaim, who, incident.Incident{
			Step: admin, Reason: "claim", Wanted: []string{"editor"}, Seen: []incident.Seen{{Name: "nested.roles", Value: `["reader"]`}}}},
		"claim missing": {"main", path.Name + ".claims.level", access.ReasonClaim, nobody, incident.Incident{
			Step: admin, Reason: "claim/none", Wanted: []string{"7"}, Seen: []incident.Seen{{Name: "level", Absent: true}}}},
		"provider": {"main", "apps[root].providers", access.ReasonProvider, who, incident.Incident{
			Step: "providers of app root", Reason: "provider", Wanted: []string{"second"}, Seen: []incident.Seen{{Name: "provider", Value: "main"}}}},
		"disabled": {"main", "account", access.ReasonDisabled, who, incident.Incident{Step: "session", Reason: "account-disabled"}},
	} {
		d := access.Decision{Reason: tc.reason, Rule: tc.rule}
		tc.want.Kind, tc.want.App, tc.want.Provider, tc.want.Rule = "denied", "root", tc.provider, tc.rule
		tc.want.Cause = fmt.Sprintf("not admitted: %s (%s)", tc.reason, tc.rule)
		if diff := cmp.Diff(tc.want, f.refusal(tc.provider, "root", d, tc.who)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAStepUpThatFailedNamesItsRuleAndItsDemand(t *testing.T) {
	for name, tc := range map[string]struct {
		failure      signin.Failure
		rule, reason string
		wanted       string
	}{
		"age of a path":    {signin.Failure{MaxAge: 5 * time.Minute, Err: oidc.ErrStale, Target: signin.Target{Path: "/pay/now"}}, "apps[root].paths[/pay].max_age", "stale", "a sign-in of the last 5m0s"},
		"age of the app":   {signin.Failure{MaxAge: time.Hour, Err: oidc.ErrStale, Target: signin.Target{Path: "/other"}}, "apps[root].max_age", "stale", "a sign-in of the last 1h0m0s"},
		"class":            {signin.Failure{ACRValues: []string{"gold"}, MaxAge: time.Hour, Err: oidc.ErrWeak, Target: signin.Target{Path: "/pay"}}, "apps[root].paths[/pay].acr", "weak", "gold"},
		"after a sign-out": {signin.Failure{Err: oidc.ErrStale, Target: signin.Target{Path: "/"}}, "providers[main].record.fresh_login", "stale/fresh", "a sign-in made just now"},
		"the provider's":   {signin.Failure{ACRValues: []string{"gold"}, Err: oidc.ErrWeak, Target: signin.Target{Path: "/"}}, "providers[main].acr", "weak", "gold"},
	} {
		b := &book{}
		f := newFace(t, func(o *Options) {
			o.Incidents = b
			o.Apps[0].Rules.MaxAge = time.Hour
			o.Apps[0].Rules.Paths = []guard.PathRule{{Path: "/pay", MaxAge: 5 * time.Minute, ACR: []string{"gold"}}}
		})
		tc.failure.Provider, tc.failure.Target.Origin = "main", "https://gate.example"
		f.signIn.err = &tc.failure
		i := b.shown(t, name, f.ask("GET", "https://gate.example/.cardea/callback/main?code=c&state=s", navigation()...))
		if i.Rule != tc.rule || i.Reason != tc.reason || strings.Join(i.Wanted, "") != tc.wanted || i.Kind != string(pages.StepUpUnsatisfied) || i.App != "root" {
			t.Errorf("%s: %+v", name, i)
		}
	}
}

func TestASignedOutPageThatNobodySoughtShowsAnId(t *testing.T) {
	for cause, sought := range map[session.Cause]bool{
		session.CauseButton: true, session.CauseExpired: true, session.CauseRefreshRefused: false, session.CauseAccessWithdrawn: false, session.CauseProvider: false,
	} {
		f, b := booked(t)
		f.signOut.ofs["gone"] = signout.Receipt{Session: "gone", Cause: cause, Provider: "main"}
		f.guard.bySeat[seatEnded] = guard.Verdict{Ended: &session.Tombstone{Session: "gone", Provider: "main", Cause: cause}}
		w := f.ask("GET", "https://gate.example/.cardea/signed-out", append(seat(seatEnded), navigation()...)...)
		if sought {
			if len(b.list) != 0 || reference.MatchString(w.Body.String()) {
				t.Errorf("%s: %+v", cause, b.list)
			}
			continue
		}
		if i := b.shown(t, string(cause), w); i.Kind != incident.KindSessionEnded || i.Reason != string(cause) || i.Provider != "main" || !strings.Contains(f.logs.String(), i.ID) {
			t.Errorf("%s: %+v", cause, i)
		}
	}
}

func TestWhatNeedsNoOperatorIsKeptAndFillsNoLog(t *testing.T) {
	f, b := booked(t)
	for range 100 {
		f.ask("GET", "https://gate.example/a", script()...)
		f.ask("GET", "https://gate.example/.cardea/nothing", navigation()...)
	}
	if len(b.list) != 200 || f.logs.String() != "" {
		t.Errorf("%d kept, log:\n%s", len(b.list), f.logs)
	}
}

func TestAProblemDocumentCarriesTheIdAsItsInstance(t *testing.T) {
	f, b := booked(t)
	w := f.ask("GET", "https://gate.example/a", script()...)
	body, _ := io.ReadAll(w.Body)
	var p httpx.Problem
	if err := json.Unmarshal(body, &p); err != nil || len(b.list) != 1 || p.Instance != b.list[0].ID {
		t.Errorf("%s: %+v, %v", body, b.list, err)
	}
}
