package oidc

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlainTextIsOneCleanLineOfBoundedLength(t *testing.T) {
	for in, want := range map[string]string{
		"Ann Lee": "Ann Lee", " Ann \t\r\n Lee ": "Ann Lee", "Ann\x00\x07": "Ann", "Ann\u202egnp.exe": "Anngnp.exe",
		"\u2066\u200eAnn\u2069\u061c": "Ann", "\xffAnn\xfe": "Ann", "安\ufeff": "安", "Ann\u2028Lee": "Ann Lee", "\u200f \x85": "",
	} {
		if got := PlainText(in, 100); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
	if got := PlainText(strings.Repeat("é", 200), 255); len(got) != 254 || !utf8.ValidString(got) {
		t.Errorf("%d bytes", len(got))
	}
	if got := PlainText(strings.Repeat("安", 1<<20), 256); len(got) != 255 {
		t.Errorf("%d bytes", len(got))
	}
	if got := PlainText("ab cd", 3); got != "ab" {
		t.Errorf("%q", got)
	}
}

func FuzzPlainTextIsStable(f *testing.F) {
	f.Add("Ann \u202e\x00Lee", 7)
	f.Add("\xff安安安", 4)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 1 + min(max(most, 0), 1000)
		got := PlainText(s, most)
		if len(got) > most || !utf8.ValidString(got) || PlainText(got, most) != got || strings.ContainsAny(got, "\x00\r\n\u202e\u2066") {
			t.Errorf("%q, %d became %q", s, most, got)
		}
	})
}
