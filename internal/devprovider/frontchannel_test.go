package devprovider_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// framed makes the test's client be told by a frame at the receiver.
func (r *receiver) framed(o *devprovider.Options) {
	for i := range o.Clients {
		if o.Clients[i].ID == clientID {
			o.Clients[i].FrontChannelLogoutURI = r.URL + "/frame?tenant=a&b=c"
		}
	}
}

func TestTheLogoutPageLoadsAFrameForEachClientOfTheSession(t *testing.T) {
	rp := newReceiver(t)
	s := start(t, rp.framed)
	for lang, title := range map[string]string{"en": "Signing out", "zh": "正在退出登录"} {
		v := alice(t, s)
		got := signIn(t, s, v)
		q := url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {returnURI}, "state": {"st"}}
		status, header, body := do(t, request(t, s, "/end-session?"+q.Encode(), nil, func(r *http.Request) {
			r.Header.Set("Accept-Language", lang)
		}), v.Client.Jar)
		html := string(body)
		sid := payload(t, got.id)["sid"].(string)
		want := rp.URL + "/frame?tenant=a&amp;b=c&amp;iss=" + url.QueryEscape(s.Issuer()) + "&amp;sid=" + sid
		if status != http.StatusOK || strings.Count(html, "<iframe") != 1 || !strings.Contains(html, `<iframe hidden src="`+want+`"`) {
			t.Errorf("%d, want a frame of %s in\n%s", status, want, html)
		}
		if !strings.Contains(html, title) || !strings.Contains(html, `id="continue" href="`+strings.ReplaceAll(returnURI+"&state=st", "&", "&amp;")+`"`) {
			t.Errorf("the page leads nowhere or is not in %s:\n%s", lang, html)
		}
		if policy := header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; frame-src "+rp.URL) {
			t.Errorf("policy %s", policy)
		}
		checkPolicy(t, "front channel", page{header, html})
		if header.Get("Cache-Control") != "no-store" || len(s.Sessions()) != 0 {
			t.Error("the page may be kept, or the session lives")
		}
	}
}

func TestAVisitorLoadsTheFramesWithoutCookiesAndGoesOn(t *testing.T) {
	rp := newReceiver(t)
	s := start(t, rp.framed)
	v := alice(t, s)
	got := signIn(t, s, v)
	at, err := url.Parse(rp.URL)
	if err != nil {
		t.Fatal(err)
	}
	v.Client.Jar.SetCookies(at, []*http.Cookie{{Name: "app", Value: "1"}})
	q := url.Values{"id_token_hint": {got.id}, "post_logout_redirect_uri": {returnURI}, "state": {"st"}}
	to, err := v.Visit(t.Context(), s.EndpointURL("/end-session")+"?"+q.Encode())
	if err != nil || to.String() != returnURI+"&state=st" {
		t.Fatalf("%v, %v", to, err)
	}
	if len(rp.frames) != 1 || len(v.Framed) != 1 {
		t.Fatalf("%d frames", len(rp.frames))
	}
	r := rp.frames[0]
	if r.FormValue("sid") != payload(t, got.id)["sid"] || r.FormValue("iss") != s.Issuer() || r.FormValue("tenant") != "a" || len(r.Cookies()) != 0 ||
		r.Header.Get("Sec-Fetch-Dest") != "iframe" {
		t.Errorf("%s, cookies %v", r.URL, r.Cookies())
	}
}

func TestFramesAreOnlyForThoseWhoseSessionEnded(t *testing.T) {
	rp := newReceiver(t)
	s := start(t, rp.framed)
	v := alice(t, s)
	signInToOther(t, s, v) // has no frame
	status, _, _ := do(t, request(t, s, "/sign-out", url.Values{}, nil), v.Client.Jar)
	if status != http.StatusSeeOther {
		t.Errorf("a sign-in without frames: %d", status)
	}
	got := signIn(t, s, v)
	_, _, body := do(t, request(t, s, "/end-session", url.Values{"id_token_hint": {got.id}}, nil), v.Client.Jar)
	if html := string(body); !strings.Contains(html, "<iframe") || strings.Contains(html, `id="continue"`) || !strings.Contains(html, "You are signed out") {
		t.Errorf("without an address to return to:\n%s", html)
	}
	// The same request again: the session is gone, so there is nobody to tell.
	status, _, body = do(t, request(t, s, "/end-session", url.Values{"id_token_hint": {got.id}}, nil), v.Client.Jar)
	if status != http.StatusOK || regexp.MustCompile(`<iframe`).Match(body) {
		t.Errorf("told twice: %d", status)
	}
}
