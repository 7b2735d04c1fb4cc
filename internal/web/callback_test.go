package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
)

const gateCallback = "https://gate.example/.cardea/callback/main"

func TestACallbackIsHandedOverUntouched(t *testing.T) {
	f := newFace(t)
	f.signIn.result = signin.Result{Session: person("p"), SeatValue: seatNew, Target: signin.Target{Origin: "https://gate.example", Path: "/deep"}}
	r := f.request("GET", gateCallback+"?state=s&state=t&code=c&iss=i&extra=e", nil, navigation("Cookie", "__Host-cardea="+seatEnded+"; __Host-cardea-browser="+binding, "User-Agent", "agent")...)
	w := f.send(r)
	if got := location(t, w).String(); got != "/deep" {
		t.Errorf("leads to %s", got)
	}
	want := signin.Callback{
		Provider: "main", Binding: binding, Seat: seatEnded, Scheme: "https", UserAgent: "agent", Address: "192.0.2.1",
		Query: url.Values{"state": {"s", "t"}, "code": {"c"}, "iss": {"i"}, "extra": {"e"}},
	}
	if diff := cmp.Diff([]signin.Callback{want}, f.signIn.finished); diff != "" {
		t.Error(diff)
	}
}

func TestTheSeatCookieHasExactlyItsAttributes(t *testing.T) {
	loopback := func(o *Options) {
		o.Public = "http://localhost:4180"
		o.Apps = o.Apps[:2]
		for i := range o.Apps {
			o.Apps[i].Origin = "http://localhost:4180"
		}
	}
	for name, tc := range map[string]struct {
		change []func(*Options)
		base   string
		path   string
		want   string
	}{
		"https":              {nil, "https://gate.example", "/deep", "__Host-cardea=" + seatNew + "; Path=/; Max-Age=36000; HttpOnly; Secure; SameSite=Lax"},
		"https, browser":     {nil, "https://gate.example", "/chat/x", "__Host-cardea=" + seatNew + "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		"loopback":           {[]func(*Options){loopback}, "http://localhost:4180", "/deep", "cardea-4180=" + seatNew + "; Path=/; Max-Age=36000; HttpOnly; SameSite=Lax"},
		"loopback, browser":  {[]func(*Options){loopback}, "http://localhost:4180", "/chat/x", "cardea-4180=" + seatNew + "; Path=/; HttpOnly; SameSite=Lax"},
		"a page of no app's": {[]func(*Options){func(o *Options) { o.Apps = o.Apps[5:] }}, "https://gate.example", "/deep", "__Host-cardea=" + seatNew + "; Path=/; HttpOnly; Secure; SameSite=Lax"},
	} {
		f := newFace(t, append(tc.change, func(o *Options) { o.Providers = o.Providers[:1] })...)
		f.signIn.result = signin.Result{Session: person("p"), SeatValue: seatNew, Target: signin.Target{Origin: tc.base, Path: tc.path}}
		w := f.ask("GET", tc.base+"/.cardea/callback/main?state=s&code=c", navigation()...)
		if diff := cmp.Diff([]string{tc.want}, w.Header()["Set-Cookie"]); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	f := newFace(t, loopback)
	w := f.ask("GET", "http://localhost:4180/.cardea/sign-in", navigation()...)
	if got := w.Header().Get("Set-Cookie"); !regexp.MustCompile(`^cardea-browser-4180=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax$`).MatchString(got) {
		t.Errorf("binding: %s", got)
	}
}

func TestABrowserKeepsTheSeatThatItHas(t *testing.T) {
	f := newFace(t)
	f.signIn.result = signin.Result{Session: person("p"), Target: signin.Target{Origin: "https://gate.example", Path: "/deep"}, Reauthorized: true}
	if w := f.ask("GET", gateCallback+"?state=s&code=c", navigation()...); w.Header().Get("Set-Cookie") != "" || location(t, w).String() != "/deep" {
		t.Errorf("%v", w.Header())
	}
}

func TestASignInForAnotherOriginGoesOnToItsSeat(t *testing.T) {
	f := newFace(t)
	f.signIn.result = signin.Result{Session: person("p"), SeatValue: seatNew, Target: signin.Target{Origin: "https://app.example", Path: "/deep"}, SeatFor: "https://app.example|/deep"}
	w := f.ask("GET", gateCallback+"?state=s&code=c", navigation()...)
	if got := location(t, w).String(); got != "https://app.example/.cardea/seat?code=c" || !strings.Contains(w.Header().Get("Set-Cookie"), seatNew) {
		t.Errorf("%s %v", got, w.Header())
	}
	f.signIn.offerErr = signin.ErrExpired
	if w := f.ask("GET", gateCallback+"?state=s&code=c", navigation()...); w.Code != 400 {
		t.Errorf("%d", w.Code)
	}
}

// Apple posts its answer from its own site, where Lax cookies stay at home.
func TestAPostedAnswerIsBouncedThroughAGET(t *testing.T) {
	f := newFace(t)
	values := url.Values{"state": {"s"}, "code": {"c", "d"}, "iss": {"i"}, "user": {`{"name":"secret"}`}, "error_description": {"<script>"}, "id_token": {"secret"}}
	w := f.form(gateCallback, "https://appleid.example", values)
	if got := location(t, w).String(); got != "/.cardea/callback/main?code=c&code=d&iss=i&state=s" || len(f.signIn.finished) != 0 || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%s, finished %v", got, f.signIn.finished)
	}
}

// CVE-2025-3891: an empty, a chunked and a huge POST are answered, and nothing more.
func TestCVE_2025_3891_PostsOfAnyShapeAreAnswered(t *testing.T) {
	for _, address := range []string{gateCallback, "https://gate.example/.cardea/sign-out"} {
		for name, prepare := range map[string]func(*http.Request){
			"empty":          func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 },
			"no body at all": func(r *http.Request) { r.Body = nil },
			"chunked":        func(r *http.Request) { r.ContentLength, r.TransferEncoding = -1, []string{"chunked"} },
			"no type":        func(r *http.Request) { r.Header.Del("Content-Type") },
			"odd type":       func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data") },
			"broken type":    func(r *http.Request) { r.Header.Set("Content-Type", ";;;") },
			"bad query":      func(r *http.Request) { r.URL.RawQuery = "%zz;&&=" },
		} {
			f := newFace(t)
			r := f.request("POST", address, strings.NewReader("state=%zz&code=c"), navigation("Origin", "https://gate.example", "Content-Type", "application/x-www-form-urlencoded")...)
			prepare(r)
			if w := f.send(r); w.Code >= 500 || w.Code == 0 || len(f.signIn.finished) != 0 {
				t.Errorf("%s %s: %d", address, name, w.Code)
			}
		}
		f := newFace(t)
		huge := url.Values{"code": {strings.Repeat("c", 2<<20)}}
		if w := f.form(address, "https://gate.example", huge); w.Code != 400 || w.Header().Get("Location") != "" {
			t.Errorf("%s huge: %d", address, w.Code)
		}
	}
}

