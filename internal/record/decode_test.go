package record

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/strict"
)

func base(t *testing.T, kind string) Record {
	t.Helper()
	r, ok := Lookup(kind)
	if !ok {
		t.Fatalf("no record %q", kind)
	}
	return r
}

func override(t *testing.T, r Record, doc string) (Record, []strict.Fault) {
	t.Helper()
	node, faults := strict.Parse([]byte(doc))
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	return Decode(r, node, "record")
}

func TestLookupKnowsOnlyItsKindsAndGivesCopies(t *testing.T) {
	for _, kind := range []string{"", "myspace", "../oidc", "oidc.yaml", "OIDC"} {
		if _, ok := Lookup(kind); ok {
			t.Errorf("%q has a record", kind)
		}
	}
	a := base(t, "oidc")
	a.Scopes[0], a.SignOut.Params["state"] = "changed", "changed"
	if b := base(t, "oidc"); b.Scopes[0] != "openid" || b.SignOut.Params["state"] != "{state}" {
		t.Error("a caller can change the record for others")
	}
}

func TestRecordsNeverAskForMaxAgeZero(t *testing.T) {
	for _, kind := range Kinds() {
		f := base(t, kind).FreshLogin
		if f.By == FreshByPromptAndMaxAge && (f.MaxAge != time.Second || f.AuthTime != AuthTimeChecked) {
			t.Errorf("%s: max_age %v, auth_time %s", kind, f.MaxAge, f.AuthTime)
		}
	}
}

func TestOverrideChangesOnlyWhatItStates(t *testing.T) {
	r := base(t, "keycloak")
	got, faults := override(t, r, `
scopes: [openid]
fresh_login: {max_age: 5s}
sign_out: {params: {client_id: "{client_id}", logout_uri: "{return_url}"}, hint: unused}
`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := base(t, "keycloak")
	want.Scopes = []string{"openid"}
	want.FreshLogin.MaxAge = 5 * time.Second
	want.SignOut.Hint = HintUnused
	want.SignOut.Params = map[string]string{"client_id": "{client_id}", "logout_uri": "{return_url}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(base(t, "keycloak"), r); diff != "" {
		t.Errorf("the base changed:\n%s", diff)
	}
}

func TestContradictionsAreRefusedWhereTheyStand(t *testing.T) {
	tests := []struct{ name, doc, path, message string }{
		{"unknown key", "logout: {}", "logout", "unknown key"},
		{"word", "refresh: {rotation: always}", "refresh.rotation", "not known"},
		{"word in a list", "prompt: {ok: [login, logn]}", "prompt.ok[1]", "not known"},
		{"static without token", "endpoints: {source: static, authorization: 'https://a.example/x', jwks: 'https://a.example/k'}", "endpoints.token", "static"},
		{"relative endpoint", "endpoints: {token: /token}", "endpoints.token", "not an absolute"},
		{"endpoint template", "endpoints: {token: 'https://{tenant}.example/t'}", "endpoints.token", "no meaning"},
		{"open brace", "endpoints: {token: 'https://a.example/{issuer'}", "endpoints.token", "without a }"},
		{"close brace", "endpoints: {token: 'https://a.example/issuer}'}", "endpoints.token", "without a {"},
		{"issuer set of one", "issuer: {match: set}", "issuer.also", "more than the one"},
		{"issuers without set", "issuer: {also: [a]}", "issuer.also", "only `match: set`"},
		{"issuer template", "issuer: {default: '{origin}'}", "issuer.default", "no template"},
		{"code name", "client: {code_param: ''}", "client.code_param", "not stated"},
		{"own parameter", "client: {authorize_params: {state: x}}", "client.authorize_params.state", "own parameter"},
		{"fragment", "client: {authorize_fragment: '#x'}", "client.authorize_fragment", "begins with #"},
		{"error", "client: {error_in_200: 'yes', error_param: ''}", "client.error_param", "cannot be told"},
		{"fresh prompt not honoured", "fresh_login: {prompt: consent}\nprompt: {ok: [login]}", "fresh_login.prompt", "not among"},
		{"max_age 0", "fresh_login: {max_age: 0s}", "fresh_login.max_age", "at least 1s"},
		{"max_age of parts", "fresh_login: {max_age: 1500ms}", "fresh_login.max_age", "whole seconds"},
		{"own error code", "client: {error_names: {bad_token: invalid_grand}}", "client.error_names.bad_token", "invalid_grand"},
		{"max_age unused", "fresh_login: {by: prompt}", "fresh_login.max_age", "does not use it"},
		{"max_age unchecked", "fresh_login: {by: max_age, auth_time: absent}", "fresh_login.auth_time", "worth nothing"},
		{"grace without single use", "refresh: {rotation: reissue, grace: 1s}", "refresh.grace", "only"},
		{"refresh every second", "refresh: {at_latest: 1s}", "refresh.at_latest", "from 1m to 24h"},
		{"refresh once a week", "refresh: {at_latest: 168h}", "refresh.at_latest", "from 1m to 24h"},
		{"grant type", "refresh: {extra: {grant_type: x}}", "refresh.extra.grant_type", "own parameter"},
		{"advice", "refresh: {missing_is: misconfiguration, missing_advice: ''}", "refresh.missing_advice", "needs advice"},
		{"hint without parameter", "sign_out: {hint: required, params: {state: '{state}'}}", "sign_out.params", "no parameter carries"},
		{"hint unused", "sign_out: {hint: unused}", "sign_out.hint", "carries the hint"},
		{"sign-out parameter", "sign_out: {params: {a: '{secret}'}}", "sign_out.params.a", "no meaning"},
		{"no parameters", "sign_out: {params: {}}", "sign_out.params", "no parameters"},
		{"custom without address", "sign_out: {kind: custom}", "endpoints.end_session", "needs its address"},
		{"parameters of nothing", "sign_out: {kind: none}", "sign_out.params", "no call"},
		{"ends without a call", "sign_out: {kind: none, params: {}, ends_sso_by_default: 'yes'}", "sign_out.ends_sso_by_default", "nothing ends"},
		{"upstream", "sign_out: {upstream: on_request}", "sign_out.upstream_params", "nothing asks"},
		{"no type of logout token", "notices: {backchannel_typ: []}", "notices.backchannel_typ", "no logout token"},
		{"type of logout token", "notices: {backchannel_typ: [at+jwt]}", "notices.backchannel_typ[0]", "not known"},
		{"algorithm none", "client: {id_token_algorithms: [none]}", "client.id_token_algorithms[0]", "not known"},
		{"HMAC", "client: {id_token_algorithms: [RS256, HS256]}", "client.id_token_algorithms[1]", "not known"},
		{"revocation of nothing", "revocation: {kind: none, ends: nothing}", "revocation.tokens", "nothing can be revoked"},
		{"revocation ends nothing", "revocation: {ends: nothing}", "revocation.ends", "ends something"},
		{"revocation without token", "revocation: {tokens: []}", "revocation.tokens", "no token"},
		{"custom revocation", "revocation: {kind: custom, method: POST, auth: client}", "endpoints.revocation", "needs its address"},
		{"subject", "claims: {subject_key: []}", "claims.subject_key", "told apart"},
		{"no source", "claims: {id_token: 'no', userinfo: {use: never}}", "claims.userinfo.use", "only source"},
		{"e-mail of nobody", "claims: {email: {source: none}}", "claims.email.verified", "no e-mail"},
		{"groups endpoint", "claims: {groups: {source: endpoint}}", "claims.groups.lists", "asked for there"},
		{"claim path", "claims: {name: 'a b'}", "claims.name", "blank"},
		{"picture template", "claims: {picture: {source: template, template: 'https://x/{id}'}}", "claims.picture.template", "no meaning"},
		{"day", "checked_on: yesterday", "checked_on", "not a day"},
		{"sources", "sources: []", "sources", "no source"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := override(t, base(t, "oidc"), tt.doc)
			if len(faults) != 1 {
				t.Fatalf("faults: %v", faults)
			}
			f := faults[0]
			if f.Path != "record."+tt.path || !strings.Contains(f.Message, tt.message) || f.Fix == "" || f.Line == 0 {
				t.Errorf("got %d:%d %s: %s; %s", f.Line, f.Column, f.Path, f.Message, f.Fix)
			}
		})
	}
}

