package account

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/oidc"
)

func TestAnIdentitysKeyIsThatOfNoOther(t *testing.T) {
	one := Identity{Identity: oidc.Identity{Issuer: "https://id.example.com", Subject: "ann"}}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`).MatchString(one.Key()) || one.Key() != KeyOf(one.Identity) {
		t.Fatalf("key %q", one.Key())
	}
	for _, other := range []oidc.Identity{
		{}, {Issuer: "https://id.example.com/", Subject: "ann"}, {Issuer: "https://id.example.com", Subject: "Ann"},
		{Issuer: "https://id.example.com", Subject: "ann "}, {Issuer: "https://id.example.co", Subject: "mann"},
		{Issuer: "https://evil.example.com", Subject: "ann"},
	} {
		if KeyOf(other) == one.Key() {
			t.Errorf("%+v has the same key", other)
		}
	}
	if strings.Contains(one.Key(), "ann") {
		t.Error("the key tells the subject")
	}
}

func TestAPersonsIdentityIsFoundByItsKeyAlone(t *testing.T) {
	p := Person{Identities: []Identity{{Identity: oidc.Identity{Issuer: "a", Subject: "1"}}, {Identity: oidc.Identity{Issuer: "b", Subject: "1"}}}}
	if i, ok := p.ByKey(KeyOf(p.Identities[1].Identity)); !ok || i.Issuer != "b" {
		t.Errorf("%+v, %v", i, ok)
	}
	for _, key := range []string{"", "1", "b", KeyOf(oidc.Identity{Issuer: "c", Subject: "1"})} {
		if i, ok := p.ByKey(key); ok {
			t.Errorf("%q finds %+v", key, i)
		}
	}
}

func TestTheLastWayInIsTheOnlyIdentityOfAConfiguredProvider(t *testing.T) {
	configured := func(provider string) bool { return provider != "withdrawn" }
	for name, tc := range map[string]struct {
		providers []string // of the identities; the first one is asked of
		want      bool
	}{
		"nothing is left":                  {nil, true},
		"the only identity":                {[]string{"main"}, true},
		"the only one, and of no use":      {[]string{"withdrawn"}, true},
		"one of two":                       {[]string{"main", "second"}, false},
		"one of two at the same provider":  {[]string{"main", "main"}, false},
		"the only one of use":              {[]string{"main", "withdrawn", "withdrawn"}, true},
		"of no use, where another is":      {[]string{"withdrawn", "main"}, false},
		"of no use, as are all the others": {[]string{"withdrawn", "withdrawn"}, false},
	} {
		var p Person
		for i, provider := range tc.providers {
			p.Identities = append(p.Identities, Identity{Provider: provider, Identity: oidc.Identity{Issuer: "https://id.example.com", Subject: string(rune('a' + i))}})
		}
		of := oidc.Identity{Issuer: "https://id.example.com", Subject: "a"}
		if got := p.LastWay(of, configured); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	strange := Person{Identities: []Identity{{Provider: "main"}, {Provider: "withdrawn"}}}
	if strange.LastWay(oidc.Identity{Issuer: "x", Subject: "another's"}, configured) {
		t.Error("an identity that the person has not is the last way in")
	}
}

func TestOnlyAPlainAddressIsOne(t *testing.T) {
	for _, good := range []string{"ann@example.com", "a@b", "ünïcode@example.com", "o'brien+x@sub.example.com", "ann@例え.jp"} {
		if !PlainAddress(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", "@", "ann", "@example.com", "ann@", "a@b@c", "a@@b", "a b@c", "a\tb@c", "ann@example.com\n", "ann@exa\u00admple.com", "\u200bann@example.com",
		"ann\x00@example.com", "ann\u202e@example.com", "ann@example.com\u2028", "\xff@example.com", "a\ufffd@b", "ann\u00a0@example.com",
		strings.Repeat("a", 320) + "@example.com",
	} {
		if PlainAddress(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}

func FuzzPlainAddressLeavesNoDoubt(f *testing.F) {
	f.Add("ann@example.com")
	f.Add("a@evil@good")
	f.Fuzz(func(t *testing.T, email string) {
		if !PlainAddress(email) {
			return
		}
		if strings.Count(email, "@") != 1 || len(email) > 320 || oidc.PlainText(email, 320) != email || strings.ContainsAny(email, " \t\r\n\x00") {
			t.Errorf("%q", email)
		}
	})
}
