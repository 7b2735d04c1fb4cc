package pagescript

import (
	"strings"
	"testing"
)

func TestTheScriptFitsIntoAPage(t *testing.T) {
	for _, bad := range []string{"</script", "<!--", "<script", "`", "\"", "\\'", "+ +", "- -", "\r", "\t"} {
		if strings.Contains(strings.ToLower(source), bad) {
			t.Errorf("page.js contains %q", bad)
		}
	}
	for i := range len(source) {
		if source[i] >= 0x80 {
			t.Fatalf("page.js has a character at %d that not every encoding can carry", i)
		}
	}
	for n, line := range strings.Split(source, "\n") {
		code, comment := strings.TrimSpace(line), ""
		if strings.HasPrefix(code, "//") {
			continue
		}
		if i := strings.Index(code, " //"); i >= 0 {
			comment = code[i:]
		}
		if comment != "" || strings.Count(code, "'")%2 != 0 || strings.Count(code, "/*") != strings.Count(code, "*/") {
			t.Errorf("page.js line %d: %q cannot be stripped line by line", n+1, line)
		}
	}
	if most := 11 << 10; len(compact) > most {
		t.Errorf("the script is %d bytes of every page, more than %d", len(compact), most)
	}
}

func TestOnlyWhatPeopleReadIsStripped(t *testing.T) {
	in := "  // a line\n\n  const a = 'b  =  // c /* d */' + e;  \n\treturn /x:$/.test(f) || typeof g === 'h' ? of [i] : in j; /* k */ l\n"
	want := "const a='b  =  // c /* d */'+e;\nreturn/x:$/.test(f)||typeof g==='h'?of[i]:in j;l"
	if got := strip(in); got != want {
		t.Errorf("%q", got)
	}
}