func TestAQueryThatIsNoneNeverReachesTheSignIn(t *testing.T) {
	for _, query := range []string{"state=%zz", "state=a;code=b", "%"} {
		f := newFace(t)
		r := f.request("GET", gateCallback, nil, navigation()...)
		r.URL.RawQuery = query
		if w := f.send(r); w.Code != 400 || len(f.signIn.finished) != 0 {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
}

// CVE-2017-6059, CVE-2019-8400: nothing that a provider or a link wrote is on the page;
// the log has the cause, under the id that the page shows. Cookies stay as they are.
func TestCVE_2017_6059_CVE_2019_8400_FailuresAreToldInOurWords(t *testing.T) {
	const evil = "<script>evil</script>"
	target := signin.Target{Origin: "https://gate.example", Path: "/deep"}
	failure := func(err error) error { return &signin.Failure{Provider: "main", Target: target, Err: err} }
	for name, tc := range map[string]struct {
		err  error
		code int
		says string
	}{
		"cancelled":             {failure(&oidc.Error{Code: oidc.AccessDenied}), 403, "problem.sign-in-cancelled"},
		"provider's trouble":    {failure(&oidc.Error{Code: oidc.ServerError}), 503, ""},
		"temporarily":           {failure(&oidc.Error{Code: oidc.TemporarilyUnavailable}), 503, ""},
		"too many requests":     {failure(&oidc.Error{Code: "slow_down", Status: 429}), 503, ""},
		"an error of its own":   {failure(&oidc.Error{Code: evil}), 502, ""},
		"unreachable":           {failure(&oidc.UnreachableError{Err: errors.New(evil)}), 503, ""},
		"not to be believed":    {failure(fmt.Errorf("%w: nonce", oidc.ErrRefused)), 502, ""},
		"too old":               {failure(oidc.ErrStale), 403, ""},
		"too weak":              {failure(oidc.ErrWeak), 403, ""},
		"used":                  {failure(signin.ErrUsed), 400, ""},
		"expired":               {failure(signin.ErrExpired), 400, ""},
		"signed out meanwhile":  {failure(&session.EndedError{}), 400, ""},
		"gone meanwhile":        {failure(session.ErrNotFound), 400, ""},
		"store down":            {failure(session.ErrUnavailable), 503, ""},
		"too busy":              {failure(signin.ErrBusy), 503, ""},
		"disabled":              {failure(account.ErrDisabled), 403, ""},
		"another browser":       {signin.ErrOtherBrowser, 400, ""},
		"unreadable":            {signin.ErrAttempt, 400, ""},
		"no such provider":      {signin.ErrProvider, 404, ""},
		"in circles":            {failure(&signin.LoopError{Cause: signin.LoopCookie}), 429, ""},
		"in circles, the grant": {failure(&signin.LoopError{Cause: signin.LoopGrant}), 429, ""},
		"anything else":         {failure(errors.New(evil)), 500, ""},
	} {
		f := newFace(t)
		f.signIn.err = tc.err
		w := f.ask("GET", gateCallback+"?error="+url.QueryEscape(evil)+"&error_description="+url.QueryEscape(evil)+"&state=s", navigation(seat(seatLive)...)...)
		body := w.Body.String()
		if w.Code != tc.code || strings.Contains(body, "evil") || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v\n%s", name, w.Code, w.Header(), body)
		}
		id := regexp.MustCompile(`<code><bdi>([a-z2-7]+)</bdi></code>`).FindStringSubmatch(body)
		if id == nil || !strings.Contains(f.logs.String(), "incident="+id[1]) {
			t.Errorf("%s: the page shows %v, the log says\n%s", name, id, f.logs)
		}
		if _, known := errors.AsType[*signin.Failure](tc.err); known && !strings.Contains(body, `href="/.cardea/sign-in?return=%2Fdeep"`) {
			t.Errorf("%s: no way back to the page:\n%s", name, body)
		}
		if (tc.code == 503) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After %q", name, w.Header().Get("Retry-After"))
		}
	}
}

