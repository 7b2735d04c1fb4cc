package httpx

import (
	"net/url"
	"testing"
)

func TestAPortThatIsNotStatedIsTheSchemes(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"https://a.example/x", "https://A.example:443/y", true},
		{"http://a.example", "http://a.example:80", true},
		{"http://a.example", "https://a.example", false},
		{"https://a.example", "https://a.example:8443", false},
		{"https://a.example", "https://b.example", false},
		{"http://[::1]:8080", "http://[::1]:8080/", true},
	} {
		a, b := mustParse(t, tc.a), mustParse(t, tc.b)
		if got := SameOrigin(a, b); got != tc.want || SameOrigin(b, a) != tc.want {
			t.Errorf("%s and %s: %t", tc.a, tc.b, got)
		}
	}
}

func TestLoopbackIsThisMachineAndNoOther(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "app.localhost": true, "127.0.0.1": true, "127.8.9.10": true, "::1": true,
		"::ffff:127.0.0.1": true, "localhost.example": false, "notlocalhost": false, "10.0.0.1": false, "0.0.0.0": false, "": false,
		"127.0.0.1.example": false, "127.1": false,
	} {
		if got := LoopbackHost(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
