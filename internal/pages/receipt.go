package pages

import (
	"html/template"
	"net/http"
	"slices"
)

// maxSteps bounds the receipt that a page shows; the rest is counted.
const maxSteps = 40

// SignedOutCause is why a session ended.
type SignedOutCause string

// Causes, each with texts of its own.
const (
	CauseUser          SignedOutCause = "user"
	CauseAdministrator SignedOutCause = "administrator"
	CauseExpired       SignedOutCause = "expired"
	CauseProvider      SignedOutCause = "provider"
	CauseOtherAccount  SignedOutCause = "other-account"
	CauseAccessChanged SignedOutCause = "access-changed"
	CauseUnlinked      SignedOutCause = "unlinked"  // the identity that opened it
	CauseElsewhere     SignedOutCause = "elsewhere" // the person, on another device
	CauseEverywhere    SignedOutCause = "everywhere"
	CauseWithdrawn     SignedOutCause = "withdrawn" // the provider, or our client there, from the configuration
)

// SignedOutCauses lists every cause.
func SignedOutCauses() []SignedOutCause {
	return []SignedOutCause{
		CauseUser, CauseAdministrator, CauseExpired, CauseProvider,
		CauseOtherAccount, CauseAccessChanged, CauseEverywhere, CauseWithdrawn, CauseUnlinked, CauseElsewhere,
	}
}

// Outcome is the receipt in one word.
type Outcome string

// Outcomes of a sign-out. An empty one is read off the steps, and says nothing
// without steps. One that claims more than the steps is corrected by them.
const (
	OutcomeComplete   Outcome = "complete"    // every step is done
	OutcomeUnderWay   Outcome = "under-way"   // every step is done or about to be
	OutcomePartly     Outcome = "partly"      // something is open, retried or failed
	OutcomeNotDurable Outcome = "not-durable" // refused in memory, not yet written down
	OutcomeNothing    Outcome = "nothing"     // there was no session to end

	// outcomeNotEnded is what the steps say when not even the gateway's own
	// session is done.
	outcomeNotEnded Outcome = "not-ended"
)

// StepSubject is what a step of a sign-out was about.
type StepSubject string

// Subjects of steps.
const (
	StepGatewaySession  StepSubject = "gateway-session"
	StepApp             StepSubject = "app"              // takes App
	StepOpenConnections StepSubject = "open-connections" // takes Count
	StepProviderSession StepSubject = "provider-session" // takes Provider and URL
	StepTokens          StepSubject = "tokens"           // takes Provider
	StepOtherSessions   StepSubject = "other-sessions"   // takes Count
)

// StepSubjects lists every subject.
func StepSubjects() []StepSubject {
	return []StepSubject{
		StepGatewaySession, StepApp, StepOpenConnections,
		StepProviderSession, StepTokens, StepOtherSessions,
	}
}

// StepState is how a step stands.
type StepState string

// States of steps. Anything unknown counts as StateStillOpen: a receipt never
// claims an end that nobody told it of.
const (
	StateDone        StepState = "done"
	StateUnderWay    StepState = "under-way"
	StateRetrying    StepState = "retrying"
	StateStillOpen   StepState = "still-open"
	StateNotPossible StepState = "not-possible"
	StateFailed      StepState = "failed"
)

// StepStates lists every state.
func StepStates() []StepState {
	return []StepState{StateDone, StateUnderWay, StateRetrying, StateStillOpen, StateNotPossible, StateFailed}
}

// Step is one line of the receipt.
type Step struct {
	Subject  StepSubject // a step with an unknown one is not shown
	State    StepState
	App      App
	Provider string
	Count    int
	// URL is the provider's own sign-out page, linked unless the step is done.
	URL string
	// Withdrawn says of a step at the provider that nobody could be told of it, because
	// the provider is no longer configured as it was. Its State is not looked at.
	Withdrawn bool
}

// SignedOut is the receipt of a sign-out.
type SignedOut struct {
	Cause   SignedOutCause // anything unknown counts as CauseUser
	Outcome Outcome
	// Provider fills the texts of CauseProvider and CauseWithdrawn.
	Provider   string
	Steps      []Step // at most the first 40 are shown
	SignInURL  string // only ever a link: the page starts no sign-in
	RefreshURL string // this page, to see what is retried; empty leaves the link out
	// AccountURL is a sign-in that leads to the person's own page; empty leaves the link out.
	AccountURL string
	Incident   string
}