func TestTryingAgainLeadsToTheAppThatWasMeant(t *testing.T) {
	for target, want := range map[signin.Target]string{
		{Origin: "https://app.example", Path: "/deep"}:        `href="https://app.example/.cardea/sign-in?return=%2Fdeep"`,
		{Origin: "https://x.apps.example", Path: "/"}:         `href="https://x.apps.example/.cardea/sign-in"`,
		{Origin: "https://gate.example", Path: "/"}:           `href="/.cardea/sign-in"`,
		{Origin: "https://removed.example", Path: "/deep"}:    `href="/.cardea/sign-in"`,
		{Origin: "https://gate.example", Path: "//evil"}:      `href="/.cardea/sign-in"`,
		{Origin: "https://hub.example", Path: "//evil/"}:      `href="https://hub.example/.cardea/sign-in?return=%2Fhub"`,
		{Origin: "https://evil/.apps.example", Path: "/deep"}: `href="/.cardea/sign-in"`,
	} {
		f := newFace(t)
		f.signIn.err = &signin.Failure{Provider: "main", Target: target, Err: signin.ErrExpired}
		if body := f.ask("GET", gateCallback+"?state=s&code=c", navigation()...).Body.String(); !strings.Contains(body, want) {
			t.Errorf("%+v: no %s\n%s", target, want, body)
		}
	}
}

