package app

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

func refreshModules() map[string]module {
	return map[string]module{
		"oidcc-client-test-refresh-token":                refreshGood(nil),
		"oidcc-client-test-refresh-token-invalid-issuer": refreshRefused(appended("iss")),
		"oidcc-client-test-refresh-token-invalid-sub":    refreshRefused(appended("sub")),
	}
}

func beyondRefresh() map[string]module {
	return map[string]module{
		"a refreshed ID token for another client": refreshRefused(appended("aud")),
		"a refreshed ID token without iat":        refreshRefused(left("iat")),
		"a refreshed ID token of another nonce":   refreshGood(func(claims map[string]any) { claims["nonce"] = "anything" }),
	}
}

// refreshGood is a module whose tokens are refreshed while the person works.
func refreshGood(change func(map[string]any)) module {
	return module{then: func(t *testing.T, r *party) {
		before := r.provider.Counters()
		old := r.mine().Grant.Tokens
		r.growOld(change)
		r.seenByTheApp(t)
		after := r.provider.Counters()
		if n := after.TokensGiven["refresh_token"] - before.TokensGiven["refresh_token"]; n != 1 || after.Reuses != before.Reuses {
			t.Fatalf("%d refreshes, %d reuses\n%s", n, after.Reuses-before.Reuses, r.log)
		}
		if after.UserInfos == before.UserInfos {
			t.Error("userinfo was not asked with the new token")
		}
		now := r.mine().Grant.Tokens
		if now.AccessToken == old.AccessToken || now.RefreshToken == old.RefreshToken || now.IDToken == old.IDToken {
			t.Error("not every token is the new one")
		}
	}}
}

// refreshRefused is a module whose refreshed ID token must not be believed: nothing of the
// answer is used, its tokens are revoked, and the provider is asked anew at the next
// navigation.
func refreshRefused(change func(map[string]any)) module {
	return module{then: func(t *testing.T, r *party) {
		r.delivered()
		before, others := r.provider.Counters(), r.provider.LiveGrants()-1
		r.growOld(change)
		r.seenByTheApp(t)
		after := r.provider.Counters()
		if n := after.TokensGiven["refresh_token"] - before.TokensGiven["refresh_token"]; n != 1 {
			t.Fatalf("%d refreshes\n%s", n, r.log)
		}
		if after.UserInfos != before.UserInfos {
			t.Error("userinfo was asked with a token of the bad answer")
		}
		if live := r.mine(); live == nil || live.Grant.State == session.GrantGood {
			t.Errorf("the session, or a grant that counts as good: %v", live != nil)
		}
		eventually(t, "the tokens of the bad answer are revoked", func() bool { return r.provider.LiveGrants() == others })
		r.provider.SetFaults(devprovider.Faults{})
		authorized := r.provider.Counters().Authorizations
		if p := r.person.visit("/"); p.status != http.StatusOK || r.provider.Counters().Authorizations != authorized+1 {
			t.Errorf("the next navigation: %d at %s", p.status, p.url)
		}
	}}
}

func (r *party) growOld(change func(map[string]any)) {
	r.provider.SetFaults(devprovider.Faults{IDToken: change})
	r.expire()
}

// initiation is the address to which a third party sends people (Core section 4).
func initiation(more url.Values) func(*party) string {
	return func(r *party) string {
		query := url.Values{"iss": {r.provider.Issuer()}}
		for name, values := range more {
			query[name] = []string{strings.ReplaceAll(values[0], "{gateway}", r.url)}
		}
		return "/.cardea/sign-in?" + query.Encode()
	}
}

func initiatedModules() map[string]module {
	return map[string]module{"oidcc-client-test-3rd-party-init-login": {start: initiation(nil)}}
}

func beyondInitiated() map[string]module {
	endsAt := func(path string) func(*testing.T, *party) {
		return func(t *testing.T, r *party) {
			if r.page.url != r.url+path {
				t.Errorf("the person ends at %s", r.page.url)
			}
		}
	}
	return map[string]module{
		"third-party login to a page of the app": {
			start: initiation(url.Values{"target_link_uri": {"{gateway}/?from=portal"}}), then: endsAt("/?from=portal"),
		},
		"third-party login to somewhere else": {
			start: initiation(url.Values{"target_link_uri": {"https://evil.example/"}}), then: endsAt("/"),
		},
		"third-party login of an unknown issuer": {
			refused: true, start: func(*party) string { return "/.cardea/sign-in?iss=https%3A%2F%2Fevil.example" },
			then: func(t *testing.T, r *party) {
				if n := len(r.asked(devprovider.Authorize)); n != 0 {
					t.Errorf("%d authorization requests", n)
				}
			},
		},
	}
}
