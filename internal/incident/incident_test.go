package incident

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/audit"
)

const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

func TestNothingThatLooksLikeASecretIsKept(t *testing.T) {
	i := Incident{
		ID: "x", Kind: "denied", Path: "/cb?code=s3cr3t-value&state=s3cr3t-value", Origin: "https://a", Cause: "bad answer: Bearer s3cr3t-value and " + jwt,
		Wanted: []string{"id_token=s3cr3t-value"},
		Seen: []Seen{
			{Name: "nonce", Value: "s3cr3t-value"}, {Name: "deep.refresh_token", Value: "s3cr3t-value"},
			{Name: "profile", Value: `{"token":"` + jwt + `"}`}, {Name: "email", Value: "ann@example.com"},
		},
	}.Clean()
	all := strings.Join(append([]string{i.Path, i.Cause, i.Seen[0].Value, i.Seen[1].Value, i.Seen[2].Value}, i.Wanted...), "\n")
	if strings.Contains(all, "s3cr3t") || strings.Contains(all, "c2lnbmF0dXJl") {
		t.Errorf("kept:\n%s", all)
	}
	if i.Seen[3].Value != "ann@example.com" || i.Seen[0].Value != audit.Redacted {
		t.Errorf("%+v", i.Seen)
	}
}

func TestASecretThatIsCutInTwoIsMaskedNevertheless(t *testing.T) {
	long := strings.Repeat("x", maxValue-20) + " code=" + strings.Repeat("s3cr3t", 40)
	if got := (Incident{Seen: []Seen{{Name: "a", Value: long}}}).Clean().Seen[0].Value; strings.Contains(got, "s3cr3t") {
		t.Errorf("kept: %s", got)
	}
}

func TestWhatStrangersWriteIsBoundedAndPrintable(t *testing.T) {
	odd := "a\x1b[31mred\x00\u202eevil\u200b\u2028\n\xff安" + strings.Repeat("é", 5000)
	var list []string
	var seen []Seen
	for range 500 {
		list, seen = append(list, odd), append(seen, Seen{Name: odd, Value: odd})
	}
	i := Incident{
		ID: odd, Kind: odd, Shown: odd, Step: odd, App: odd, Provider: odd, Origin: odd, Path: odd, Reason: odd, Rule: odd,
		Wanted: list, Setting: odd, Cause: odd, Seen: seen,
	}.Clean()
	texts := append([]string{i.ID, i.Kind, i.Shown, i.Step, i.App, i.Provider, i.Origin, i.Path, i.Reason, i.Rule, i.Setting, i.Cause}, i.Wanted...)
	for _, s := range i.Seen {
		texts = append(texts, s.Name, s.Value)
	}
	total := 0
	for _, text := range texts {
		total += len(text)
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\x00\n\u202e\u200b\u2028") {
			t.Fatalf("not printable: %.80q", text)
		}
	}
	if total > 32<<10 || len(i.Wanted) != maxList+1 || len(i.Seen) != maxList {
		t.Errorf("%d bytes, %d demands, %d seen", total, len(i.Wanted), len(i.Seen))
	}
	if got := (Incident{Path: "/café/安"}).Clean().Path; got != "/café/安" {
		t.Errorf("a plain path became %q", got)
	}
}

func TestAnIncidentIsNotChangedUnderItsCaller(t *testing.T) {
	seen := []Seen{{Name: "nonce", Value: "s3cr3t-value"}}
	_ = Incident{Seen: seen}.Clean()
	if diff := cmp.Diff([]Seen{{Name: "nonce", Value: "s3cr3t-value"}}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestARuleNamesItsStep(t *testing.T) {
	for rule, want := range map[string]string{
		"access.groups":                            "admission",
		"apps[chat].access.groups":                 "access rule of app chat",
		"apps[chat].paths[/admin].access.emails":   "access rule of app chat, path /admin",
		"apps[chat].paths[/a.b].access.claims.a.b": "access rule of app chat, path /a.b",
		"apps[chat].providers":                     "providers of app chat",
		"account":                                  "session",
	} {
		if got := StepOfRule(rule, "chat"); got != want {
			t.Errorf("%s: %q, want %q", rule, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31m code=abc " + jwt)
	f.Fuzz(func(t *testing.T, text string) {
		i := Incident{Cause: text, Path: text, Seen: []Seen{{Name: text, Value: text}}}.Clean()
		for _, got := range []string{i.Cause, i.Path, i.Seen[0].Name, i.Seen[0].Value} {
			if !utf8.ValidString(got) || len(got) > 4*maxCause || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%q", got)
			}
		}
	})
}
