package acceptance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// The look-alikes have the wire shapes of the brands and none of their sessions: what
// they show is that a record's addresses, names and rules fit, not that a sign-in is
// asked for again.

// TestProviders_GitHub: no ID token, people and addresses from an API, no sign-out.
func TestProviders_GitHub(t *testing.T) {
	w := newElsewhere(t, "github", "github", record(object{
		"endpoints": object{"userinfo": "{origin}/user"},
		"claims":    object{"email": object{"url": "{origin}/user/emails"}},
	}))
	alice := w.enter(t, "alice", nil)
	if got := w.user(t, alice); got != "alice" {
		t.Errorf("the app is told %q", got)
	}
	if got := w.told(t, alice, "X-Forwarded-Email"); got != "alice@example.com" {
		t.Errorf("the app is told the e-mail address %q", got)
	}
	page := w.leave(t, alice)
	if got := providerOutcome(page); got != "still-open" {
		t.Errorf("the receipt says %q of the session at the provider: %s", got, page.Text())
	}
	if _, ok := page.Link("/logout"); !ok {
		t.Errorf("no link to the provider's own sign-out: %s", page.Text())
	}
	again, ok := page.Link("/.cardea/sign-in")
	if !ok {
		t.Fatalf("no link to sign in again: %s", page)
	}
	demandAsked(t, alice.Open(t, again), "/login/oauth/authorize", map[string]string{"prompt": "select_account", "max_age": ""})
}

// TestProviders_Google_TokensSignedWithTheSecretAreRefused: the look-alike signs ID tokens
// with HS256 and publishes no key. Told that there are no ID tokens, its userinfo is used.
func TestProviders_Google(t *testing.T) {
	t.Run("tokens signed with the secret are refused", func(t *testing.T) {
		w := newElsewhere(t, "google", "google")
		p := env.NewPerson(t, "alice", nil)
		page := p.Open(t, w.URL+"/")
		if page.Has(`id="who"`) || page.Status < 400 {
			t.Errorf("want a problem page: %s", page)
		}
	})
	t.Run("userinfo alone", func(t *testing.T) {
		w := newElsewhere(t, "google", "google", record(object{
			"endpoints": object{
				"source": "static", "authorization": "{origin}/o/oauth2/v2/auth", "token": "{origin}/oauth2/token",
				"userinfo": "{origin}/oauth2/v2/userinfo", "revocation": "{origin}/oauth2/revoke",
			},
			"client": object{"nonce_always": "no", "auth": "client_secret_post"},
			"claims": object{"id_token": "no", "subject_key": []string{"email"}, "userinfo": object{"use": "always"}},
		}))
		alice := w.enter(t, "alice", nil)
		if got := w.user(t, alice); got != "alice" {
			t.Errorf("the app is told %q", got)
		}
		page := w.leave(t, alice)
		if got := providerOutcome(page); got != "still-open" {
			t.Errorf("the receipt says %q of the session at the provider: %s", got, page.Text())
		}
		again, _ := page.Link("/.cardea/sign-in")
		demandAsked(t, alice.Open(t, again), "/o/oauth2/v2/auth", map[string]string{"max_age": "", "access_type": "offline"})
	})
}

// TestProviders_Microsoft: endpoints beside the tenant's issuer, a sign-out that takes
// redirect URIs and gives no state back.
func TestProviders_Microsoft(t *testing.T) {
	w := newElsewhere(t, "microsoft", "entra", func(a *abroad) {
		a.provider.Issuer = "/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
	})
	alice := w.enter(t, "alice", nil)
	page := w.leave(t, alice)
	if !page.PassedThrough("/oauth2/v2.0/logout") {
		t.Errorf("the browser did not pass the provider's sign-out: %s", page)
	}
}

// TestProviders_Okta: a hint at sign-out, groups in a claim, rotation.
func TestProviders_Okta(t *testing.T) {
	w := newElsewhere(t, "okta", "okta")
	alice := w.enter(t, "alice", nil)
	if got := w.told(t, alice, "X-Forwarded-Email"); got != "alice@example.com" {
		t.Errorf("the app is told the e-mail address %q", got)
	}
	page := w.leave(t, alice)
	if !page.PassedThrough("/oauth2/v1/logout") || !page.PassedThrough("id_token_hint=") {
		t.Errorf("the browser did not pass the provider's sign-out with a hint: %s", page)
	}
}

// TestProviders_Apple: a posted answer that comes without our cookies, a name beside the
// code, a signed client secret, an e-mail address verified by the word "true".
func TestProviders_Apple(t *testing.T) {
	file, _ := clientKey(t)
	w := newElsewhere(t, "apple", "apple", func(a *abroad) {
		a.provider.ClientSecretEnv, a.provider.ClientKeyFile = "", file
		a.provider.ClientKeyID, a.provider.ClientKeyIssuer = "KEY1234567", "TEAM123456"
		a.provider.Record = object{"endpoints": object{
			"authorization": "{origin}/auth/authorize", "token": "{origin}/auth/token", "jwks": "{origin}/auth/keys", "revocation": "{origin}/auth/revoke",
		}}
	})
	alice := w.enter(t, "alice", nil)
	if got := w.told(t, alice, "X-Forwarded-Email"); got == "" {
		t.Error("the app is told no e-mail address")
	}
	page := w.leave(t, alice)
	if got := providerOutcome(page); got != "still-open" {
		t.Errorf("the receipt says %q of the session at the provider: %s", got, page.Text())
	}
}

