package pages

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func newPages(t testing.TB, o Options) *Pages {
	t.Helper()
	if o.PublicURL == "" {
		o.PublicURL = "https://auth.acme.example"
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func request(method, language string) *http.Request {
	r := httptest.NewRequest(method, "https://auth.acme.example/.cardea/any", nil)
	if language != "" {
		r.Header.Set("Accept-Language", language)
	}
	return r
}

// fixture is one page as a handler would ask for it.
type fixture struct {
	name  string
	write func(p *Pages, w http.ResponseWriter, r *http.Request)
}

func (f fixture) get(p *Pages, language string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.write(p, w, request(http.MethodGet, language))
	return w
}

var (
	chat  = App{Name: "Chat", Host: "chat.acme.example"}
	maria = Account{Name: "Maria Lindqvist", Email: "maria@acme.example", Provider: "Acme ID"}
)

func deniedView(reason DeniedReason) Denied {
	return Denied{
		App: chat, Reason: reason, Account: maria, Rule: "apps[chat].access.emails",
		Setting:      "providers[main].record.email_verified",
		OtherAccount: Form{Action: "/.cardea/sign-out", Hidden: []Field{{"return", "/room?a=1&b=2"}}},
		Incident:     "7QK3-M9XD",
	}
}

// fixtures is every page in the forms that differ in more than their words.
func fixtures() []fixture {
	return []fixture{
		{"choice", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Choice(w, r, 200, Choice{App: chat, Providers: []ChoiceProvider{
				{Name: "Acme ID", Host: "id.acme.example", URL: "/.cardea/sign-in?provider=main"},
				{Name: "GitHub", URL: "/.cardea/sign-in?provider=github", Remembered: true},
			}})
		}},
		{"choice-none", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Choice(w, r, 200, Choice{App: chat})
		}},
		{"signed-out-complete", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, SignedOut{
				Cause: CauseUser, Outcome: OutcomeComplete, SignInURL: "https://chat.acme.example/",
				Steps: []Step{
					{Subject: StepGatewaySession, State: StateDone},
					{Subject: StepApp, State: StateDone, App: chat},
					{Subject: StepOpenConnections, State: StateDone, Count: 1},
					{Subject: StepProviderSession, State: StateDone, Provider: "Acme ID"},
					{Subject: StepTokens, State: StateDone, Provider: "Acme ID"},
				},
			})
		}},
		{"signed-out-partly", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, SignedOut{
				Cause: CauseEverywhere, Outcome: OutcomePartly, SignInURL: "/", RefreshURL: "/.cardea/signed-out?r=1",
				Incident: "7QK3-M9XD",
				Steps: []Step{
					{Subject: StepGatewaySession, State: StateDone},
					{Subject: StepOpenConnections, State: StateDone, Count: 12},
					{Subject: StepOtherSessions, State: StateFailed, Count: 2},
					{Subject: StepTokens, State: StateRetrying, Provider: "GitHub"},
					{Subject: StepApp, State: StateNotPossible, App: chat},
					{Subject: StepProviderSession, State: StateStillOpen, Provider: "GitHub", URL: "https://github.com/logout"},
				},
			})
		}},
		{"signed-out-withdrawn", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, SignedOut{
				Cause: CauseWithdrawn, Provider: "Acme ID", SignInURL: "/",
				Steps: []Step{
					{Subject: StepGatewaySession, State: StateDone},
					{Subject: StepApp, State: StateDone, App: chat},
					{Subject: StepProviderSession, Provider: "Acme ID", Withdrawn: true},
				},
			})
		}},
		{"signed-out-not-durable", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 503, SignedOut{
				Cause: CauseUser, Outcome: OutcomeNotDurable,
				Steps: []Step{{Subject: StepGatewaySession, State: StateRetrying}},
			})
		}},
		{"signed-out-nothing", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, SignedOut{Cause: CauseUser, Outcome: OutcomeNothing, SignInURL: "/"})
		}},
		{"denied", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Denied(w, r, 403, deniedView(EmailNotVerified))
		}},
		{"denied-link", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			v := deniedView(NotInGroup)
			v.OtherAccount, v.OtherAccountURL = Form{}, "https://auth.acme.example/.cardea/sign-out"
			p.Denied(w, r, 403, v)
		}},
		{"problem", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Problem(w, r, 0, Problem{
				Kind: UpstreamUnavailable, App: chat, Incident: "7QK3-M9XD",
				RetryURL: "/room", HomeURL: "https://chat.acme.example/", RetryAfter: 30 * time.Second,
			})
		}},
		{"problem-loop", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Problem(w, r, 0, Problem{Kind: SignInLoop, Cause: SchemeMismatch, Incident: "7QK3-M9XD"})
		}},
		{"problem-step-up", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Problem(w, r, 0, Problem{
				Kind: StepUpUnsatisfied, App: chat, Provider: "Acme ID", Incident: "7QK3-M9XD", SignedIn: true,
				ACR: []string{"urn:acme:gold", "urn:acme:platinum"}, MaxAge: 5 * time.Minute, RetryURL: "/.cardea/sign-in?return=%2Fpay",
			})
		}},
		{"confirm", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Confirm(w, r, 200, Confirm{
				App: chat, Account: maria, Provider: "Acme ID", CancelURL: "/room",
				Form: Form{Action: "/.cardea/sign-out", Hidden: []Field{{"return", "/room"}}},
			})
		}},
		{"confirm-everywhere", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Confirm(w, r, 200, Confirm{
				Kind: ConfirmSignOutEverywhere, Form: Form{Action: "https://auth.acme.example/.cardea/sign-out"},
			})
		}},
		{"confirm-choice", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Confirm(w, r, 200, Confirm{
				App: chat, Account: maria, Provider: "Acme ID", CancelURL: "/room",
				Form:        Form{Action: "/.cardea/sign-out", Hidden: []Field{{"mode", "provider"}}},
				GatewayOnly: Form{Action: "/.cardea/sign-out", Hidden: []Field{{"mode", "gateway"}}},
			})
		}},
		{"move-on", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.MoveOn(w, r, 200, MoveOn{Provider: "Acme ID", URL: "https://id.acme.example/logout?id_token_hint=a.b.c&state=s"})
		}},
		{"move-on-post", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.MoveOn(w, r, 200, MoveOn{Provider: "Acme ID", Form: &Form{
				Action: "https://id.acme.example:8443/logout", Hidden: []Field{{"id_token_hint", "a.b.c"}, {"state", "s"}},
			}})
		}},
		{"move-on-back", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.MoveOn(w, r, 200, MoveOn{Purpose: MoveOnBack, App: chat, URL: "/room"})
		}},
		{"open-in-new-tab", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.OpenInNewTab(w, r, 401, OpenInNewTab{App: chat, URL: "https://chat.acme.example/room"})
		}},
		{"not-saved", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.NotSaved(w, r, 401, NotSaved{App: chat, SignInURL: "/.cardea/sign-in?return=%2Froom", Incident: "7QK3-M9XD"})
		}},
	}
}
