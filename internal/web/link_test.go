package web

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/signin"
)

func linking(err error) *signin.Failure {
	return &signin.Failure{Provider: "main", Target: signin.Target{Origin: "https://gate.example", Path: "/.cardea/account"}, Linking: true, SignedIn: true, Err: err}
}

func TestALinkingEndsOnTheAccountPageAndChangesNoCookie(t *testing.T) {
	for already, want := range map[bool]string{false: "/.cardea/account?done=linked&provider=main", true: "/.cardea/account?done=already-linked&provider=main"} {
		f := newFace(t)
		f.signIn.result = signin.Result{Session: person("live"), Target: signin.Target{Origin: "https://gate.example", Path: "/.cardea/account"}, Linked: &signin.Linked{Provider: "main", Already: already}}
		w := f.ask("GET", gateCallback+"?state=s&code=c", navigation(seat(seatLive)...)...)
		if got := location(t, w).String(); got != want || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s, %v", got, w.Header())
		}
	}
}

func TestARefusedLinkingSaysWhyAndWhoseChoiceItIs(t *testing.T) {
	const secret = "acc-of-somebody-else"
	for reason, tc := range map[signin.LinkReason]struct {
		code       int
		says, back string
	}{
		signin.LinkTaken:        {http.StatusConflict, "belongs to another account", `href="/.cardea/account"`},
		signin.LinkSessionGone:  {http.StatusForbidden, "has ended", `href="/.cardea/account"`},
		signin.LinkOtherAccount: {http.StatusForbidden, "another account", `href="/.cardea/account"`},
		signin.LinkUnlinked:     {http.StatusForbidden, "unlinked from its account", `href="/.cardea/sign-in"`},
	} {
		f, b := booked(t)
		f.signIn.err = linking(&signin.LinkError{Reason: reason, Provider: "main", Email: "<b>me@example.com", Err: account.ErrTaken})
		w := f.ask("GET", gateCallback+"?state=s&code="+secret, navigation(seat(seatLive)...)...)
		body := w.Body.String()
		if w.Code != tc.code || !strings.Contains(body, tc.says) || !strings.Contains(body, tc.back) || strings.Contains(body, "<b>") || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v\n%s", reason, w.Code, w.Header(), body)
		}
		if strings.Contains(body+f.logs.String(), secret) {
			t.Errorf("%s tells what it must not", reason)
		}
		i := b.shown(t, string(reason), w)
		if i.Kind != "link-refused" || i.Reason != string(reason) || i.Provider != "main" || i.Status != tc.code || i.Shown == "" || i.Cause == "" {
			t.Errorf("%s: kept %+v", reason, i)
		}
	}
}

// The answer of a linking that began in another browser does not begin a sign-in either:
// nobody in this one asked for anything.
func TestAnotherBrowsersLinkingBeginsNothing(t *testing.T) {
	f := newFace(t)
	f.signIn.err = linking(signin.ErrOtherBrowser)
	w := f.ask("GET", gateCallback+"?state=s&code=c", navigation(append(seat(seatLive), "Cookie", "__Host-cardea-browser="+strings.Repeat("b", 43))...)...)
	if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestWhoMayNotLinkIsToldTheRuleAndStaysSignedIn(t *testing.T) {
	f := newFace(t)
	f.signIn.err = linking(&signin.DeniedError{Decision: access.Decision{Reason: access.ReasonEmail, Rule: "access.domains"}, Profile: oidc.Profile{Email: "me@home.example"}})
	w := f.ask("GET", gateCallback+"?state=s&code=c", navigation(seat(seatLive)...)...)
	body := w.Body.String()
	if w.Code != http.StatusForbidden || !strings.Contains(body, "cannot be linked") || !strings.Contains(body, "access.domains") || !strings.Contains(body, `href="/.cardea/account"`) {
		t.Errorf("%d\n%s", w.Code, body)
	}
	if strings.Contains(body, "/.cardea/sign-out") {
		t.Error("the page offers a sign-out")
	}
}
