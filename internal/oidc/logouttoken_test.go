package oidc

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func jws(parts ...string) string {
	for i, p := range parts {
		parts[i] = base64.RawURLEncoding.EncodeToString([]byte(p))
	}
	return strings.Join(parts, ".")
}

const (
	someHeader = `{"alg":"ES256","typ":"logout+jwt"}`
	someIssuer = "https://idp.example/realms/a"
)

func TestTheIssuerOfATokenIsFoundBeforeItIsVerified(t *testing.T) {
	for name, payload := range map[string]string{
		"plain":           `{"iss":"` + someIssuer + `","sub":"a"}`,
		"escaped":         `{"\u0069ss":"https:\/\/idp.example\/realms\/a"}`,
		"blanks around":   " {\"iss\" : \"" + someIssuer + "\"}\n",
		"beside a nested": `{"events":{"iss":"https://other.example"},"iss":"` + someIssuer + `"}`,
		"other case too":  `{"ISS":"https://other.example","iss":"` + someIssuer + `"}`,
	} {
		if got, ok := IssuerOf(jws(someHeader, payload, "sig")); !ok || got != someIssuer {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	// An unsigned token has an issuer too: it is the signature check that refuses it.
	if _, ok := IssuerOf(jws(`{"alg":"none"}`, `{"iss":"`+someIssuer+`"}`) + "."); !ok {
		t.Error("the empty signature is not for this function to judge")
	}
}

func TestWhatCannotBeALogoutTokenHasNoIssuer(t *testing.T) {
	good := `{"iss":"` + someIssuer + `"}`
	whole := jws(someHeader, good, "sig")
	long := `{"iss":"` + someIssuer + `","x":"` + strings.Repeat("x", MaxLogoutToken) + `"}`
	for name, raw := range map[string]string{
		"nothing":              "",
		"dots":                 "..",
		"two parts":            jws(someHeader, good),
		"four parts":           whole + ".x",
		"no header":            "." + jws(good, "sig"),
		"padded":               jws(someHeader) + "." + base64.URLEncoding.EncodeToString([]byte(`{"iss":"abcd"}`)) + ".x",
		"standard alphabet":    jws(someHeader) + "." + base64.RawStdEncoding.EncodeToString([]byte(`{"iss":"??>>"}`)) + ".AAAA",
		"loose last bits":      jws(someHeader) + ".eyJpc3MiOiJhIn1.AAAA",
		"line end":             strings.Replace(whole, ".", ".\n", 1),
		"line end at the end":  whole + "\n",
		"blank":                " " + whole,
		"too long":             jws(someHeader, long, "sig"),
		"not JSON":             jws(someHeader, "iss", "sig"),
		"a list":               jws(someHeader, `[{"iss":"a"}]`, "sig"),
		"null":                 jws(someHeader, `null`, "sig"),
		"cut":                  jws(someHeader, `{"iss":"a"`, "sig"),
		"two documents":        jws(someHeader, good+good, "sig"),
		"twice":                jws(someHeader, `{"iss":"https://evil.example","iss":"`+someIssuer+`"}`, "sig"),
		"twice, once escaped":  jws(someHeader, `{"\u0069ss":"https://evil.example","iss":"`+someIssuer+`"}`, "sig"),
		"another member twice": jws(someHeader, `{"iss":"`+someIssuer+`","aud":"a","aud":"b"}`, "sig"),
		"absent":               jws(someHeader, `{"sub":"a"}`, "sig"),
		"only in another case": jws(someHeader, `{"ISS":"`+someIssuer+`"}`, "sig"),
		"empty":                jws(someHeader, `{"iss":""}`, "sig"),
		"a number":             jws(someHeader, `{"iss":7}`, "sig"),
		"a list of one":        jws(someHeader, `{"iss":["`+someIssuer+`"]}`, "sig"),
		"is null":              jws(someHeader, `{"iss":null}`, "sig"),
		"with a line end":      jws(someHeader, `{"iss":"https://idp.example\n"}`, "sig"),
		"not UTF-8":            jws(someHeader, "{\"iss\":\"https://idp.example/\xff\"}", "sig"),
		"longer than any URL":  jws(someHeader, `{"iss":"https://`+strings.Repeat("a", 2048)+`"}`, "sig"),
	} {
		if got, ok := IssuerOf(raw); ok || got != "" {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}

func FuzzIssuerOf(f *testing.F) {
	f.Add([]byte(`{"iss":"https://idp.example"}`), "")
	f.Add([]byte(`{"iss":"a","\u0069ss":"b"}`), "")
	f.Add([]byte(`{"iss":"a"}{"iss":"b"}`), "")
	f.Add([]byte(`[[[[[[`), "a.b.c")
	f.Add([]byte("{\"iss\":\"\xff\"}"), "..")
	f.Fuzz(func(t *testing.T, payload []byte, raw string) {
		_, _ = IssuerOf(raw)
		iss, ok := IssuerOf(jws(someHeader, string(payload), "sig"))
		if !ok {
			if iss != "" {
				t.Errorf("%q, though there is none", iss)
			}
			return
		}
		// Whoever reads the same payload by the usual means must see the same issuer.
		var usual map[string]any
		if err := json.Unmarshal(payload, &usual); err != nil || usual["iss"] != iss || iss == "" {
			t.Errorf("%q, and read otherwise %q, %v", iss, usual["iss"], err)
		}
	})
}
