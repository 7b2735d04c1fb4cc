package pages

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Example is a page as a handler would ask for it.
type Example struct {
	Name  string // of its golden files and pictures
	Write func(p *Pages, w http.ResponseWriter, r *http.Request)
}

// Examples is every page in the forms that differ in more than their words. The golden
// files, the gallery and the pictures in the documentation are made of it.
func Examples() []Example {
	return slices.Concat(choiceExamples(), signedOutExamples(), refusalExamples(), linkExamples(), confirmExamples(), onTheWayExamples(), accountExamples())
}

func exampleApp() App { return App{Name: "Chat", Host: "chat.acme.example"} }

func examplePerson() Account {
	return Account{Name: "Maria Lindqvist", Email: "maria@acme.example", Provider: "Acme ID"}
}

func exampleDenied(reason DeniedReason) Denied {
	return Denied{
		App: exampleApp(), Reason: reason, Account: examplePerson(), Rule: "apps[chat].access.emails",
		Setting:      "providers[main].record.email_verified",
		OtherAccount: Form{Action: "/.cardea/sign-out", Hidden: []Field{{"return", "/room?a=1&b=2"}}},
		Incident:     "7QK3-M9XD",
	}
}

// manyProviders are more than fit on a screen, with names that are alike, long, empty, or
// in other scripts.
func manyProviders() []ChoiceProvider {
	list := []ChoiceProvider{
		{Name: "Acme ID", Host: "id.acme.example"},
		{Name: "Acme ID", Host: "id.acme-partners.example", Remembered: true},
		{Name: "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz", Host: "a-host-name-that-is-far-longer-than-the-card-is-wide.identity.acme.example"},
		{Name: "上海交通大学统一身份认证", Host: "jaccount.example"},
		{Name: "جامعة القاهرة", Host: "sso.cairo.example"},
		{Host: "nameless.example"},
	}
	for i := len(list); i < 16; i++ {
		list = append(list, ChoiceProvider{Name: "Campus " + strconv.Itoa(i), Host: "campus-" + strconv.Itoa(i) + ".example"})
	}
	for i := range list {
		list[i].URL = "/.cardea/sign-in?provider=p" + strconv.Itoa(i)
	}
	return list
}

func choiceExamples() []Example {
	return []Example{
		{"choice", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Choice(w, r, 200, Choice{App: exampleApp(), Providers: []ChoiceProvider{
				{Name: "Acme ID", Host: "id.acme.example", URL: "/.cardea/sign-in?provider=main"},
				{Name: "Studio ID", URL: "/.cardea/sign-in?provider=studio", Remembered: true},
			}})
		}},
		{"choice-unlinked", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Choice(w, r, 200, Choice{App: exampleApp(), Providers: []ChoiceProvider{
				{Name: "Acme ID", Host: "id.acme.example", URL: "/.cardea/sign-in?provider=main", Unlinked: true},
				{Name: "Studio ID", URL: "/.cardea/sign-in?provider=studio"},
			}})
		}},
		{"choice-none", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Choice(w, r, 200, Choice{App: exampleApp()})
		}},
		{"choice-many", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Choice(w, r, 200, Choice{App: exampleApp(), Providers: manyProviders()})
		}},
	}
}

func signedOutExamples() []Example {
	return []Example{
		{"signed-out-complete", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, SignedOut{
				Cause: CauseUser, Outcome: OutcomeComplete, SignInURL: "https://chat.acme.example/",
				Steps: []Step{
					{Subject: StepGatewaySession, State: StateDone},
					{Subject: StepApp, State: StateDone, App: exampleApp()},
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
					{Subject: StepTokens, State: StateRetrying, Provider: "Studio ID"},
					{Subject: StepApp, State: StateNotPossible, App: exampleApp()},
					{Subject: StepProviderSession, State: StateStillOpen, Provider: "Studio ID", URL: "https://studio.example/logout"},
				},
			})
		}},
		{"signed-out-withdrawn", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, SignedOut{
				Cause: CauseWithdrawn, Provider: "Acme ID", SignInURL: "/",
				Steps: []Step{
					{Subject: StepGatewaySession, State: StateDone},
					{Subject: StepApp, State: StateDone, App: exampleApp()},
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
		{"signed-out-elsewhere", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, SignedOut{
				Cause: CauseElsewhere, SignInURL: "/", AccountURL: "/.cardea/sign-in?return=%2F.cardea%2Faccount",
				Steps: []Step{{Subject: StepGatewaySession, State: StateDone}},
			})
		}},
		{"signed-out-nothing", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.SignedOut(w, r, 200, SignedOut{Cause: CauseUser, Outcome: OutcomeNothing, SignInURL: "/"})
		}},
	}
}

