package signout

import "github.com/cardea-auth/cardea/internal/session"

// By says who calls the provider's logout.
type By int

// Callers of the provider's logout.
const (
	Nobody  By = iota // the provider's session stays, or has ended already
	Browser           // the browser goes there; the server follows up if it does not come back
	Server            // nobody's browser is at hand: the server calls, where the provider allows it
)

// Page names the text that the signed-out page leads with.
type Page string

// Pages. PageNone is for ends that no browser is ever told of.
const (
	PageNone          Page = ""
	PageUser          Page = "user"
	PageEverywhere    Page = "everywhere"
	PageAdministrator Page = "administrator"
	PageProvider      Page = "provider"
	PageExpired       Page = "expired"
	PageAccessChanged Page = "access-changed"
	PageUnlinked      Page = "unlinked"
	PageOtherAccount  Page = "other-account"
	PageWithdrawn     Page = "withdrawn"
)

// Rule is what an end does, by its cause.
type Rule struct {
	Revoke     bool // tokens at the provider
	EndSession By   // the provider's own session
	ReplayApp  bool // the apps' own logouts, with the cookies kept for them
	Fresh      bool // the browser's next sign-in authenticates anew
	Stay       bool // a page asked for afterwards is answered by the signed-out page
	Page       Page // what the browser is told
}

// rules is the table of causes. Its reasons:
//   - a person or an operator who ends a session means all of it;
//   - what the provider itself ended needs no logout there, and a front-channel call,
//     which anyone can forge with a sid, never revokes tokens (OpenID Connect
//     Front-Channel Logout section 2);
//   - plain expiry keeps the deep link and asks nothing extra: the provider decides;
//   - the app whose own logout was the cause has heard already (Request.Told); the
//     others that shared the session have not;
//   - a renewed session lives on under its new id, so that only the surplus grant goes,
//     which signin sees to;
//   - a provider or client that was withdrawn from the configuration cannot be told of
//     anything: the tokens are those of a client that we are no longer;
//   - where another account signs in on the same browser, the provider's session belongs
//     to that account already.
var rules = map[session.Cause]Rule{
	session.CauseButton:          {Revoke: true, EndSession: Browser, ReplayApp: true, Fresh: true, Stay: true, Page: PageUser},
	session.CauseApp:             {Revoke: true, EndSession: Browser, ReplayApp: true, Fresh: true, Stay: true, Page: PageUser},
	session.CauseEverywhere:      {Revoke: true, EndSession: Server, ReplayApp: true, Fresh: true, Stay: true, Page: PageEverywhere},
	session.CauseAdmin:           {Revoke: true, EndSession: Server, ReplayApp: true, Fresh: true, Stay: true, Page: PageAdministrator},
	session.CauseBackChannel:     {Revoke: true, EndSession: Nobody, ReplayApp: true, Fresh: true, Stay: true, Page: PageProvider},
	session.CauseFrontChannel:    {Revoke: false, EndSession: Nobody, ReplayApp: true, Fresh: true, Stay: true, Page: PageProvider},
	session.CauseExpired:         {Revoke: true, EndSession: Nobody, ReplayApp: true, Fresh: false, Page: PageExpired},
	session.CauseRefreshRefused:  {Revoke: false, EndSession: Nobody, ReplayApp: true, Fresh: false, Page: PageProvider},
	session.CauseUnconfirmed:     {Revoke: true, EndSession: Nobody, ReplayApp: true, Fresh: false, Page: PageExpired},
	session.CauseAccessWithdrawn: {Revoke: true, EndSession: Nobody, ReplayApp: true, Fresh: false, Page: PageAccessChanged},
	session.CauseAccount:         {Revoke: true, EndSession: Server, ReplayApp: true, Fresh: true, Stay: true, Page: PageAdministrator},
	session.CauseIdentity:        {Revoke: true, EndSession: Nobody, ReplayApp: true, Fresh: true, Stay: true, Page: PageUnlinked},
	session.CauseProvider:        {Revoke: false, EndSession: Nobody, ReplayApp: true, Fresh: true, Stay: true, Page: PageWithdrawn},
	session.CauseOtherAccount:    {Revoke: true, EndSession: Nobody, ReplayApp: true, Fresh: false, Page: PageOtherAccount},
	session.CauseRenewed:         {Revoke: false, EndSession: Nobody, ReplayApp: false, Fresh: false, Page: PageNone},
}

// RuleOf returns the rule of a cause under a mode. ModeGateway leaves the provider's
// session alone, and a person who asks to sign in again is not asked for credentials;
// but no page does so unasked. An unknown cause has the strictest rule.
func RuleOf(cause session.Cause, mode Mode) Rule {
	rule, known := rules[cause]
	if !known {
		rule = rules[session.CauseAdmin]
	}
	if mode == ModeGateway && rule.EndSession != Nobody {
		rule.EndSession, rule.Fresh = Nobody, false
	}
	return rule
}