// TestProviders_Slack: errors with status 200, a token within the answer. The look-alike
// has the way by which apps are installed, not the one for signing in.
func TestProviders_Slack(t *testing.T) {
	w := newElsewhere(t, "slack", "slack", record(object{
		"scopes": []string{"users.profile:read"},
		"endpoints": object{
			"source": "static", "authorization": "{origin}/oauth/v2/authorize", "token": "{origin}/api/oauth.v2.access", "userinfo": "{origin}/api/users.profile.get",
		},
		"client":  object{"nonce_always": "no", "authorize_params": object{"user_scope": "users.profile:read"}, "token_envelope": "authed_user", "token_names": object{"token_type": "no_such_member"}},
		"refresh": object{"missing_is": "normal"},
		"claims": object{
			"id_token": "no", "subject_key": []string{"email"}, "name": "real_name",
			"email": object{"verified": "always"}, "picture": object{"source": "none"}, "userinfo": object{"use": "always", "envelope": "profile"},
		},
	}))
	alice := w.enter(t, "alice", nil)
	if got := w.user(t, alice); got != "alice" {
		t.Errorf("the app is told %q", got)
	}
	w.leave(t, alice)
}

// TestProviders_Auth0: https with a private authority, an issuer that ends with a slash, a
// sign-out of its own names.
func TestProviders_Auth0(t *testing.T) {
	ca := harness.NewCA(t)
	w := newElsewhere(t, "auth0", "auth0", func(a *abroad) {
		a.ca = ca
		a.provider.Issuer = "/"
		a.provider.Record = object{
			"endpoints": object{"end_session": "{origin}/v2/logout"},
			"sign_out": object{
				"kind": "custom", "hint": "unused", "returns_state": "no",
				"params": object{"client_id": "{client_id}", "returnTo": "{return_url}"},
			},
		}
	})
	alice := w.enter(t, "alice", ca.Pool)
	if got := w.told(t, alice, "X-Forwarded-Email"); got != "alice@example.com" {
		t.Errorf("the app is told the e-mail address %q", got)
	}
	page := w.leave(t, alice)
	if !page.PassedThrough("/v2/logout") {
		t.Errorf("the browser did not pass the provider's sign-out: %s", page)
	}
	w.demandNoWayBack(t, alice)
}

// TestProviders_MockServer_ForgedTokensAreRefused: what a signature that verifies must not
// carry all the same. Nobody is let in, and nobody's data are asked for with its token.
func TestProviders_MockServer_ForgedTokensAreRefused(t *testing.T) {
	for _, forgery := range []string{
		"none", "another audience", "another issuer", "no subject", "another nonce", "issued in the future", "expired", "no expiry", "userinfo of another",
	} {
		t.Run(forgery, func(t *testing.T) {
			w := newElsewhere(t, "oauth2-mock-server", "oidc", func(a *abroad) {
				a.provider.Record = object{"client": object{"auth": "client_secret_post"}}
				a.client.More = map[string]string{"FORGERY": forgery}
			})
			p := env.NewPerson(t, "alice", nil)
			page := p.Open(t, w.URL+"/")
			switch in := page.Has(`id="who"`); {
			case forgery == "none" && !in:
				t.Errorf("the good token was refused: %s\n%s", page, w.LogTail())
			case forgery != "none" && (in || page.Status < 400 || page.Status >= 500 && page.Status != http.StatusBadGateway):
				t.Errorf("want a problem page: %s", page)
			case forgery != "none" && strings.Contains(page.Body, "mallory"):
				t.Error("the page repeats what the provider wrote")
			}
		})
	}
}

// TestProviders_Hydra: the real one keeps people signed in, wants a hint for a return, and
// posts logout tokens without exp and of the type JWT.
func TestProviders_Hydra(t *testing.T) {
	w := newElsewhere(t, "hydra", "hydra", func(a *abroad) {
		a.provider.Issuer = "/"
		a.client.BackChannel = "yes"
	})
	alice := w.enter(t, "alice", nil)
	// On the database that it has in memory Hydra was seen to answer a logout with an error
	// while it revokes: the browser goes there when our revocation has come through.
	alice.StopAt = w.at
	away := alice.SignOut(t, w.URL)
	alice.StopAt = ""
	if !strings.HasPrefix(away.URL.String(), w.at) {
		t.Fatalf("the browser was not led to the provider: %s", away)
	}
	harness.Eventually(t, patient, "the revocation", func() bool { return w.delivered("revoke-token") })
	page := w.through(t, alice, alice.Open(t, away.URL.String()))
	w.demandSignedOutPage(t, page)
	w.demandNoSession(t, alice)
	if got := providerOutcome(page); got != "done" {
		t.Errorf("the receipt says %q of the session at the provider: %s", got, page.Text())
	}
	w.demandNoWayBack(t, alice)

	bob := w.enter(t, "bob", nil)
	if _, err := w.obey(bob, bob.Open(t, w.at+"/oauth2/sessions/logout")); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, patient, "the end of the session here", func() bool { return w.user(t, bob) == "" })
	w.demandNoWayBack(t, bob)
}
