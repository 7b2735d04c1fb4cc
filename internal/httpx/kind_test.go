package httpx

import (
	"net/http"
	"testing"
)

func TestOnlyAPageInATabIsANavigation(t *testing.T) {
	for name, tc := range map[string]struct {
		headers []string
		want    Kind
	}{
		"address bar":                  {[]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"}, Navigation},
		"link from another site":       {[]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "cross-site"}, Navigation},
		"frame":                        {[]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, Framed},
		"object":                       {[]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object"}, Framed},
		"fetch":                        {[]string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Accept", "text/html"}, Other},
		"script file":                  {[]string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}, Other},
		"event stream":                 {[]string{"Sec-Fetch-Mode", "cors", "Accept", "text/event-stream"}, Other},
		"WebSocket":                    {[]string{"Connection", "keep-alive, Upgrade", "Upgrade", "websocket"}, Upgrade},
		"WebSocket with mode":          {[]string{"Connection", "upgrade", "Upgrade", "websocket", "Sec-Fetch-Mode", "websocket"}, Upgrade},
		"prefetch":                     {[]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch"}, Other},
		"prerender":                    {[]string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Purpose", "prefetch;prerender"}, Other},
		"old browser, page":            {[]string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}, Navigation},
		"old browser, XHR":             {[]string{"Accept", "text/html", "X-Requested-With", "XMLHttpRequest"}, Other},
		"program":                      {[]string{"Accept", "*/*"}, Other},
		"program without Accept":       {nil, Other},
		"Upgrade without Connection":   {[]string{"Upgrade", "websocket", "Accept", "text/html"}, Navigation},
		"image that looks like a page": {[]string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image", "Accept", "text/html"}, Other},
	} {
		if got := KindOf(ask("192.0.2.1:1", "h", tc.headers...)); got != tc.want {
			t.Errorf("%s: kind %d, want %d", name, got, tc.want)
		}
	}
}

func TestAGetEndsASessionOnlyFromThisOriginsOwnPage(t *testing.T) {
	own := []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	if !OwnNavigation(ask("192.0.2.1:1", "h", own...)) {
		t.Error("a link on our own page does not count")
	}
	for name, headers := range map[string][]string{
		"no headers at all": nil,
		"address bar":       {"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"},
		"same site":         {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"},
		"cross site":        {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"},
		"own image":         {"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
		"own frame":         {"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"},
		"own prefetch":      append([]string{"Sec-Purpose", "prefetch"}, own...),
	} {
		if OwnNavigation(ask("192.0.2.1:1", "h", headers...)) {
			t.Errorf("%s counts", name)
		}
	}
}

func TestAPostCountsOnlyFromItsOwnOrigin(t *testing.T) {
	const own = Origin("https://app.example")
	for name, tc := range map[string]struct {
		headers []string
		want    bool
	}{
		"own":                  {[]string{"Origin", "https://app.example"}, true},
		"none":                 {nil, false},
		"another":              {[]string{"Origin", "https://evil.example"}, false},
		"own name, plain":      {[]string{"Origin", "http://app.example"}, false},
		"own name, port":       {[]string{"Origin", "https://app.example:8443"}, false},
		"suffix":               {[]string{"Origin", "https://app.example.evil.example"}, false},
		"null":                 {[]string{"Origin", "null"}, false},
		"null, cross-site":     {[]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, false},
		"null, our own page":   {[]string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, true},
		"two":                  {[]string{"Origin", "https://app.example", "Origin", "https://evil.example"}, false},
		"own with a path":      {[]string{"Origin", "https://app.example/"}, false},
		"own in other letters": {[]string{"Origin", "https://APP.example"}, false},
	} {
		if got := FromOrigin(ask("192.0.2.1:1", "h", tc.headers...), own); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestOriginsAreCanonical(t *testing.T) {
	for _, tc := range []struct{ scheme, host, want string }{
		{"https", "App.Example", "https://app.example"},
		{"https", "app.example:443", "https://app.example"},
		{"http", "app.example:80", "http://app.example"},
		{"http", "app.example:443", "http://app.example:443"},
		{"HTTP", "localhost:4180", "http://localhost:4180"},
		{"https", "[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
		{"https", "", ""}, {"https", "a b", ""}, {"https", "a/b", ""}, {"https", "a@b", ""}, {"https", "a:b", ""},
		{"https", "a:123456", ""}, {"https", "[::1", ""}, {"https", "a\r\nb", ""}, {"ftp", "a", ""}, {"https", "a\\b", ""},
		{"https", "[fe80::1%25eth0]", ""}, {"https", "a?b", ""}, {"https", "a#b", ""}, {"https", "你好", ""},
	} {
		got, err := MakeOrigin(tc.scheme, tc.host)
		if string(got) != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("MakeOrigin(%q, %q) = %q, %v", tc.scheme, tc.host, got, err)
		}
	}
}

func TestOwnCookiesAreKnownInEverySpelling(t *testing.T) {
	for name, want := range map[string]bool{
		"__Host-cardea": true, "__host-cardea": true, "__HOST-CARDEA-browser": true, "cardea-4180": true, "cardea-browser-4180": true,
		"cardea": false, "cardea-": false, "cardea-x": false, "xcardea-4180": false, "__Host-cardeax": false, "session": false,
		"cardea-123456": false, "cardea-browser-": false, "__Host-cardea-language": true, "__hOST-cardea-PROVIDER": true,
		"cardea-language-4180": true, "cardea-provider-80": true, "cardea-language-": false, "cardea-language-en": false,
		"cardea-browser-language-80": false, "cardea-other-80": false,
	} {
		if got := OwnCookie(name); got != want {
			t.Errorf("OwnCookie(%q) = %v", name, got)
		}
	}
}

func TestAPlantedSecondCookieOpensNothing(t *testing.T) {
	for header, want := range map[string]string{
		"cardea-4180=abc":                   "abc",
		"a=b; cardea-4180=abc ; c=d":        "abc",
		"cardea-4180=abc; cardea-4180=evil": "",
		"cardea-4180=abc; cardea-4180=abc":  "abc",
		"xcardea-4180=evil":                 "",
		"cardea-4180":                       "",
		";;;=; cardea-4180=abc;":            "abc",
		"cardea-4180=abc=def":               "abc=def",
	} {
		if got := CookieValue(http.Header{"Cookie": {header}}, "cardea-4180"); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
	h := http.Header{"Cookie": {"a=b; cardea-4180=abcdef"}}
	if n := testing.AllocsPerRun(100, func() { CookieValue(h, "cardea-4180") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
