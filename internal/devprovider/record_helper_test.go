package devprovider_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
	records "github.com/cardea-auth/cardea/internal/record"
)

// plainRecord is a record that surprises nobody; tests change what they are about.
func plainRecord(change func(*records.Record)) *records.Record {
	r := &records.Record{
		Kind: "plain", Scopes: []string{"openid", "profile"},
		Endpoints:  records.Endpoints{Source: records.EndpointsDiscovery},
		Issuer:     records.Issuer{Match: records.IssuerExact, Param: records.IssParamOptional},
		Client:     records.Client{Auth: records.AuthBasic, SecretEncoding: records.SecretForm, PKCE: records.PKCES256, ResponseMode: records.ResponseQuery, CodeParam: "code", Exchange: records.ExchangeCode, TokenBody: records.TokenBodyForm, TokenReply: records.TokenReplyJSON, ErrorIn200: records.No, ErrorParam: "error"},
		Prompt:     records.Prompt{OK: []records.PromptValue{"none", "login"}, Unknown: records.PromptUnknownIgnored},
		FreshLogin: records.FreshLogin{By: records.FreshByPrompt, Prompt: "login", AuthTime: records.AuthTimeChecked},
		Refresh:    records.Refresh{Rotation: records.RotationNone, ReuseEnds: records.ReuseGrant},
		SignOut: records.SignOut{
			Kind: records.SignOutOIDC, Hint: records.HintRecommended, HintExpiredOK: records.Yes, PostOK: records.Yes,
			Params:           map[string]string{"id_token_hint": "{id_token_hint}", "client_id": "{client_id}", "post_logout_redirect_uri": "{return_url}", "state": "{state}"},
			ReturnRegistered: records.RegisteredPostLogout, ReturnMatch: records.ReturnMatchExact, ReturnsState: records.Yes,
			EndsSSOByDefault: records.Yes, ServerCall: records.ServerNone,
		},
		Notices:    records.Notices{FrontChannel: records.No, BackChannel: records.No, Sid: records.Yes},
		Revocation: records.Revocation{Kind: records.RevocationRFC7009, Tokens: []records.TokenKind{"refresh_token", "access_token"}, Ends: records.RevocationEndsToken},
		Claims: records.Claims{
			IDToken: records.Yes, SubjectKey: []records.ClaimPath{"sub"}, Username: "preferred_username", Name: "name",
			Email:    records.Email{Source: records.FromNone, Verified: records.EmailNever},
			Groups:   records.Groups{Source: records.FromNone},
			Picture:  records.Picture{Source: records.PictureNone},
			UserInfo: records.UserInfo{Use: records.UserInfoNever},
		},
	}
	if change != nil {
		change(r)
	}
	return r
}

// startBy serves a provider of a record.
func startBy(t *testing.T, change func(*records.Record), more func(*devprovider.Options)) *devprovider.Server {
	t.Helper()
	return start(t, func(o *devprovider.Options) {
		o.Record = plainRecord(change)
		if more != nil {
			more(o)
		}
	})
}

// askAt is authURL at wherever the record has the endpoint, without scopes it does not know.
func askAt(s *devprovider.Server, changes ...string) string {
	ask, _ := url.Parse(authURL(s, append([]string{"scope", "openid profile"}, changes...)...))
	return s.Address(devprovider.Authorize) + "?" + ask.RawQuery
}

func aliceAt(t *testing.T, s *devprovider.Server) *devprovider.Visitor {
	t.Helper()
	v := alice(t, s)
	v.Issuer = s.Origin()
	return v
}

// ask sends a request and reads its JSON answer.
func ask(t *testing.T, method, address, media, body string, change func(*http.Request)) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	if change != nil {
		change(r)
	}
	status, _, answer := do(t, r, nil)
	doc := map[string]any{}
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &doc); err != nil {
			t.Fatalf("%s answered %q", address, answer)
		}
	}
	return status, doc
}

func asClient(r *http.Request) {
	r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientSecret))
}

// signInBy is a whole sign-in at a provider of a record that speaks forms and Basic.
func signInBy(t *testing.T, s *devprovider.Server, v *devprovider.Visitor, changes ...string) (tokens, map[string]any) {
	t.Helper()
	q := visit(t, v, askAt(s, changes...))
	status, doc := ask(t, http.MethodPost, s.Address(devprovider.Token), "application/x-www-form-urlencoded", codeForm(q.Get("code")).Encode(), asClient)
	if status != http.StatusOK {
		t.Fatalf("the code was refused: %v", doc)
	}
	return asTokens(doc), doc
}

func codeForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier}}
}

func refreshBy(t *testing.T, s *devprovider.Server, token string, more ...string) (int, map[string]any) {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return ask(t, http.MethodPost, s.Address(devprovider.Token), "application/x-www-form-urlencoded", form.Encode(), asClient)
}
