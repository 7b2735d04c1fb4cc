package access

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
)

func person(email string) Subject {
	return Subject{Profile: oidc.Profile{Email: email, EmailBelieved: true}}
}

func TestEveryRuleKindAdmitsAndRefuses(t *testing.T) {
	claims := oidc.Claims{
		"department": "physics", "staff": true, "level": float64(7), "id": json.Number("12"),
		"realm_access": map[string]any{"roles": []any{"editor", 3.0, nil}},
		"list":         []string{"x"}, "object": map[string]any{"a": "b"}, "nothing": nil,
	}
	withClaims := Subject{Claims: claims}
	grouped := Subject{Profile: oidc.Profile{Groups: []string{"staff", ""}}}
	tests := []struct {
		name   string
		policy *Policy
		who    Subject
		want   Decision
	}{
		{"nil policy admits", nil, Subject{}, Decision{Allowed: true}},
		{"zero policy admits", &Policy{}, Subject{}, Decision{Allowed: true}},
		{"listed e-mail", &Policy{Emails: []string{"ann@example.com"}}, person("ann@example.com"), Decision{Allowed: true}},
		{"listed e-mail in another case", &Policy{Emails: []string{"Ann@Example.com"}}, person("aNN@eXample.COM"), Decision{Allowed: true}},
		{"unlisted e-mail", &Policy{Name: "apps.chat", Emails: []string{"ann@example.com"}}, person("bob@example.com"), Decision{Reason: ReasonEmail, Rule: "apps.chat.emails"}},
		{"missing e-mail", &Policy{Emails: []string{"ann@example.com"}}, person(""), Decision{Reason: ReasonEmailMissing, Rule: "emails"}},
		{"unverified e-mail fails closed", &Policy{Domains: []string{"example.com"}}, Subject{Profile: oidc.Profile{Email: "ann@example.com"}}, Decision{Reason: ReasonEmailUnverified, Rule: "domains"}},
		{"unverified listed e-mail fails closed", &Policy{Emails: []string{"ann@example.com"}}, Subject{Profile: oidc.Profile{Email: "ann@example.com"}}, Decision{Reason: ReasonEmailUnverified, Rule: "emails"}},
		{"domain", &Policy{Domains: []string{"example.com"}}, person("ann@EXAMPLE.com"), Decision{Allowed: true}},
		{"subdomain is not the domain", &Policy{Domains: []string{"example.com"}}, person("ann@sub.example.com"), Decision{Reason: ReasonEmail, Rule: "domains"}},
		{"wildcard takes subdomains", &Policy{Domains: []string{"*.example.com"}}, person("ann@a.b.Example.com"), Decision{Allowed: true}},
		{"wildcard leaves the domain itself out", &Policy{Domains: []string{"*.example.com"}}, person("ann@example.com"), Decision{Reason: ReasonEmail, Rule: "domains"}},
		{"CVE-2021-21291 suffix without dot", &Policy{Domains: []string{"example.com"}}, person("a@evilexample.com"), Decision{Reason: ReasonEmail, Rule: "domains"}},
		{"CVE-2021-21291 wildcard suffix without dot", &Policy{Domains: []string{"*.example.com"}}, person("a@evilexample.com"), Decision{Reason: ReasonEmail, Rule: "domains"}},
		{"CVE-2026-40574 two at signs", &Policy{Domains: []string{"good.com"}}, person("a@evil.com@good.com"), Decision{Reason: ReasonEmail, Rule: "domains"}},
		{"CVE-2026-40574 quoted at sign", &Policy{Domains: []string{"good.com"}}, person(`"a@evil.com"@good.com`), Decision{Reason: ReasonEmail, Rule: "domains"}},
		{"an address beside a domain", &Policy{Emails: []string{"ann@example.com"}, Domains: []string{"other.org"}}, person("ann@example.com"), Decision{Allowed: true}},
		{"a domain beside an address", &Policy{Emails: []string{"ann@example.com"}, Domains: []string{"other.org"}}, person("bob@other.org"), Decision{Allowed: true}},
		{"neither address nor domain", &Policy{Emails: []string{"ann@example.com"}, Domains: []string{"other.org"}}, person("bob@example.com"), Decision{Reason: ReasonEmail, Rule: "emails"}},
		{"wildcard alone matches nobody", &Policy{Domains: []string{"*", "*.", ""}}, person("ann@example.com"), Decision{Reason: ReasonEmail, Rule: "domains"}},
		{"group", &Policy{Groups: []string{"admins", "staff"}}, grouped, Decision{Allowed: true}},
		{"group in another case", &Policy{Groups: []string{"Staff"}}, grouped, Decision{Reason: ReasonGroup, Rule: "groups"}},
		{"part of a group's name", &Policy{Groups: []string{"staf"}}, grouped, Decision{Reason: ReasonGroup, Rule: "groups"}},
		{"empty group never counts", &Policy{Groups: []string{""}}, grouped, Decision{Reason: ReasonGroup, Rule: "groups"}},
		{"no groups", &Policy{Groups: []string{"staff"}}, Subject{}, Decision{Reason: ReasonGroup, Rule: "groups"}},
		{"claim", &Policy{Claims: map[string][]string{"department": {"maths", "physics"}}}, withClaims, Decision{Allowed: true}},
		{"claim of another value", &Policy{Claims: map[string][]string{"department": {"maths"}}}, withClaims, Decision{Reason: ReasonClaim, Rule: "claims.department"}},
		{"absent claim", &Policy{Claims: map[string][]string{"x": {""}}}, withClaims, Decision{Reason: ReasonClaim, Rule: "claims.x"}},
		{"nested list claim", &Policy{Claims: map[string][]string{"realm_access.roles": {"editor"}}}, withClaims, Decision{Allowed: true}},
		{"string list claim", &Policy{Claims: map[string][]string{"list": {"x"}}}, withClaims, Decision{Allowed: true}},
		{"boolean claim", &Policy{Claims: map[string][]string{"staff": {"true"}}}, withClaims, Decision{Allowed: true}},
		{"number claims", &Policy{Claims: map[string][]string{"level": {"7"}, "id": {"12"}}}, withClaims, Decision{Allowed: true}},
		{"object and null claims never count", &Policy{Claims: map[string][]string{"nothing": {"", "null"}, "object": {"map[a:b]"}}}, withClaims, Decision{Reason: ReasonClaim, Rule: "claims.nothing"}},
		{"all claim paths must hold", &Policy{Claims: map[string][]string{"department": {"physics"}, "staff": {"false"}}}, withClaims, Decision{Reason: ReasonClaim, Rule: "claims.staff"}},
		{"claim rule without values admits nobody", &Policy{Claims: map[string][]string{"department": nil}}, withClaims, Decision{Reason: ReasonClaim, Rule: "claims.department"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.policy.Evaluate(tt.who)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDoubtfulAddressesHaveNoDomain(t *testing.T) {
	for _, address := range []string{
		"", "@", "a", "a@", "@example.com", "a@@example.com", "a@example.com@", "a@example.com.", "a@.example.com",
		"a@example..com", "a@-example.com", "a@exa mple.com", "a b@example.com", "a@example.com\n", "a\x00@example.com",
		"a@example.com\x00", "<a@example.com", "a,b@example.com", "a@example.com>", "a@example.com,b", "a;b@example.com",
		"a@[127.0.0.1]", "a@exam\u200bple.com", "a\u202e@example.com", "a@ex\u0430mple.com", "a@example\u3002com",
		"a\xff@example.com", "a@example.com\xff", "\u212aate@example.com", strings.Repeat("a", 260) + "@example.com",
		"a@" + strings.Repeat("x", 64) + ".com",
	} {
		if domain, ok := emailDomain(address); ok {
			t.Errorf("emailDomain(%q) = %q, want none", address, domain)
		}
	}
	for address, want := range map[string]string{"a@b": "b", "ann+x@Example.com": "Example.com", "jörg@xn--bcher-kva.example": "xn--bcher-kva.example"} {
		if domain, _ := emailDomain(address); domain != want {
			t.Errorf("emailDomain(%q) = %q, want %q", address, domain, want)
		}
	}
}

func TestKelvinSignIsNoLetterK(t *testing.T) {
	p := &Policy{Emails: []string{"kate@example.com"}}
	if p.Evaluate(person("\u212aate@example.com")).Allowed {
		t.Error("a look-alike under Unicode case folding was admitted")
	}
}

func TestRulesThatCanNeverHoldStopTheStart_CVE_2021_21411(t *testing.T) {
	bad := &Policy{
		Name: "apps.chat.access", Emails: []string{"ann"}, Domains: []string{"", "@example.com", "*", "https://example.com", "*.*.com"},
		Groups: []string{""}, Claims: map[string][]string{"": {"x"}, "role": {}},
	}
	err := bad.Validate()
	if err == nil {
		t.Fatal("an inert policy was accepted")
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 9 {
		t.Errorf("%d faults reported, want 9:\n%v", got, err)
	}
	good := &Policy{Emails: []string{"a@b.org"}, Domains: []string{"b.org", "*.b.org"}, Groups: []string{"g"}, Claims: map[string][]string{"a.b": {"c"}}}
	if err := good.Validate(); err != nil {
		t.Errorf("a good policy was refused: %v", err)
	}
}

func TestEvaluateDoesNotAllocateWhenItAdmits(t *testing.T) {
	p := &Policy{Domains: []string{"*.example.com", "example.com"}, Groups: []string{"staff"}, Claims: map[string][]string{"role": {"editor"}}}
	who := Subject{
		Profile: oidc.Profile{Email: "ann@example.com", EmailBelieved: true, Groups: []string{"all", "staff"}},
		Claims:  oidc.Claims{"role": []any{"reader", "editor"}},
	}
	if !p.Evaluate(who).Allowed {
		t.Fatal("not admitted")
	}
	if n := testing.AllocsPerRun(100, func() { p.Evaluate(who) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzNoDoubtfulAddressPassesADomainRule(f *testing.F) {
	for _, s := range []string{"a@example.com", "a@evil@example.com", "a@example.com\x00", "\ta@example.com", "a@evilexample.com", "a@b.example.com", "\"@\"@example.com"} {
		f.Add(s)
	}
	p := &Policy{Domains: []string{"example.com", "*.example.com"}}
	f.Fuzz(func(t *testing.T, address string) {
		if !p.Evaluate(person(address)).Allowed {
			return
		}
		if strings.Count(address, "@") != 1 {
			t.Errorf("%q has not exactly one @ and was admitted", address)
		}
		for _, r := range address {
			if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) {
				t.Errorf("%q holds a control character and was admitted", address)
			}
		}
		domain := strings.ToLower(address[strings.IndexByte(address, '@')+1:])
		if domain != "example.com" && !strings.HasSuffix(domain, ".example.com") {
			t.Errorf("%q was admitted", address)
		}
	})
}
