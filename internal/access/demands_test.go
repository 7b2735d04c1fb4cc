package access

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
)

func TestEveryRefusalNamesAListWhoseDemandsCanBeTold(t *testing.T) {
	p := &Policy{
		Name: "apps[chat].paths[/admin].access", Emails: []string{"a@b.org"}, Domains: []string{"c.org"}, Groups: []string{"staff", "ops"},
		Claims: map[string][]string{"realm_access.roles": {"editor"}},
	}
	believed := oidc.Profile{Email: "a@b.org", EmailBelieved: true}
	grouped := believed
	grouped.Groups = []string{"ops"}
	for name, tc := range map[string]struct {
		who  oidc.Profile
		want []string
	}{
		"e-mail": {oidc.Profile{Email: "x@y.org", EmailBelieved: true}, []string{"a@b.org", "c.org"}},
		"groups": {believed, []string{"staff", "ops"}},
		"claim":  {grouped, []string{"editor"}},
	} {
		d := p.Evaluate(Subject{Profile: tc.who})
		if diff := cmp.Diff(tc.want, p.Demands(d.Rule)); d.Allowed || diff != "" {
			t.Errorf("%s: %+v\n%s", name, d, diff)
		}
		if name == "claim" && ClaimOf(d.Rule) != "realm_access.roles" {
			t.Errorf("claim of %s: %q", d.Rule, ClaimOf(d.Rule))
		}
	}
	for _, rule := range []string{"access.groups", "apps[chat].access.groups", "apps[chat].paths[/admin].access.other", ""} {
		if got := p.Demands(rule); got != nil {
			t.Errorf("%q is not this policy's: %v", rule, got)
		}
	}
	if (*Policy)(nil).Demands("groups") != nil || ClaimOf("access.groups") != "" {
		t.Error("nothing demands nothing")
	}
}
