package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/signin"
)

// CVE-2024-21496, CVE-2023-52430, CVE-2024-21499: whatever a link, a referrer or a host
// header says, no page shows it as markup and no header is made of it.
func TestCVE_2024_21496_CVE_2023_52430_CVE_2024_21499_HostileInputIsTextOnEveryPage(t *testing.T) {
	const evil = `"><script>alert(1)</script><a href='javascript:x`
	q := url.QueryEscape(evil)
	addresses := []string{
		"https://gate.example/" + q, "https://gate.example/.cardea/" + q, "https://gate.example/.cardea/sign-in?return=/" + q + "&provider=" + q + "&auto=" + q,
		"https://gate.example/.cardea/sign-in?seat=" + q, "https://gate.example/.cardea/sign-in?seat=https://app.example|/" + q,
		"https://gate.example/.cardea/callback/main?state=" + q + "&error=" + q, "https://gate.example/.cardea/callback/" + q, "https://app.example/.cardea/seat?code=" + q,
		"https://gate.example/.cardea/sign-out?return=/" + q, "https://app.example/.cardea/sign-out?return=" + q + "&mode=" + q + "&provider=" + q,
		"https://gate.example/.cardea/signed-out?state=" + q + "&receipt=" + q + "&return=" + q + "&origin=" + q, "https://app.example/.cardea/signed-out?" + q,
		"https://gate.example/.cardea/session?" + q, "https://app.example/?" + q, "https://hub.example/" + q,
	}
	for _, address := range addresses {
		for _, method := range []string{"GET", "POST", "HEAD", "OPTIONS"} {
			for _, cookie := range []string{"", seatLive, seatEnded, seatDenied, seatDown} {
				f := newFace(t)
				f.signIn.err = signin.ErrAttempt
				headers := navigation("Referer", "https://app.example/"+evil, "Accept-Language", evil, "User-Agent", evil, "X-Forwarded-Host", evil, "X-Forwarded-Proto", evil,
					"Cookie", "__Host-cardea="+cookie+"; x="+evil, "Origin", "https://app.example")
				w := f.ask(method, address, headers...)
				if strings.Contains(w.Body.String(), "<script") || strings.Contains(w.Body.String(), "='javascript") {
					t.Errorf("%s %s:\n%s", method, address, w.Body)
				}
				for name, values := range w.Header() {
					if strings.ContainsAny(strings.Join(values, ""), "\r\n") || (strings.Contains(strings.Join(values, ""), "script>") && name != "Location") {
						t.Errorf("%s %s: %s: %v", method, address, name, values)
					}
				}
				if w.Header().Get("Content-Type") == "text/html; charset=utf-8" && !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
					t.Errorf("%s %s: no policy", method, address)
				}
				if strings.Contains(f.logs.String(), "secret") {
					t.Errorf("%s %s: a secret in the log: %s", method, address, f.logs)
				}
			}
		}
	}
}

func TestAHostHeaderThatIsNoneIsRefusedBare(t *testing.T) {
	for _, host := range []string{"", "<script>", "gate.example\r\nX: y", "gate.example/x", "a b", "gate.example:99999999", "[::1", "user@gate.example", strings.Repeat("a", 300), "gate.example%00", "你好"} {
		f := newFace(t)
		r := f.request("GET", "https://gate.example/", nil, navigation(seat(seatLive)...)...)
		r.Host = host
		w := f.send(r)
		if (w.Code != http.StatusBadRequest && w.Code != http.StatusMisdirectedRequest) || len(f.reached) != 0 || strings.Contains(w.Body.String(), "script") || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q: %d %v", host, w.Code, w.Header())
		}
	}
}

func TestNoSecretOfACallbackReachesTheLog(t *testing.T) {
	f := newFace(t)
	f.signIn.err = signin.ErrAttempt
	f.ask("GET", "https://gate.example/.cardea/callback/main?state=state-secret&code=code-secret", navigation("Cookie", "__Host-cardea="+seatLive+"; __Host-cardea-browser="+binding)...)
	f.form("https://gate.example/.cardea/callback/main", "https://idp.example", url.Values{"code": {strings.Repeat("code-secret", 10000)}})
	f.ask("GET", "https://gate.example/.cardea/signed-out?state=state-secret&receipt=state-secret", navigation(seat(seatDown)...)...)
	for _, secret := range []string{"secret", seatLive, binding} {
		if strings.Contains(f.logs.String(), secret) {
			t.Errorf("%q in the log:\n%s", secret, f.logs)
		}
	}
	if f.logs.String() == "" {
		t.Error("nothing was logged")
	}
}
