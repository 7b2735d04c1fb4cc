package app

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// idToken is a module whose ID tokens are changed, and must be refused.
func idToken(change func(map[string]any)) module {
	return module{refused: true, faults: devprovider.Faults{IDToken: change}}
}

// basicModules are those of the basic plan, and of the form post plan.
func basicModules(keys *signers) map[string]module {
	return map[string]module{
		"oidcc-client-test":             {},
		"oidcc-client-test-invalid-iss": idToken(appended("iss")),
		"oidcc-client-test-missing-sub": idToken(left("sub")),
		"oidcc-client-test-invalid-aud": idToken(appended("aud")),
		"oidcc-client-test-missing-iat": idToken(left("iat")),
		"oidcc-client-test-kid-absent-single-jwks": {faults: devprovider.Faults{
			Keys: withoutKeyIDs(), Sign: signedByKey(""),
		}},
		// The module leaves it to a client to try the keys or to refuse. Cardea tries them.
		"oidcc-client-test-kid-absent-multiple-jwks": {faults: devprovider.Faults{
			Keys: withoutKeyIDs(publicKey("RS256", keys.other.Public())), Sign: signedByKey(""),
		}},
		"oidcc-client-test-idtoken-sig-rs256": {faults: devprovider.Faults{Discovery: supported("RS256")}},
		// Core section 3.1.3.7 lets a client of the code flow go without the signature; Cardea does not.
		"oidcc-client-test-idtoken-sig-none":  {refused: true, faults: devprovider.Faults{Sign: devprovider.SignNone, Discovery: supported("none", "RS256")}},
		"oidcc-client-test-invalid-sig-rs256": {refused: true, faults: devprovider.Faults{Sign: brokenSignature(jose.RS256, keys.provider)}},
		"oidcc-client-test-userinfo-invalid-sub": {
			refused: true, userinfos: 1,
			faults: devprovider.Faults{UserInfo: appended("sub")},
		},
		"oidcc-client-test-nonce-invalid":         idToken(appended("nonce")),
		"oidcc-client-test-scope-userinfo-claims": {then: claimsCameByScope},
		"oidcc-client-test-client-secret-basic": {
			faults: devprovider.Faults{
				Discovery: func(doc map[string]any) {
					doc["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
				},
				Before: refuseSecretIn("body"),
			},
		},
	}
}

// posted makes the provider post its answers, as the suite does in the form post plan: asked
// or not.
func posted(modules map[string]module) map[string]module {
	for name, m := range modules {
		before := m.faults.Before
		m.faults.Before = func(e devprovider.Endpoint, req *http.Request) *devprovider.Answer {
			if e == devprovider.Authorize {
				query := req.URL.Query()
				query.Set("response_mode", "form_post")
				req.URL.RawQuery = query.Encode()
			}
			if before != nil {
				return before(e, req)
			}
			return nil
		}
		var posts atomic.Int32
		after := m.faults.After
		m.faults.After = func(e devprovider.Endpoint, req *http.Request, answer *devprovider.Answer) {
			if strings.Contains(string(answer.Body), `/.cardea/callback/main"`) {
				posts.Add(1)
			}
			if after != nil {
				after(e, req, answer)
			}
		}
		then := m.then
		m.then = func(t *testing.T, r *party) {
			if n := posts.Load(); n != 1 {
				t.Errorf("%d answers were posted", n)
			}
			if then != nil {
				then(t, r)
			}
		}
		modules[name] = m
	}
	return modules
}

// configModules are those of the configuration plan.
func configModules(t *testing.T) map[string]module {
	relay := newKeyRelay(t)
	return map[string]module{
		"oidcc-client-test-discovery-openid-config": {
			faults: devprovider.Faults{Discovery: func(doc map[string]any) {
				doc["authorization_endpoint"] = doc["authorization_endpoint"].(string) + "?from=discovery"
			}},
			then: func(t *testing.T, r *party) {
				if got := r.asked(devprovider.Authorize)[0].Params.Get("from"); got != "discovery" {
					t.Errorf("the endpoint is not the document's: %q", got)
				}
			},
		},
		"oidcc-client-test-discovery-jwks-uri-keys": {
			faults: devprovider.Faults{Discovery: relay.announce},
			then: func(t *testing.T, _ *party) {
				if relay.asked.Load() == 0 {
					t.Error("the keys were not fetched where jwks_uri says")
				}
			},
		},
		"oidcc-client-test-discovery-issuer-mismatch": {
			refused: true,
			faults:  devprovider.Faults{Discovery: func(doc map[string]any) { doc["issuer"] = doc["issuer"].(string) + "INVALID" }},
			then: func(t *testing.T, r *party) {
				if n := len(r.asked(devprovider.Authorize)); n != 0 {
					t.Errorf("%d authorization requests", n)
				}
			},
		},
		"oidcc-client-test-idtoken-sig-none": {refused: true, faults: devprovider.Faults{Sign: devprovider.SignNone, Discovery: supported("none", "RS256")}},
		"oidcc-client-test-signing-key-rotation": {then: func(t *testing.T, r *party) {
			r.rotate(t)
			r.somebodyElseSignsIn(t)
		}},
		"oidcc-client-test-signing-key-rotation-just-before-signing": {then: func(t *testing.T, r *party) {
			r.provider.SetFaults(devprovider.Faults{Before: func(e devprovider.Endpoint, _ *http.Request) *devprovider.Answer {
				if e == devprovider.Token {
					r.rotate(t)
				}
				return nil
			}})
			r.somebodyElseSignsIn(t)
		}},
	}
}

// otherModules are of the comprehensive plan, which is not certified.
func otherModules(keys *signers) map[string]module {
	return map[string]module{
		"oidcc-client-test-missing-aud": idToken(left("aud")),
		"oidcc-client-test-invalid-sig-hs256": {refused: true, faults: devprovider.Faults{
			Discovery: supported("HS256"), Sign: signedBySecret,
		}},
		"oidcc-client-test-invalid-sig-es256": {refused: true, faults: devprovider.Faults{
			Discovery: supported("RS256", "ES256"), Keys: withKey(publicKey("ES256", keys.curve.Public())),
			Sign: brokenSignature(jose.ES256, keys.curve),
		}},
		"oidcc-client-test-userinfo-bearer-header": {faults: devprovider.Faults{Before: func(e devprovider.Endpoint, req *http.Request) *devprovider.Answer {
			if e == devprovider.UserInfo && (req.Method != http.MethodGet || req.URL.RawQuery != "" || !strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ")) {
				return devprovider.NewAnswer(http.StatusBadRequest, "text/plain", "the token is elsewhere")
			}
			return nil
		}}},
		// Claims that stand elsewhere are not fetched, and do no harm.
		"oidcc-client-test-aggregated-claims": {faults: devprovider.Faults{UserInfo: func(claims map[string]any) {
			claims["_claim_names"] = map[string]any{"credit_score": "src1"}
			claims["_claim_sources"] = map[string]any{"src1": map[string]any{"JWT": "eyJhbGciOiJub25lIn0.e30."}}
		}}},
	}
}

// beyondSignIn is what else a provider, or somebody in its place, may answer.
func beyondSignIn(keys *signers) map[string]module {
	hour := func(name string, hours time.Duration) func(map[string]any) {
		return func(claims map[string]any) { claims[name] = time.Now().Add(hours * time.Hour).Unix() }
	}
	return map[string]module{
		"azp of another client": idToken(func(claims map[string]any) {
			claims["aud"], claims["azp"] = []string{"cardea", "other"}, "other"
		}),
		"two audiences without azp": idToken(func(claims map[string]any) {
			claims["aud"] = []string{"cardea", "other"}
			delete(claims, "azp")
		}),
		"missing iss":        idToken(left("iss")),
		"missing exp":        idToken(left("exp")),
		"expired":            idToken(hour("exp", -1)),
		"iat in the future":  idToken(hour("iat", 1)),
		"missing nonce":      idToken(left("nonce")),
		"no ID token at all": {refused: true, faults: devprovider.Faults{TokenResponse: func(_ string, body map[string]any) { delete(body, "id_token") }}},
		"HS256 with the public key": {refused: true, faults: devprovider.Faults{
			Discovery: supported("RS256", "HS256"), Sign: devprovider.SignHS256WithPublicKey,
		}},
		"an algorithm that this client is not registered for": {
			refused: true, client: "id_token_algorithms: [RS256]",
			faults: devprovider.Faults{
				Discovery: supported("RS256", "ES256"), Keys: withKey(publicKey("ES256", keys.curve.Public())),
				Sign: func(_ devprovider.SigningKey, claims map[string]any) (string, error) {
					return signed(jose.ES256, keys.curve, "JWT", "ES256", claims)
				},
			},
		},
		"userinfo without sub":     {refused: true, userinfos: 1, faults: devprovider.Faults{UserInfo: left("sub")}},
		"userinfo is a signed JWT": {refused: true, userinfos: 1, faults: devprovider.Faults{After: signedUserinfo(keys)}},
		"client_secret_post": {faults: devprovider.Faults{
			Discovery: func(doc map[string]any) {
				doc["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
			},
			Before: refuseSecretIn("header"),
		}},
	}
}

// beyondFormPost is what the error module cannot ask of a client that never sends prompt=none.
func beyondFormPost() map[string]module {
	return map[string]module{
		"an answer that is asked for by post": {client: "response_mode: form_post", then: func(t *testing.T, r *party) {
			if got := r.asked(devprovider.Authorize)[0].Params.Get("response_mode"); got != "form_post" {
				t.Errorf("response_mode %q", got)
			}
		}},
		"a posted error is shown": {
			refused: true, client: "response_mode: form_post",
			faults: devprovider.Faults{AuthorizeResponse: func(params url.Values) {
				params.Del("code")
				params.Set("error", "login_required")
			}},
			then: func(t *testing.T, r *party) {
				if n := r.provider.Counters().TokenRequests["authorization_code"] - r.before.TokenRequests["authorization_code"]; n != 0 {
					t.Errorf("%d token requests", n)
				}
			},
		},
	}
}

// claimsCameByScope demands that what the app is told was asked for by scope and came from
// userinfo: the ID token has none of it.
func claimsCameByScope(t *testing.T, r *party) {
	scope := " " + r.asked(devprovider.Authorize)[0].Params.Get("scope") + " "
	for _, name := range []string{"openid", "profile", "email"} {
		if !strings.Contains(scope, " "+name+" ") {
			t.Errorf("scope %q lacks %s", scope, name)
		}
	}
	if who := r.person.fetch("/api/whoami").body; !strings.Contains(who, r.name+"@example.com") {
		t.Errorf("the app is not told the e-mail address: %s", who)
	}
}

// somebodyElseSignsIn signs somebody in with the keys that the gateway has from before.
func (r *party) somebodyElseSignsIn(t *testing.T) {
	t.Helper()
	before := r.provider.Counters().Keys
	name, other := r.somebody()
	if p := other.visit("/"); p.status != http.StatusOK || !strings.Contains(other.fetch("/api/whoami").body, name) {
		t.Errorf("after the rotation: %d %s", p.status, textOf(p.body))
	}
	if r.provider.Counters().Keys == before {
		t.Error("the keys were not fetched again")
	}
}

// rotate makes a new key and withdraws the old.
func (r *party) rotate(t *testing.T) {
	if err := r.provider.RotateKey(devprovider.RS256); err != nil {
		t.Error(err)
	}
	if err := r.provider.ForgetOldKeys(); err != nil {
		t.Error(err)
	}
}
