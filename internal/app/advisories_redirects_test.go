package app

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// astray returns why a place that a browser is sent to is neither ours nor the
// provider's; "" for those that are. It reads addresses as browsers do.
func (w *world) astray(target string) string {
	ours := strings.HasPrefix(target, "/") || strings.HasPrefix(target, w.url+"/") || strings.HasPrefix(target, strings.Replace(w.url, "localhost", "one.localhost", 1)+"/") ||
		strings.HasPrefix(target, w.provider.Issuer()+"/")
	switch {
	case !ours:
		return "another origin"
	case strings.HasPrefix(target, "//") || strings.ContainsAny(target, "\\ \t\r\n\x00"):
		return "a spelling that browsers repair"
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(target, w.url), "?")
	for range 4 {
		if strings.HasPrefix(path, "//") || strings.HasPrefix(path, `/\`) {
			return "an address once decoded"
		}
		next, err := url.PathUnescape(path)
		if err != nil || next == path {
			break
		}
		path = next
	}
	return ""
}

func TestCVE_2021_29651_CVE_2021_29652_NoParameterLeadsAstray(t *testing.T) {
	text, err := os.ReadFile("../httpx/testdata/targets.txt")
	if err != nil {
		t.Fatal(err)
	}
	w := remade(t, devprovider.Options{}, func(w *world) string {
		return fmt.Sprintf("apps:\n  - {id: sample, url: %q, upstream: %q}\n  - {id: one, url: %q, upstream: %q}\n", w.url, w.upstream.URL, strings.Replace(w.url, "localhost", "one.localhost", 1), w.upstream.URL)
	})
	b := w.browser("alice", "wonderland")
	b.visit("/")
	signedIn := "Cookie\x00" + seatName(b) + "=" + cookiesOf(b)[seatName(b)]
	host := strings.TrimPrefix(w.url, "http://")
	told := map[string]int{}
	try := func(method, host, path string, values url.Values, headers ...string) {
		form := ""
		if method == http.MethodPost {
			form = values.Encode()
		} else {
			path += "?" + values.Encode()
		}
		r := httptest.NewRequest(method, path, strings.NewReader(form))
		r.Host = host
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, h := range append(headers, "Sec-Fetch-Mode\x00navigate", "Sec-Fetch-Dest\x00document", "Accept\x00text/html", "Origin\x00http://"+host) {
			name, value, _ := strings.Cut(h, "\x00")
			r.Header.Set(name, value)
		}
		rec := httptest.NewRecorder()
		w.gateway.app.web.ServeHTTP(rec, r)
		places := rec.Result().Header["Location"]
		head, body, _ := strings.Cut(rec.Body.String(), "<body") // the head links to an icon of its own
		for attribute, text := range map[string]string{`href="`: body, `action="`: body, `content="0;url=`: head} {
			for _, part := range strings.Split(text, attribute)[1:] {
				place, _, _ := strings.Cut(part, `"`)
				places = append(places, html.UnescapeString(place))
			}
		}
		for _, place := range places {
			told[path[:strings.IndexAny(path+"?", "?")]]++
			if why := w.astray(place); why != "" && !strings.HasPrefix(place, "#") {
				t.Errorf("%s %s%s %v leads to %q: %s", method, host, path, values, place, why)
			}
		}
	}
	for line := range strings.Lines(string(text)) {
		_, quoted, _ := strings.Cut(strings.TrimSpace(line), " ")
		var x string
		if json.Unmarshal([]byte(quoted), &x) != nil {
			continue
		}
		for _, who := range []string{"X-Nobody\x00", signedIn} {
			try("GET", host, "/.cardea/sign-in", url.Values{"return": {x}}, who)
			try("GET", host, "/.cardea/sign-out", url.Values{"return": {x}}, who)
		}
		one := "one." + host
		try("GET", host, "/.cardea/sign-in", url.Values{"seat": {x}, "provider": {x}, "return": {x}})
		try("GET", one, "/.cardea/sign-in", url.Values{"return": {x}, "provider": {x}})
		try("GET", one, "/.cardea/seat", url.Values{"code": {x}})
		try("GET", one, "/.cardea/signed-out", url.Values{"origin": {x}, "return": {x}})
		try("GET", host, "/.cardea/signed-out", url.Values{"state": {x}, "receipt": {x}, "origin": {x}, "return": {x}})
		try("GET", host, "/.cardea/callback/main", url.Values{"code": {x}, "state": {x}, "iss": {x}})
		try("POST", host, "/.cardea/callback/main", url.Values{"code": {x}, "state": {x}, "redirect_uri": {x}})
		try("POST", host, "/.cardea/sign-out", url.Values{"return": {x}, "provider": {x}, "post_logout_redirect_uri": {x}})
	}
	for _, path := range []string{"/.cardea/sign-in", "/.cardea/sign-out", "/.cardea/signed-out", "/.cardea/callback/main"} {
		if told[path] < 300 {
			t.Errorf("%s: only %d places were looked at", path, told[path])
		}
	}
}
