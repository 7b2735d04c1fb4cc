package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/cardea-auth/cardea/internal/admin"
)

func TestWhatOthersWroteDoesNothingToATerminal(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"Ann Lee", "Ann Lee"},
		{"张伟", "张伟"},
		{"a\tb\nc", "a b c"},
		{"\x1b[31mred\x1b]0;title\a", "\ufffd[31mred\ufffd]0;title\ufffd"},
		{"evil\u202egnp.exe", "evil\ufffdgnp.exe"},
		{"\u200bx\u2066y\u2069\ufeff", "\ufffdx\ufffdy\ufffd\ufffd"},
		{"\u0085\u009b31m", "\ufffd\ufffd31m"},
		{"\xff\xfe", "\ufffd\ufffd"},
		{"\u0301x", "x"},
		{"e\u0301", "e\u0301"},
		{"", ""},
	} {
		if got := safe(tc.text, 40); got != tc.want {
			t.Errorf("%q became %q, want %q", tc.text, got, tc.want)
		}
	}
	if got := safe(strings.Repeat("张", 50000), 10); widthOf(got) > 10 || !strings.HasSuffix(got, "…") {
		t.Errorf("a long name became %q", got)
	}
}

func FuzzSafeTextFitsAndShowsOnlyWhatCanBeSeen(f *testing.F) {
	f.Add("Ann\x1b[2J", 5)
	f.Add("\u202e张\u0301", 3)
	f.Add("x"+strings.Repeat("\u0301", 5000), 3)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = 2 + (width%100+100)%100
		got := safe(text, width)
		if widthOf(got) > width || len(got) > 64*width {
			t.Errorf("%q is %d columns wide, limit %d", got, widthOf(got), width)
		}
		for _, r := range got {
			if !unicode.IsGraphic(r) {
				t.Errorf("%q has %U", got, r)
			}
		}
	})
}

func TestColumnsStayAlignedWhateverTheScript(t *testing.T) {
	var tab table
	tab.row("HANDLE", "NAME", "OPEN")
	tab.row("wei", "张伟", 2)
	tab.row("jose", "Jose\u0301 \u202e", 10)
	tab.row("none", "", 0)
	tab.row("at", time.Time{}, 1)
	var out bytes.Buffer
	if err := tab.write(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	at := widthOf(lines[0][:strings.Index(lines[0], "OPEN")])
	for _, l := range lines {
		used := 0
		for i, r := range l {
			if used == at {
				if l[i-1] != ' ' || r == ' ' {
					t.Errorf("%q is not aligned", l)
				}
				break
			}
			used += columns(r)
		}
	}
	if !strings.Contains(out.String(), "none    -") {
		t.Errorf("an empty cell is not seen:\n%s", out.String())
	}
}

func TestBrowsersAreNamedInWords(t *testing.T) {
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	s := admin.Session{ID: "x4m2", UserAgent: firefox}
	for name, tc := range map[string]struct {
		show func(out *bytes.Buffer) error
		raw  bool
	}{
		"accounts show": {func(out *bytes.Buffer) error {
			return accountText(out, admin.AccountShown{Account: &admin.AccountDetails{}, Sessions: []admin.Session{s}})
		}, false},
		"sessions list": {func(out *bytes.Buffer) error { return sessionRows(out, []admin.Session{s}) }, false},
		"sessions show": {func(out *bytes.Buffer) error { return showTable(out, admin.Shown{Session: &s}) }, true},
	} {
		var out bytes.Buffer
		if err := tc.show(&out); err != nil || !strings.Contains(out.String(), "Firefox on Linux") || strings.Contains(out.String(), firefox) != tc.raw {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
}

func TestPrintedJSONIsTheSameAndShowsNothingHidden(t *testing.T) {
	var out bytes.Buffer
	r := &reach{p: process{out: &out}}
	want := admin.Account{Handle: "ann", Name: "a\u202eb\u009b\x1b \U000e0041 <张> é", Providers: []string{}}
	if err := r.print(want); err != nil {
		t.Fatal(err)
	}
	for _, c := range out.String() {
		if c != '\n' && !unicode.IsGraphic(c) {
			t.Errorf("%U is printed", c)
		}
	}
	var got admin.Account
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Name != want.Name {
		t.Errorf("%q, %v", got.Name, err)
	}
}