func TestEveryWordMustBeStated(t *testing.T) {
	faults := Record{}.Validate()
	stated := map[string]bool{}
	for _, f := range faults {
		stated[f.Path] = true
	}
	for _, path := range []string{
		"endpoints.source", "issuer.match", "issuer.param", "client.auth", "client.pkce", "client.error_in_200", "prompt.unknown",
		"fresh_login.by", "refresh.rotation", "refresh.missing_is", "sign_out.kind", "sign_out.hint_expired_ok", "notices.sid",
		"revocation.ends", "claims.email.verified", "claims.userinfo.use", "sources", "checked_on",
	} {
		if !stated[path] {
			t.Errorf("%s may be left out", path)
		}
	}
	if stated["fresh_login.prompt"] || stated["revocation.auth"] {
		t.Error("an optional word is demanded")
	}
}

// The shapes of providers that have no embedded record can be stated all the
// same: the type does not have to change for them.
func TestOddProvidersCanBeStated(t *testing.T) {
	tests := map[string]string{
		"no sign-out, no ID token, own revocation, errors in 200": `
endpoints: {source: static, authorization: "{origin}/login/oauth/authorize", token: "{origin}/login/oauth/access_token", userinfo: "https://api.example.com/user", revocation: "https://api.example.com/applications/{client_id}/grant"}
issuer: {default: "https://git.example.com", param_value: "https://git.example.com/login/oauth"}
client: {error_in_200: "yes", headers: {Accept: application/json}}
prompt: {ok: [select_account], unknown: ignored}
fresh_login: {by: impossible, prompt: select_account, max_age: 0s, auth_time: absent}
refresh: {rotation: single_use, needs: {scopes: []}}
sign_out: {kind: none, params: {}, hint: unused, ends_sso_by_default: "no", manual_url: "https://git.example.com/logout"}
revocation: {kind: custom, method: DELETE, auth: basic, tokens: [access_token], ends: grant, body: {access_token: "{token}"}}
claims: {id_token: "no", subject_key: [id], username: login, email: {source: endpoint, claim: email, verified_claim: verified, primary_claim: primary, url: "https://api.example.com/user/emails"}, groups: {source: endpoint, scope: "read:org", lists: [{url: "https://api.example.com/user/teams", name: "{claim:organization.login}/{claim:slug}", next: link}]}, picture: {claim: avatar_url}, userinfo: {use: always}}
`,
		"own sign-out parameter names": `
endpoints: {end_session: "https://pool.auth.example.com/logout"}
sign_out: {kind: custom, hint: unused, params: {client_id: "{client_id}", logout_uri: "{return_url}"}, post_ok: "no", returns_state: "no", return_registered: allow_list}
revocation: {tokens: [refresh_token]}
`,
		"signed secret and a posted answer": `
client: {auth: signed_secret, assertion: {issuer: "{key_issuer}", audience: "https://id.example.com", life: 5m}, response_mode: form_post, user_param: user, nonce_always: "no"}
fresh_login: {by: impossible, prompt: login, max_age: 0s, auth_time: absent}
claims: {name_template: "{claim:user.name.firstName} {claim:user.name.lastName}", email: {verified_value: "true"}, userinfo: {use: never, recheck: 0s}}
`,
		"logout tokens without a type of their own": `
client: {id_token_algorithms: [RS256]}
notices: {backchannel: "yes", backchannel_exp: "no", backchannel_typ: [JWT]}
`,
		"no logout tokens": `
notices: {backchannel: "no", backchannel_typ: []}
`,
		"many tenants": `
issuer: {match: template_tid}
sign_out: {params: {post_logout_redirect_uri: "{return_url}", logout_hint: "{logout_hint}"}, hint: unused, logout_hint_claim: login_hint, return_registered: redirect_uris}
notices: {frontchannel: "yes", frontchannel_iss: "no", backchannel: "no"}
revocation: {kind: none, tokens: [], ends: nothing}
claims: {subject_key: [oid, tid], groups: {overage_claim: _claim_names.groups, lists: [{url: "https://graph.example.com/v1.0/me/memberOf", list: value, name: "{claim:id}", next: member, next_member: "@odata.nextLink"}]}}
`,
		"JSON in camel case": `
client: {auth: json, token_body: json, code_param: authCode, token_names: {client_id: clientId, access_token: accessToken, expires_in: expireIn}, bearer_header: x-acs-access-token}
claims: {id_token: "no", subject_key: [unionId]}
`,
		"an application's token": `
endpoints: {application_token: "https://qyapi.example.com/cgi-bin/gettoken"}
client: {exchange: application_token, token_body: query, auth: query, error_in_200: "yes", error_param: errcode, error_unless: "0", authorize_fragment: wechat_redirect, authorize_names: {client_id: appid}, application_params: {corpid: "{client_id}", corpsecret: "{client_secret}"}, bearer_param: access_token}
refresh: {rotation: none}
claims: {id_token: "no", subject_key: [UserId], userinfo: {params: {userid: "{claim:UserId}"}}}
`,
		"refresh that repeats the redirect address": `
refresh: {rotation: single_use, reuse_ends: session, extra: {redirect_uri: "{redirect_uri}"}, needs: {scopes: [], params: {access_type: offline}}}
issuer: {match: set, also: [accounts.example.com]}
sign_out: {upstream: on_request, upstream_params: {federated: ""}}
claims: {picture: {source: template, template: "https://cdn.example.com/{claim:id}/{claim:avatar}.png"}}
`,
		"portal": `
endpoints: {end_session: "{issuer}/logout"}
sign_out: {kind: portal, hint: unused, params: {rd: "{return_url}"}, returns_state: "no"}
`,
	}
	for name, doc := range tests {
		t.Run(name, func(t *testing.T) {
			if _, faults := override(t, base(t, "oidc"), doc); len(faults) > 0 {
				t.Errorf("faults: %v", faults)
			}
		})
	}
}

func TestExpandLeavesOutWhatHasNoValue(t *testing.T) {
	values := map[string]string{"a": "1", "b": "{a}", "empty": ""}
	get := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	for template, want := range map[string]string{"x": "x", "{a}": "1", "-{a}-{b}-": "-1-{a}-", "": ""} {
		if got, ok := Expand(template, get); !ok || got != want {
			t.Errorf("%q: %q, %v", template, got, ok)
		}
	}
	for _, template := range []string{"{c}", "{empty}", "{a", "x{a}{c}"} {
		if got, ok := Expand(template, get); ok {
			t.Errorf("%q: %q", template, got)
		}
	}
}

func TestClaimPaths(t *testing.T) {
	for _, good := range []string{"sub", "realm_access.roles", "https://example.com/role", "用户.组", "a.b.c.d.e.f.g.h"} {
		if _, err := ParseClaimPath(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "a b", "a\x00", "a\n", "a.b.c.d.e.f.g.h.i", strings.Repeat("a", 257), "a\xff"} {
		if _, err := ParseClaimPath(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
