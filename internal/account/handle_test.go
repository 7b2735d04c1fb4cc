package account

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
)

func TestTheFirstCandidateIsReadable(t *testing.T) {
	tests := []struct {
		name    string
		profile oidc.Profile
		want    string
	}{
		{"preferred username", oidc.Profile{PreferredUsername: "Ann.Lee", Email: "x@example.com"}, "ann.lee"},
		{"e-mail as username", oidc.Profile{PreferredUsername: "ann.lee+work@example.com"}, "ann.lee"},
		{"domain name before a backslash", oidc.Profile{PreferredUsername: `ACME\ann`}, "ann"},
		{"e-mail's local part", oidc.Profile{Email: "bob_1@example.com"}, "bob_1"},
		{"blanks and odd characters", oidc.Profile{PreferredUsername: "  Ann   Lee!! (x) "}, "ann-lee-x"},
		{"no traversal", oidc.Profile{PreferredUsername: "../../etc/passwd"}, "etc-passwd"},
		{"no dots at the edges", oidc.Profile{PreferredUsername: "..ann.."}, "ann"},
		{"runs of separators collapse", oidc.Profile{PreferredUsername: "a..b--c__d"}, "a.b-c_d"},
		{"German", oidc.Profile{PreferredUsername: "Jörg Müßig"}, "joerg-muessig"},
		{"Polish", oidc.Profile{PreferredUsername: "Łukasz Żółć"}, "lukasz-zolc"},
		{"apostrophe", oidc.Profile{PreferredUsername: "O'Brien"}, "obrien"},
		{"combining accent", oidc.Profile{PreferredUsername: "Jose\u0301"}, "jose"},
		{"Chinese falls back to the e-mail", oidc.Profile{PreferredUsername: "张伟", Email: "wei.zhang@example.cn"}, "wei.zhang"},
		{"half a name is no name", oidc.Profile{PreferredUsername: "x张", Email: "wei@example.cn"}, "wei"},
		{"one letter is too short", oidc.Profile{PreferredUsername: "a", Email: "ann@example.com"}, "ann"},
		{"digits are no user id", oidc.Profile{PreferredUsername: "1000"}, "u1000"},
		{"header injection", oidc.Profile{PreferredUsername: "ann\r\nX-Evil: 1"}, "ann-x-evil-1"},
		{"long names are cut", oidc.Profile{PreferredUsername: strings.Repeat("ab", 40)}, strings.Repeat("ab", 16)},
		{"reserved gets a number", oidc.Profile{PreferredUsername: "Admin"}, "admin-2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Candidates(tt.profile, nil)[0]; got != tt.want {
				t.Errorf("first candidate %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNumberedVariantsFollowAndARandomOneIsLast(t *testing.T) {
	got := Candidates(oidc.Profile{PreferredUsername: "ann"}, nil)
	want := []string{"ann", "ann-2", "ann-3", "ann-4", "ann-5", "ann-6", "ann-7", "ann-8", "ann-9"}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if last := got[len(got)-1]; !strings.HasPrefix(last, "user-") || len(last) < 20 {
		t.Errorf("last candidate %q is not random", last)
	}
}

func TestNobodyIsLeftWithoutAHandle(t *testing.T) {
	for _, p := range []oidc.Profile{{}, {PreferredUsername: "张伟"}, {PreferredUsername: "---"}, {PreferredUsername: "ann"}} {
		got := Candidates(p, func(string) bool { return true })
		if len(got) != 1 || !strings.HasPrefix(got[0], "user-") {
			t.Errorf("%+v: %q, want one random handle", p, got)
		}
	}
}

func TestOperatorsReservedNamesAreNeverOffered(t *testing.T) {
	reserved := func(h string) bool { return h == "ann" || h == "ann-2" }
	if got := Candidates(oidc.Profile{PreferredUsername: "ann"}, reserved)[0]; got != "ann-3" {
		t.Errorf("first candidate %q, want ann-3", got)
	}
}

func TestIDsDiffer(t *testing.T) {
	if a, b := NewID(), NewID(); a == b || len(a) != 26 {
		t.Errorf("ids %q and %q", a, b)
	}
}

func FuzzCandidatesAreSafeNames(f *testing.F) {
	f.Add("ann", "ann@example.com")
	f.Add("..\x00/..", "ä@b")
	f.Add("\xff\xfe", "@")
	f.Fuzz(func(t *testing.T, name, email string) {
		list := Candidates(oidc.Profile{PreferredUsername: name, Email: email}, nil)
		if len(list) == 0 || len(list) > 2*numbered {
			t.Fatalf("%d candidates", len(list))
		}
		for _, h := range list {
			if len(h) < MinHandle || len(h) > MaxHandle || Reserved(h) {
				t.Errorf("candidate %q from %q, %q", h, name, email)
			}
			if strings.Trim(h, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
				t.Errorf("candidate %q has other characters", h)
			}
			if strings.ContainsAny(h[:1]+h[len(h)-1:], "._-") || strings.Contains(h, "..") {
				t.Errorf("candidate %q has separators where none belong", h)
			}
		}
	})
}
