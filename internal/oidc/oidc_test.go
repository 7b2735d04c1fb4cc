package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The verifier and challenge of RFC 7636 appendix B.
func TestS256IsThatOfTheSpecification(t *testing.T) {
	if got := S256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Error(got)
	}
}

func TestRandomValuesAreNotRepeated(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		v := RandomValue()
		if len(v) != 43 || seen[v] {
			t.Fatalf("%q", v)
		}
		seen[v] = true
	}
}

func TestClaimsAreFoundByPath(t *testing.T) {
	var c Claims
	err := json.Unmarshal([]byte(`{"sub":"1","groups":["a",2,"b"],"one":"x","realm_access":{"roles":["r"],"deep":{"k":"v"}},
		"https://example.com/roles":["whole"],"n":7,"null":null}`), &c)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"sub": "1", "realm_access.deep.k": "v", "missing": nil, "sub.x": nil, "realm_access.missing": nil, "": nil, ".": nil, "null": nil,
	} {
		if got, _ := c.At(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
	for path, want := range map[string][]string{
		"groups": {"a", "b"}, "one": {"x"}, "realm_access.roles": {"r"}, "https://example.com/roles": {"whole"}, "n": nil, "missing": nil,
	} {
		if diff := cmp.Diff(want, c.Strings(path)); diff != "" {
			t.Errorf("%q: %s", path, diff)
		}
	}
	if got := c.String("n"); got != "" {
		t.Errorf("a number is read as the text %q", got)
	}
}

func FuzzClaimsAt(f *testing.F) {
	f.Add(`{"a":{"b":1}}`, "a.b")
	f.Add(`{"a.b":1}`, "a.b")
	f.Fuzz(func(t *testing.T, doc, path string) {
		var c Claims
		if json.Unmarshal([]byte(doc), &c) != nil {
			return
		}
		v, found := c.At(path)
		if !found && (v != nil || c.Strings(path) != nil || c.String(path) != "") {
			t.Fatalf("%q is absent and has a value", path)
		}
	})
}

func TestWhatARefreshLeavesOutStays(t *testing.T) {
	old := Tokens{AccessToken: "a0", RefreshToken: "r0", IDToken: "i0", Scope: "openid", Expiry: time.Unix(1, 0)}
	fresh := Tokens{AccessToken: "a1", Expiry: time.Unix(2, 0)}
	want := Tokens{AccessToken: "a1", RefreshToken: "r0", IDToken: "i0", Scope: "openid", Expiry: time.Unix(2, 0)}
	if diff := cmp.Diff(want, fresh.Merge(old)); diff != "" {
		t.Error(diff)
	}
	rotated := Tokens{AccessToken: "a1", RefreshToken: "r1", IDToken: "i1"}
	if got := rotated.Merge(old); got.RefreshToken != "r1" || got.IDToken != "i1" {
		t.Errorf("%+v", got)
	}
}

func TestErrorsTellTheirCode(t *testing.T) {
	err := fmt.Errorf("refreshing: %w", &Error{Code: InvalidGrant, Status: 400})
	if CodeOf(err) != InvalidGrant || CodeOf(errors.New("x")) != "" || CodeOf(nil) != "" {
		t.Error(CodeOf(err))
	}
	cause := errors.New("connection refused")
	if !errors.Is(&UnreachableError{Err: cause}, cause) {
		t.Error("the cause is lost")
	}
}
