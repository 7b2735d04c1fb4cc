package httpx

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestCVE_2025_55162_CookiesAreSetAsBrowsersTakeThem(t *testing.T) {
	for origin, secure := range map[Origin]bool{"https://app.example": true, "https://app.example:8443": true, "http://localhost:4180": false, "http://app.example": false} {
		names := CookiesOf(origin)
		w := httptest.NewRecorder()
		names.SetSeat(w, "value", time.Hour)
		names.SetSeat(w, "value", 0)
		names.SetBrowser(w, "value")
		set := w.Result().Cookies()
		if len(set) != 3 {
			t.Fatalf("%s: %d cookies", origin, len(set))
		}
		for _, c := range set {
			// RFC 6265bis section 4.1.3.2: with the prefix, Secure, Path=/ and no Domain, or it is dropped.
			if c.Secure != secure || strings.HasPrefix(c.Name, "__Host-") != secure || c.Path != "/" || c.Domain != "" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Valid() != nil {
				t.Errorf("%s: %s", origin, c.Raw)
			}
			if !OwnCookie(c.Name) {
				t.Errorf("%s is not known as our own", c.Name)
			}
		}
		if set[0].MaxAge != 3600 || set[1].MaxAge != 0 || set[2].MaxAge != 0 || set[0].Name != set[1].Name || set[0].Name == set[2].Name {
			t.Errorf("%s: %v", origin, set)
		}
	}
}

func TestCVE_2024_24814_CVE_2023_28625_CraftedCookieHeadersCostLittle(t *testing.T) {
	const name = "__Host-cardea"
	crafted := map[string]string{
		"empty": "", "separators alone": strings.Repeat(";", 60_000), "equals alone": strings.Repeat("=", 60_000), "blanks": strings.Repeat(" ", 60_000),
		"thousands of pairs": strings.Repeat("a=b; ", 12_000), "thousands of our name, empty": strings.Repeat(name+"=; ", 4000), "our name without a value": strings.Repeat(name+";", 4000),
		"chunks": name + "_chunks=2147483648; " + name + "_0=x; " + name + "_2147483648=x", "huge chunk count": name + "_chunks=-1", "one huge value": "a=" + strings.Repeat("x", 60_000),
		"commas": strings.Repeat("a=x,"+name+"=y,", 3000), "controls": "\x00=\x01;\t" + name + "\x00=x", "not UTF-8": "\xff\xfe=\x80;\xc0", "other spelling": "__host-cardea=x; __HOST-CARDEA=x", "quoted": `"` + name + `=x"`,
		"two values": name + "=x; " + name + "=y", "two values, thousands": strings.Repeat(name+"=x; "+name+"=y; ", 2000), "blank in the name": name + " =x",
	}
	for what, value := range crafted {
		h := http.Header{"Cookie": {value}}
		var got string
		took := time.Hour
		for range 3 { // the machine may stand still during one
			began := time.Now()
			got = CookieValue(h, name)
			took = min(took, time.Since(began))
		}
		if got != "" || took > 100*time.Millisecond {
			t.Errorf("%s: %.40q after %s", what, got, took)
		}
		if n := testing.AllocsPerRun(2, func() { CookieValue(h, name) }); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	// Ours is found among all of that.
	many := http.Header{"Cookie": {strings.Repeat("a=b; ", 5000), ";;;=;" + name + "=right;" + strings.Repeat(";", 1000), strings.Repeat("c=d; ", 5000)}}
	if got := CookieValue(many, name); got != "right" {
		t.Errorf("got %q", got)
	}
}
