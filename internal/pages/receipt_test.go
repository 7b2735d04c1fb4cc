package pages

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAHeadlineNeverSaysMoreThanTheSteps(t *testing.T) {
	gateway := func(s StepState) Step { return Step{Subject: StepGatewaySession, State: s} }
	provider := func(s StepState) Step { return Step{Subject: StepProviderSession, State: s} }
	for _, c := range []struct {
		name  string
		given Outcome
		steps []Step
		want  Outcome
	}{
		{"all done", OutcomeComplete, []Step{gateway(StateDone), provider(StateDone)}, OutcomeComplete},
		{"none given, all done", "", []Step{gateway(StateDone)}, OutcomeComplete},
		{"none given, no steps", "", nil, ""},
		{"none given, one open", "", []Step{gateway(StateDone), provider(StateStillOpen)}, OutcomePartly},
		{"complete but under way", OutcomeComplete, []Step{gateway(StateDone), provider(StateUnderWay)}, OutcomeUnderWay},
		{"none given, under way", "", []Step{gateway(StateDone), provider(StateUnderWay)}, OutcomeUnderWay},
		{"under way and open", "", []Step{provider(StateUnderWay), provider(StateStillOpen)}, OutcomePartly},
		{"complete but being written", OutcomeComplete, []Step{gateway(StateUnderWay)}, OutcomeNotDurable},
		{"complete but retried", OutcomeComplete, []Step{gateway(StateDone), provider(StateRetrying)}, OutcomePartly},
		{"complete but open", OutcomeComplete, []Step{gateway(StateDone), provider(StateStillOpen)}, OutcomePartly},
		{"complete but impossible", OutcomeComplete, []Step{gateway(StateDone), provider(StateNotPossible)}, OutcomePartly},
		{"complete but failed", OutcomeComplete, []Step{provider(StateFailed)}, OutcomePartly},
		{"complete but unknown", OutcomeComplete, []Step{provider("ended, honestly")}, OutcomePartly},
		{"complete but unset", OutcomeComplete, []Step{provider("")}, OutcomePartly},
		{"complete but nobody to tell", OutcomeComplete, []Step{gateway(StateDone), {Subject: StepProviderSession, State: StateDone, Withdrawn: true}}, OutcomePartly},
		{"complete but not written", OutcomeComplete, []Step{gateway(StateRetrying)}, OutcomeNotDurable},
		{"complete but not even here", OutcomeComplete, []Step{gateway(StateFailed)}, outcomeNotEnded},
		{"not durable, not even here", OutcomeNotDurable, []Step{gateway("")}, outcomeNotEnded},
		{"partly stays", OutcomePartly, []Step{gateway(StateDone)}, OutcomePartly},
		{"nothing stays", OutcomeNothing, nil, OutcomeNothing},
		{"not durable stays", OutcomeNotDurable, []Step{gateway(StateDone)}, OutcomeNotDurable},
		{"made up", "splendid", []Step{gateway(StateDone)}, OutcomePartly},
	} {
		if got := honest(c.given, c.steps); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestTheProvidersSessionCountsAsEndedOnlyWhenToldSo(t *testing.T) {
	p := newPages(t, Options{})
	const ended = "Your session at <bdi>GitHub</bdi> has ended."
	for _, state := range append(StepStates(), "", "Done", "ended") {
		w := httptest.NewRecorder()
		p.SignedOut(w, request("GET", "en"), 200, SignedOut{Outcome: OutcomeComplete, Steps: []Step{
			{Subject: StepGatewaySession, State: StateDone},
			{Subject: StepProviderSession, State: state, Provider: "GitHub", URL: "https://github.com/logout"},
		}})
		body := w.Body.String()
		if got, want := strings.Contains(body, ended), state == StateDone; got != want {
			t.Errorf("%q: counted as ended %t", state, got)
		}
		if got, want := strings.Contains(body, `href="https://github.com/logout"`), state != StateDone; got != want {
			t.Errorf("%q: link to the provider's sign-out %t, want %t", state, got, want)
		}
		if got, want := strings.Contains(body, "Everything is closed."), state == StateDone; got != want {
			t.Errorf("%q: headline says complete: %t", state, got)
		}
	}
}

func TestEveryCauseHasItsHeadline(t *testing.T) {
	p := newPages(t, Options{})
	got := map[SignedOutCause]string{}
	for _, cause := range append(SignedOutCauses(), "made-up") {
		w := httptest.NewRecorder()
		p.SignedOut(w, request("GET", "en"), 200, SignedOut{Cause: cause, Outcome: OutcomeComplete, Provider: "Acme ID"})
		_, rest, _ := strings.Cut(w.Body.String(), "<h1>")
		got[cause], _, _ = strings.Cut(rest, "</h1>")
	}
	want := map[SignedOutCause]string{
		CauseUser:          "You are signed out",
		CauseAdministrator: "You were signed out by an administrator",
		CauseExpired:       "Your sign-in has expired",
		CauseProvider:      "<bdi>Acme ID</bdi> ended your sign-in",
		CauseOtherAccount:  "Another account signed in here",
		CauseAccessChanged: "Your access has changed",
		CauseUnlinked:      "A way to sign in was unlinked",
		CauseElsewhere:     "You were signed out from another device",
		CauseEverywhere:    "You are signed out everywhere",
		CauseWithdrawn:     "Your sign-in through <bdi>Acme ID</bdi> was ended",
		"made-up":          "You are signed out",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNobodyIsToldToBeSignedOutWhileTheGatewaysSessionLives(t *testing.T) {
	p := newPages(t, Options{})
	for _, state := range []StepState{StateFailed, StateStillOpen, StateNotPossible, ""} {
		w := httptest.NewRecorder()
		p.SignedOut(w, request("GET", "en"), 500, SignedOut{
			Cause: CauseUser, Outcome: OutcomeComplete, Steps: []Step{{Subject: StepGatewaySession, State: state}},
		})
		if body := w.Body.String(); strings.Contains(body, "You are signed out") || !strings.Contains(body, "may still be signed in") {
			t.Errorf("%q: the page says one is signed out", state)
		}
	}
}

func TestTheSignedOutPageStartsNoSignIn(t *testing.T) {
	p := newPages(t, Options{})
	w := httptest.NewRecorder()
	p.SignedOut(w, request("GET", "en"), 200, SignedOut{Outcome: OutcomeComplete, SignInURL: "/app"})
	body := w.Body.String()
	if !strings.Contains(body, `<a class="button" href="/app">Sign in again</a>`) {
		t.Error("no link to sign in again")
	}
	for _, bad := range []string{"http-equiv", "<form", "<script", `rel="pre`} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if w.Header().Get("Refresh") != "" || w.Header().Get("Link") != "" {
		t.Error("a header starts something")
	}
}

func TestLongReceiptsAndListsAreBoundedAndSaySo(t *testing.T) {
	p := newPages(t, Options{})
	steps := make([]Step, 1000)
	for i := range steps {
		steps[i] = Step{Subject: StepApp, State: StateDone, App: chat}
	}
	steps[999].State = StateFailed
	w := httptest.NewRecorder()
	p.SignedOut(w, request("GET", "en"), 200, SignedOut{Outcome: OutcomeComplete, Steps: steps})
	body := w.Body.String()
	if n := strings.Count(body, `<li class="done">`); n != maxSteps {
		t.Errorf("%d steps shown, want %d", n, maxSteps)
	}
	for _, want := range []string{"960 more steps", "Not everything"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}

	providers := make([]ChoiceProvider, 1000)
	for i := range providers {
		providers[i] = ChoiceProvider{Name: "P", URL: "/p"}
	}
	w = httptest.NewRecorder()
	p.Choice(w, request("GET", "en"), 200, Choice{Providers: providers})
	if n := strings.Count(w.Body.String(), `href="/p"`); n != maxProviders {
		t.Errorf("%d providers shown, want %d", n, maxProviders)
	}
}

func TestTheRememberedProviderComesFirst(t *testing.T) {
	p := newPages(t, Options{})
	w := httptest.NewRecorder()
	p.Choice(w, request("GET", "en"), 200, Choice{Providers: []ChoiceProvider{
		{Name: "One", URL: "/1"}, {Name: "Gone", URL: "javascript:x"}, {Name: "Two", URL: "/2", Remembered: true}, {Name: "Three", URL: "/3"},
	}})
	body := w.Body.String()
	two, one, three := strings.Index(body, `"/2"`), strings.Index(body, `"/1"`), strings.Index(body, `"/3"`)
	if two < 0 || two > one || one > three || three < 0 {
		t.Errorf("order: two at %d, one at %d, three at %d", two, one, three)
	}
	if strings.Contains(body, "Gone") {
		t.Error("a provider that cannot be linked to is offered")
	}
}