func refusalExamples() []Example {
	return []Example{
		{"denied", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Denied(w, r, 403, exampleDenied(EmailNotVerified))
		}},
		{"denied-link", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			v := exampleDenied(NotInGroup)
			v.OtherAccount, v.OtherAccountURL = Form{}, "https://auth.acme.example/.cardea/sign-out"
			p.Denied(w, r, 403, v)
		}},
		{"problem", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Problem(w, r, 0, Problem{
				Kind: UpstreamUnavailable, App: exampleApp(), Incident: "7QK3-M9XD",
				RetryURL: "/room", HomeURL: "https://chat.acme.example/", RetryAfter: 30 * time.Second,
			})
		}},
		{"problem-loop", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Problem(w, r, 0, Problem{Kind: SignInLoop, Cause: SchemeMismatch, Incident: "7QK3-M9XD"})
		}},
		{"problem-step-up", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Problem(w, r, 0, Problem{
				Kind: StepUpUnsatisfied, App: exampleApp(), Provider: "Acme ID", Incident: "7QK3-M9XD", SignedIn: true,
				ACR: []string{"urn:acme:gold", "urn:acme:platinum"}, MaxAge: 5 * time.Minute, RetryURL: "/.cardea/sign-in?return=%2Fpay",
			})
		}},
	}
}

func linkExamples() []Example {
	var list []Example
	for _, reason := range LinkReasons() {
		v := LinkRefused{Reason: reason, Provider: "Home ID", Email: "maria@home.example", URL: "/.cardea/account", Incident: "7QK3-M9XD"}
		if reason == LinkSessionGone {
			v.Email = "" // nothing was proven
		}
		list = append(list, Example{"link-" + string(reason), func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.LinkRefused(w, r, 0, v)
		}})
	}
	return append(list, Example{"link-denied", func(p *Pages, w http.ResponseWriter, r *http.Request) {
		v := exampleDenied(EmailNotAllowed)
		v.App, v.OtherAccount, v.BackURL = App{}, Form{}, "/.cardea/account"
		p.Denied(w, r, 403, v)
	}})
}

func confirmExamples() []Example {
	return []Example{
		{"confirm", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.Confirm(w, r, 200, Confirm{
				App: exampleApp(), Account: examplePerson(), Provider: "Acme ID", CancelURL: "/room",
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
				App: exampleApp(), Account: examplePerson(), Provider: "Acme ID", CancelURL: "/room",
				Form:        Form{Action: "/.cardea/sign-out", Hidden: []Field{{"mode", "provider"}}},
				GatewayOnly: Form{Action: "/.cardea/sign-out", Hidden: []Field{{"mode", "gateway"}}},
			})
		}},
	}
}

func onTheWayExamples() []Example {
	return []Example{
		{"move-on", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.MoveOn(w, r, 200, MoveOn{Provider: "Acme ID", URL: "https://id.acme.example/logout?id_token_hint=a.b.c&state=s"})
		}},
		{"move-on-post", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.MoveOn(w, r, 200, MoveOn{Provider: "Acme ID", Form: &Form{
				Action: "https://id.acme.example:8443/logout", Hidden: []Field{{"id_token_hint", "a.b.c"}, {"state", "s"}},
			}})
		}},
		{"move-on-back", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.MoveOn(w, r, 200, MoveOn{Purpose: MoveOnBack, App: exampleApp(), URL: "/room"})
		}},
		{"open-in-new-tab", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.OpenInNewTab(w, r, 401, OpenInNewTab{App: exampleApp(), URL: "https://chat.acme.example/room"})
		}},
		{"not-saved", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.NotSaved(w, r, 401, NotSaved{App: exampleApp(), SignInURL: "/.cardea/sign-in?return=%2Froom", Incident: "7QK3-M9XD"})
		}},
		{"language", func(p *Pages, w http.ResponseWriter, r *http.Request) {
			p.LanguageChanged(w, r, 200, LanguageChanged{HomeURL: "/", Incident: "7QK3-M9XD"})
		}},
	}
}