type receiptLine struct {
	State StepState
	Text  template.HTML
	Label template.HTML
	Link  template.HTML
	URL   string
}

// SignedOut writes the page that a sign-out ends on.
func (p *Pages) SignedOut(w http.ResponseWriter, r *http.Request, status int, v SignedOut) {
	l := p.locales.forRequest(r)
	cause := CauseUser
	if slices.Contains(SignedOutCauses(), v.Cause) {
		cause = v.Cause
	}
	outcome := honest(v.Outcome, v.Steps)
	ps := params{"provider": v.Provider}
	title := "signed-out." + string(cause) + ".title"
	view := struct {
		Lead, Outcome, More   template.HTML
		Lines                 []receiptLine
		SignInURL, RefreshURL string
		AccountURL            string
		SignInLabel           template.HTML
	}{
		Lead:        l.html("signed-out."+string(cause)+".lead", ps),
		SignInURL:   link(v.SignInURL),
		RefreshURL:  link(v.RefreshURL),
		AccountURL:  link(v.AccountURL),
		SignInLabel: l.T("common.sign-in-again"),
	}
	view.Lines, view.More = l.receipt(v.Steps)
	if outcome != "" {
		view.Outcome = l.T("signed-out." + string(outcome) + ".outcome")
	}
	switch outcome {
	case OutcomeNothing:
		view.Lead, view.SignInLabel = "", l.T("common.sign-in")
		title = "signed-out.nothing.title"
	case OutcomeNotDurable, outcomeNotEnded:
		view.Lead = ""
		title = "signed-out." + string(outcome) + ".title"
	}
	p.write(w, r, status, l, page{
		template: "signed-out", title: title, params: ps, incident: v.Incident, view: view,
	})
}

// honest never lets a headline say more than the steps below it.
func honest(o Outcome, steps []Step) Outcome {
	allDone, allTold := true, true
	for _, s := range steps {
		allDone = allDone && s.State == StateDone && !s.Withdrawn
		allTold = allTold && (s.State == StateDone || s.State == StateUnderWay) && !s.Withdrawn
		if s.Subject != StepGatewaySession {
			continue
		}
		switch s.State {
		case StateDone:
		case StateRetrying, StateUnderWay:
			o = OutcomeNotDurable
		default:
			return outcomeNotEnded
		}
	}
	switch {
	case o == OutcomeNotDurable, o == OutcomeNothing, o == "" && len(steps) == 0:
		return o
	case allDone && (o == OutcomeComplete || o == ""):
		return OutcomeComplete
	case allTold && (o == OutcomeUnderWay || o == OutcomeComplete || o == ""):
		return OutcomeUnderWay
	}
	return OutcomePartly
}

// receipt turns steps into lines, and says how many did not fit.
func (l localizer) receipt(steps []Step) (lines []receiptLine, more template.HTML) {
	left := 0
	for _, s := range steps {
		if !slices.Contains(StepSubjects(), s.Subject) {
			continue
		}
		if len(lines) == maxSteps {
			left++
			continue
		}
		lines = append(lines, l.receiptLine(s))
	}
	if left > 0 {
		more = l.count("receipt.more", left, nil)
	}
	return lines, more
}

func (l localizer) receiptLine(s Step) receiptLine {
	state := StateStillOpen
	if slices.Contains(StepStates(), s.State) {
		state = s.State
	}
	key := "receipt." + string(s.Subject) + "." + string(state)
	if s.Withdrawn && s.Subject == StepProviderSession {
		state, key = StateNotPossible, "receipt.provider-session.withdrawn"
	}
	ps := params{"app": s.App.label(), "provider": s.Provider}
	line := receiptLine{State: state, Label: l.T("receipt.state." + string(state))}
	switch s.Subject {
	case StepOpenConnections, StepOtherSessions:
		line.Text = l.count(key, s.Count, ps)
	default:
		line.Text = l.html(key, ps)
	}
	if state != StateDone {
		if line.URL = link(s.URL); line.URL != "" {
			line.Link = l.html("receipt.link", ps)
		}
	}
	return line
}
