package signout

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/session"
)

// One row for each cause, with the reason for what it does.
func TestWhatEachCauseDoes(t *testing.T) {
	table := []struct {
		cause  session.Cause
		want   Rule
		reason string
	}{
		{session.CauseButton, Rule{true, Browser, true, true, true, PageUser}, "the person means all of it, and their browser is here"},
		{session.CauseApp, Rule{true, Browser, true, true, true, PageUser}, "as the button; the app that was left is told no second time"},
		{session.CauseEverywhere, Rule{true, Server, true, true, true, PageEverywhere}, "the ended browser is elsewhere: only the server can call"},
		{session.CauseAdmin, Rule{true, Server, true, true, true, PageAdministrator}, "an operator means all of it, and has no browser of the person's"},
		{session.CauseBackChannel, Rule{true, Nobody, true, true, true, PageProvider}, "the provider ended its own session; its tokens may live on"},
		{session.CauseFrontChannel, Rule{false, Nobody, true, true, true, PageProvider}, "whoever knows a sid can send it: it never revokes"},
		{session.CauseExpired, Rule{true, Nobody, true, false, false, PageExpired}, "nobody signed out: the provider's session goes on, the deep link stays"},
		{session.CauseRefreshRefused, Rule{false, Nobody, true, false, false, PageProvider}, "the provider withdrew the grant: there is nothing to revoke"},
		{session.CauseUnconfirmed, Rule{true, Nobody, true, false, false, PageExpired}, "a limit of ours, as expiry"},
		{session.CauseAccessWithdrawn, Rule{true, Nobody, true, false, false, PageAccessChanged}, "the person did nothing wrong at the provider"},
		{session.CauseAccount, Rule{true, Server, true, true, true, PageAdministrator}, "a disabled account is shut out everywhere"},
		{session.CauseIdentity, Rule{true, Nobody, true, true, true, PageUnlinked}, "the identity no longer opens this account; it is still the person's"},
		{session.CauseProvider, Rule{false, Nobody, true, true, true, PageWithdrawn}, "the provider is no longer ours to call"},
		{session.CauseOtherAccount, Rule{true, Nobody, true, false, false, PageOtherAccount}, "the provider's session belongs to the new account by now"},
		{session.CauseRenewed, Rule{}, "the session lives on under another id"},
	}
	if len(table) != len(rules) {
		t.Errorf("%d rows for %d causes", len(table), len(rules))
	}
	for _, row := range table {
		if diff := cmp.Diff(row.want, RuleOf(row.cause, ModeProvider)); diff != "" {
			t.Errorf("%s (%s):\n%s", row.cause, row.reason, diff)
		}
	}
}

func TestGatewayModeLeavesTheProvidersSessionAndForcesNothing(t *testing.T) {
	for cause := range rules {
		whole, gateway := RuleOf(cause, ModeProvider), RuleOf(cause, ModeGateway)
		if gateway.EndSession != Nobody {
			t.Errorf("%s: the provider's session is ended", cause)
		}
		if whole.EndSession != Nobody {
			whole.EndSession, whole.Fresh = Nobody, false
		}
		if gateway.Stay != whole.Stay {
			t.Errorf("%s: a page asked for afterwards is answered in another way", cause)
		}
		if diff := cmp.Diff(whole, gateway); diff != "" {
			t.Errorf("%s: more than the provider's session differs:\n%s", cause, diff)
		}
	}
}

func TestAnUnknownCauseHasTheStrictestRule(t *testing.T) {
	for _, mode := range []Mode{ModeProvider, ""} {
		if got := RuleOf("from a newer release", mode); got != rules[session.CauseAdmin] {
			t.Errorf("mode %q: %+v", mode, got)
		}
	}
}
