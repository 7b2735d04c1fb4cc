package provider

import (
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// Words of a provider's own decide what the record says that they mean, and nothing else.
func TestAProvidersOwnErrorsHaveTheNamesThatTheRecordGives(t *testing.T) {
	names := map[string]string{"bad_refresh_token": oidc.InvalidGrant, "token_revoked": "invalid_token", "99": oidc.TemporarilyUnavailable}
	for name, tc := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"in a good answer":      {200, `{"error":"bad_refresh_token"}`, oidc.InvalidGrant},
		"in a refusal":          {400, `{"error":"bad_refresh_token"}`, oidc.InvalidGrant},
		"a number":              {200, `{"error":99}`, oidc.TemporarilyUnavailable},
		"one without a name":    {200, `{"error":"odd"}`, "odd"},
		"one that has it":       {400, `{"error":"invalid_client"}`, oidc.InvalidClient},
		"a server's own is its": {500, `{"error":"bad_refresh_token"}`, oidc.ServerError},
	} {
		f := newFake(t)
		f.reply("/token", tc.status, tc.body)
		f.reply("/userinfo", tc.status, tc.body)
		p := f.provider("oidc", func(r *record.Record) {
			bareOAuth(r)
			r.Client.ErrorIn200, r.Client.ErrorParam, r.Client.ErrorNames = record.Yes, "error", names
		})
		who := oidc.Identity{Issuer: f.issuer, Subject: "u-1"}
		if _, err := p.Refresh(t.Context(), time.Now(), oldTokens(), who); oidc.CodeOf(err) != tc.want {
			t.Errorf("%s: refresh: %v", name, err)
		}
		if _, _, err := p.Userinfo(t.Context(), time.Now(), oidc.Tokens{AccessToken: "a"}, who); oidc.CodeOf(err) != tc.want {
			t.Errorf("%s: userinfo: %v", name, err)
		}
	}
}

func TestARevocationThatIsRefusedInAGoodAnswerIsRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"ok":true,"revoked":true}`:            "",
		`{"ok":false,"error":"ratelimited"}`:    "ratelimited",
		`{"ok":false,"error":"token_revoked"}`:  "", // gone already
		``:                                      "",
		`{"ok":false,"error":"internal_error"}`: "internal_error",
	} {
		f := newFake(t)
		f.reply("/revoke", 200, body)
		p := f.provider("oidc", func(r *record.Record) {
			r.Client.ErrorIn200, r.Client.ErrorParam, r.Client.ErrorUnless = record.Yes, "ok", "true"
			r.Client.ErrorNames = map[string]string{"token_revoked": "invalid_token"}
			r.Revocation = record.Revocation{Kind: record.RevocationCustom, Tokens: []record.TokenKind{record.TokenAccess},
				Ends: record.RevocationEndsToken, Method: "POST", Auth: record.RevocationAuthBearer}
		})
		err := p.Revoke(t.Context(), oidc.Tokens{AccessToken: "a"})
		if oidc.CodeOf(err) != want || (err != nil) != (want != "") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func FuzzListsAreReadOrRefused(f *testing.F) {
	f.Add([]byte(`[{"email":"a@b.example","verified":true,"primary":true}]`), "")
	f.Add([]byte(`{"values":[{"email":"a@b.example"}],"next":"/x"}`), "values")
	f.Add([]byte(`{"a":{"b":[1,"x",null,[{}]]}}`), "a.b")
	f.Add([]byte(`null`), "x")
	p := &Provider{record: record.Record{Claims: record.Claims{Email: record.Email{Claim: "email", VerifiedClaim: "verified", Verified: record.EmailClaim, PrimaryClaim: "primary"}}}}
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		entries, _, err := entriesOf(body, record.ClaimPath(path))
		if err != nil {
			return
		}
		if a := p.bestAddress(entries); a.believed && (a.text == "" || cleanEmail(a.text) != a.text) {
			t.Errorf("believes %q", a.text)
		}
	})
}
