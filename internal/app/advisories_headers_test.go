package app

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// payload is what a JWT says.
func payload(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	return string(text)
}

func TestCVE_2026_39858_CVE_2026_54763_NoSpellingOfAnIdentityHeaderArrives(t *testing.T) {
	w := remade(t, devprovider.Options{}, oneApp(`headers: {X-Token: access_token}, cors: {origins: ["http://web.example"], methods: [PUT], headers: [x-api]}, paths: [{exact: /api/whoami, public: true}, {prefix: /hooks, bearer: true}]`))
	forged := ""
	for _, name := range []string{
		"X-Forwarded-User", "X_Forwarded_User", "X-Forwarded_User", "x_forwarded-user", "X.Forwarded.User", "X-Cardea-Account", "x_cardea_account", "X-Cardea-Identity", "X_CARDEA_IDENTITY",
		"X-Forwarded-Email", "X_Forwarded_Email", "X-Forwarded-Name", "X-Forwarded-Groups", "X_Forwarded_Groups", "X-Forwarded-Preferred-Username", "X-Token", "x_token", "Remote-User", "REMOTE_USER", "X-Auth-Request-Email", "X_authentik_groups",
	} {
		forged += name + ": forged\r\n"
	}
	b := w.browser("bob", "builder")
	b.visit("/.cardea/sign-in")
	cookie := "Cookie: " + seatName(b) + "=" + cookiesOf(b)[seatName(b)] + "\r\n"
	for name, lines := range map[string]string{
		"public, nobody": "", "public, signed in": cookie, "public, a seat that opens nothing": "Cookie: " + seatName(b) + "=" + strings.Repeat("A", 43) + "\r\n",
		"named by Connection": cookie + "Connection: x-forwarded-user, x-cardea-account\r\n", "with a bearer token": "Authorization: Bearer x\r\n",
	} {
		got := w.get("/api/whoami", lines+forged)
		if !succeeded(got) || strings.Contains(got, "forged") || strings.Contains(got, `"user":"bob"`) != strings.Contains(lines, cookie) {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	// A preflight reaches the app without a session, and without an identity.
	got := w.raw("OPTIONS /api/whoami HTTP/1.1\r\nHost: " + strings.TrimPrefix(w.url, "http://") + "\r\nConnection: close\r\nOrigin: http://web.example\r\nAccess-Control-Request-Method: PUT\r\n" + cookie + forged + "\r\n")
	if !succeeded(got) || strings.Contains(got, "forged") || strings.Contains(got, "bob") {
		t.Errorf("preflight:\n%s", got)
	}
}

func TestCVE_2026_35051_CVE_2026_54764_CVE_2024_52003_PrefixAndPortDecideAndLeadNowhere(t *testing.T) {
	for name, extra := range map[string]string{"nobody is trusted": "", "the peer is trusted": "trusted_proxies: [127.0.0.0/8]\n"} {
		t.Run(name, func(t *testing.T) {
			w := remade(t, devprovider.Options{}, func(w *world) string { return extra + oneApp("paths: [{prefix: /public, public: true}]")(w) })
			b := w.browser("alice", "wonderland")
			page := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
			want := b.do(http.MethodGet, w.url+"/private?x=1", "", page...)
			if want.status != http.StatusSeeOther || !strings.HasPrefix(want.header.Get("Location"), "/.cardea/sign-in?") {
				t.Fatalf("%d to %q", want.status, want.header.Get("Location"))
			}
			for _, h := range [][2]string{
				{"X-Forwarded-Prefix", "//evil.example"}, {"X-Forwarded-Prefix", "/public"}, {"X-Forwarded-Prefix", "https://evil.example"}, {"X-Forwarded-Port", "1"}, {"X-Forwarded-Port", "80@evil.example"},
				{"X-Forwarded-Server", "evil.example"}, {"X-Script-Name", "/public"}, {"X-Forwarded-Path", "/public"}, {"X-Forwarded-Ssl", "on"}, {"X_Forwarded_Host", "evil.example"},
			} {
				got := b.do(http.MethodGet, w.url+"/private?x=1", "", append(page, h[:]...)...)
				if got.status != want.status || got.header.Get("Location") != want.header.Get("Location") {
					t.Errorf("%v: %d to %q", h, got.status, got.header.Get("Location"))
				}
			}
			got := b.do(http.MethodGet, w.url+"/private?x=1", "", append(page, "X-Forwarded-Host", "evil.example")...)
			if trusted := extra != ""; trusted != (got.status == http.StatusMisdirectedRequest) || strings.Contains(got.header.Get("Location"), "evil") {
				t.Errorf("X-Forwarded-Host: %d to %q", got.status, got.header.Get("Location"))
			}
		})
	}
}