func TestASessionThatWasNotConfirmedEndsOnTheSignedOutPage(t *testing.T) {
	f := newFace(t)
	f.signIn.err = &signin.Failure{
		Provider: "main", Target: signin.Target{Origin: "https://app.example", Path: "/deep"},
		Err: fmt.Errorf("%w: %w", signin.ErrNotConfirmed, &oidc.Error{Code: oidc.LoginRequired}),
	}
	w := f.ask("GET", gateCallback+"?state=s&error=login_required", navigation()...)
	if got := location(t, w).String(); got != "https://gate.example/.cardea/signed-out?origin=https%3A%2F%2Fapp.example&return=%2Fdeep" {
		t.Errorf("leads to %s", got)
	}
}

func TestWhoIsNotAdmittedMayComeBackAsSomebodyElse(t *testing.T) {
	f := newFace(t)
	f.signIn.err = &signin.Failure{Err: &signin.DeniedError{
		Decision: access.Decision{Reason: access.ReasonEmailUnverified, Rule: "access.emails"}, Profile: oidc.Profile{Name: "<b>Eve</b>", Email: "eve@example.com"},
	}}
	w := f.ask("GET", gateCallback+"?state=s&code=c", navigation()...)
	body := w.Body.String()
	for _, want := range []string{"&lt;b&gt;Eve", "eve@example.com", "access.emails", "providers[main].email_verified", `action="/.cardea/sign-out"`, `name="provider" value="main"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s:\n%s", want, body)
		}
	}
	if w.Code != 403 || w.Header().Get("Set-Cookie") != "" || !strings.Contains(f.logs.String(), "access.emails") || strings.Contains(f.logs.String(), "eve@example.com") {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), f.logs)
	}

	// The button: away from the provider's session, and the next sign-in asks.
	for _, call := range []oidc.BrowserCall{{URL: "https://idp.example/logout"}, {}} {
		f := newFace(t)
		f.signOut.call = call
		w = f.form("https://gate.example/.cardea/sign-out", "https://gate.example", url.Values{"provider": {"main"}})
		want := call.URL
		if want == "" {
			want = "https://gate.example/.cardea/signed-out"
		}
		set := w.Result().Cookies()
		if w.Code != 200 || !strings.Contains(w.Body.String(), `content="0; url=`+want+`"`) || len(set) != 1 || set[0].Name != "__Host-cardea" {
			t.Fatalf("%d %v\n%s", w.Code, set, w.Body)
		}
		next := f.ask("GET", gateSignIn, navigation(seat(set[0].Value)...)...)
		if location(t, next).Host != "idp.example" || !f.signIn.started[0].Fresh {
			t.Errorf("the next sign-in: %+v", f.signIn.started)
		}
	}
}

// Login CSRF: an answer that another browser asked for opens nothing here.
func TestAnAnswerOfAnotherBrowserOpensNothing(t *testing.T) {
	f := newFace(t)
	f.signIn.err = signin.ErrOtherBrowser
	for _, address := range []string{gateCallback + "?state=s&code=c", "https://app.example/.cardea/seat?code=c"} {
		if w := f.ask("GET", address, navigation(seat(seatLive)...)...); w.Code != 400 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", address, w.Code, w.Header())
		}
	}
}

func TestSeatCodesFailAsClearlyAsSignIns(t *testing.T) {
	for err, want := range map[error]int{
		signin.ErrUsed: 400, signin.ErrExpired: 400, signin.ErrAttempt: 400, session.ErrUnavailable: 503, session.ErrNotFound: 400,
		&session.EndedError{}: 400, &signin.LoopError{Cause: signin.LoopCookie}: 429,
	} {
		f := newFace(t)
		f.signIn.err = err
		w := f.ask("GET", "https://app.example/.cardea/seat?code=c", navigation(seat(seatEnded)...)...)
		if w.Code != want || w.Header().Get("Set-Cookie") != "" || !strings.Contains(w.Body.String(), `.cardea/sign-in`) {
			t.Errorf("%v: %d\n%s", err, w.Code, w.Body)
		}
	}
}
