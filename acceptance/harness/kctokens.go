package harness

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
)

// TokenActive asks the realm's introspection endpoint at base, which must be the
// address the token was issued under, whether an access or refresh token lives.
func (k *Keycloak) TokenActive(t testing.TB, base, client, secret, token string) bool {
	t.Helper()
	var answer struct {
		Active bool `json:"active"`
	}
	status := k.tokenCall(t, k.Issuer(base)+"/protocol/openid-connect/token/introspect",
		client, secret, url.Values{"token": {token}}, &answer)
	if status != http.StatusOK {
		t.Fatalf("introspection answered %d", status)
	}
	return answer.Active
}

// TokenRefreshes presents a refresh token and reports whether new tokens came.
// It uses the token up.
func (k *Keycloak) TokenRefreshes(t testing.TB, base, client, secret, token string) bool {
	t.Helper()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	status := k.tokenCall(t, k.Issuer(base)+"/protocol/openid-connect/token", client, secret,
		url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}, &answer)
	return status == http.StatusOK && answer.AccessToken != ""
}

func (k *Keycloak) tokenCall(t testing.TB, endpoint, client, secret string, form url.Values, out any) int {
	t.Helper()
	form.Set("client_id", client)
	form.Set("client_secret", secret)
	res, err := (&http.Client{Timeout: patience}).PostForm(endpoint, form)
	if err != nil {
		t.Fatalf("asking Keycloak of a token: %v", err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		t.Fatalf("reading Keycloak's answer of a token: %v", err)
	}
	return res.StatusCode
}
