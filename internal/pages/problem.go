package pages

import (
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ProblemKind names a problem. Its string is stable: it may end the type URI of a
// problem document (RFC 9457).
type ProblemKind string

// Problems, each with texts of its own.
const (
	ProviderUnavailable   ProblemKind = "provider-unavailable"
	ProviderAnswerRefused ProblemKind = "provider-answer-refused"
	SignInExpired         ProblemKind = "sign-in-expired"
	SignInElsewhere       ProblemKind = "sign-in-elsewhere"
	SignInLoop            ProblemKind = "sign-in-loop"
	SignInCancelled       ProblemKind = "sign-in-cancelled"
	StepUpUnsatisfied     ProblemKind = "step-up-unsatisfied"
	StepUpRequired        ProblemKind = "step-up-required"
	StoreUnavailable      ProblemKind = "store-unavailable"
	UpstreamUnavailable   ProblemKind = "upstream-unavailable"
	NotFound              ProblemKind = "not-found"
	BadRequest            ProblemKind = "bad-request"
	HeaderTooLarge        ProblemKind = "header-too-large"
	MethodNotAllowed      ProblemKind = "method-not-allowed"
	OriginRefused         ProblemKind = "origin-refused"
	SessionRequired       ProblemKind = "session-required"
	FormStale             ProblemKind = "form-stale"
	FormTooLarge          ProblemKind = "form-too-large"
	Internal              ProblemKind = "internal"
)

// ProblemKinds lists every kind.
func ProblemKinds() []ProblemKind {
	return []ProblemKind{
		ProviderUnavailable, ProviderAnswerRefused, SignInExpired, SignInElsewhere,
		SignInLoop, SignInCancelled, StepUpUnsatisfied, StepUpRequired, StoreUnavailable,
		UpstreamUnavailable, NotFound, BadRequest, HeaderTooLarge,
		MethodNotAllowed, OriginRefused, SessionRequired, FormStale, FormTooLarge, Internal,
	}
}

// TitleKey is the key of the problem's title, for [Pages.Text].
func (k ProblemKind) TitleKey() string { return "problem." + string(k) + ".title" }

// DetailKey is the key of the sentence that says what happened, for [Pages.Text].
func (k ProblemKind) DetailKey() string { return "problem." + string(k) + ".what" }

// Status is the HTTP status that suits the kind; [Pages.Problem] takes it where
// the caller gives none.
func (k ProblemKind) Status() int {
	switch k {
	case ProviderUnavailable, StoreUnavailable:
		return http.StatusServiceUnavailable
	case ProviderAnswerRefused, UpstreamUnavailable:
		return http.StatusBadGateway
	case NotFound:
		return http.StatusNotFound
	case HeaderTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge
	case MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case FormTooLarge:
		return http.StatusRequestEntityTooLarge
	case OriginRefused, StepUpUnsatisfied, SignInCancelled, FormStale:
		return http.StatusForbidden
	case SessionRequired, StepUpRequired:
		return http.StatusUnauthorized
	case SignInLoop:
		return http.StatusTooManyRequests
	case BadRequest, SignInExpired, SignInElsewhere:
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// LoopCause is why a sign-in goes round in circles.
type LoopCause string

// Causes of a loop. An empty one gives a text that names none.
const (
	CookieNotReturned LoopCause = "cookie-not-returned"
	SchemeMismatch    LoopCause = "scheme-mismatch"
	ClockSkew         LoopCause = "clock"
)

// LoopCauses lists every cause.
func LoopCauses() []LoopCause {
	return []LoopCause{CookieNotReturned, SchemeMismatch, ClockSkew}
}

// Problem says what went wrong, what that means and what to do. It has no field
// for a provider's or an app's own words: those belong in the log.
type Problem struct {
	Kind     ProblemKind // anything unknown counts as Internal
	App      App
	Provider string
	Cause    LoopCause // of SignInLoop only
	// ACR, classes of which one was asked for, and MaxAge are what the sign-in did not
	// satisfy. SignedIn: a session lives nevertheless. All of StepUpUnsatisfied only.
	ACR      []string
	MaxAge   time.Duration
	SignedIn bool
	Incident string
	RetryURL string // link "Try again", for SessionRequired "Sign in"
	HomeURL  string // link to the app's first page
	// RetryAfter is shown, and sent as Retry-After in whole seconds, rounded up.
	RetryAfter time.Duration
}

// Problem writes a problem page.
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, status int, v Problem) {
	l := p.locales.forRequest(r)
	kind := v.Kind
	if !slices.Contains(ProblemKinds(), kind) {
		kind = Internal
	}
	prefix := "problem." + string(kind)
	advice := prefix
	if kind == SignInLoop && slices.Contains(LoopCauses(), v.Cause) {
		advice += "." + string(v.Cause)
	}
	if kind == StepUpUnsatisfied && !v.SignedIn {
		advice += ".signed-out"
	}
	ps := params{"app": v.App.label(), "provider": v.Provider}
	view := struct {
		Demands                            []template.HTML
		What, Means, Do, Wait, Retry, Home template.HTML
		RetryURL, HomeURL                  string
	}{
		What:     l.html(kind.DetailKey(), ps),
		Means:    l.html(advice+".means", ps),
		Do:       l.html(advice+".do", ps),
		Retry:    l.T("problem.retry"),
		Home:     l.html("problem.home", ps),
		RetryURL: link(v.RetryURL),
		HomeURL:  link(v.HomeURL),
	}
	if kind == StepUpUnsatisfied {
		view.Demands = l.demands(v, ps)
	}
	if kind == SessionRequired {
		view.Retry = l.T("common.sign-in")
	}
	if seconds := int((v.RetryAfter + time.Second - 1) / time.Second); seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		view.Wait = l.wait(seconds)
	}
	p.write(w, r, status, l, page{
		template: "problem", status: kind.Status(), title: kind.TitleKey(), params: ps, incident: v.Incident, view: view,
	})
}

// demands says what a sign-in had to satisfy, a sentence each.
func (l localizer) demands(v Problem, ps params) []template.HTML {
	var out []template.HTML
	if len(v.ACR) > 0 {
		own := maps.Clone(ps)
		own["acr"] = strings.Join(v.ACR, ", ")
		out = append(out, l.html("problem.step-up-unsatisfied.class", own))
	}
	if n := int(v.MaxAge / time.Second); n > 0 {
		unit := "seconds"
		switch {
		case n%3600 == 0:
			n, unit = n/3600, "hours"
		case n%60 == 0:
			n, unit = n/60, "minutes"
		}
		out = append(out, l.count("problem.step-up-unsatisfied.age."+unit, n, ps))
	}
	return out
}

// wait says a number of seconds in words that suit its size.
func (l localizer) wait(seconds int) template.HTML {
	if seconds < 60 {
		return l.count("problem.retry-after.seconds", seconds, nil)
	}
	return l.count("problem.retry-after.minutes", (seconds+59)/60, nil)
}
