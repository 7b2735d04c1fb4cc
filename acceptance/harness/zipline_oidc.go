package harness

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// ziplineOIDC is where a sign-in by OpenID begins and where it comes back to.
const ziplineOIDC = "/api/auth/oauth/oidc"

// ziplineScopes are asked of every provider, whether it knows them or not.
const ziplineScopes = "openid email profile offline_access"

// ziplineAttempt is the state parameter, sealed and bound to the session cookie.
type ziplineAttempt struct {
	Nonce string `json:"nonce"`
	Link  bool   `json:"link"`
}

// ziplineGrant is what the token endpoint answers; the ID token is not looked at.
type ziplineGrant struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// ziplineInfo is what userinfo says.
type ziplineInfo struct {
	Subject   string `json:"sub"`
	Preferred string `json:"preferred_username"`
	Name      string `json:"name"`
	Given     string `json:"given_name"`
	Email     string `json:"email"`
	Picture   string `json:"picture"`
}

func (i ziplineInfo) username() string {
	for _, name := range []string{i.Preferred, i.Name, i.Given, i.Email} {
		if name != "" {
			return name
		}
	}
	return ""
}

// oidc begins a sign-in, or takes the provider's answer.
func (z *Zipline) oidc(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("error") != "":
		ziplineError(w, http.StatusBadRequest, q.Get("error"))
	case q.Get("code") == "":
		z.begin(w, r, q.Get("state") == "link")
	default:
		z.callback(w, r, q)
	}
}

func (z *Zipline) begin(w http.ResponseWriter, r *http.Request, link bool) {
	state := z.state(r)
	state.Nonce, state.Verifier = newZiplineToken(), newZiplineToken()
	z.setState(w, state)
	challenge := sha256.Sum256([]byte(state.Verifier))
	http.Redirect(w, r, z.endpoint("auth")+"?"+url.Values{
		"response_type": {"code"}, "client_id": {z.o.ClientID}, "redirect_uri": {ZiplineCallback(z.URL)},
		"scope":                 {ziplineScopes},
		"state":                 {z.seal.close(ziplineAttempt{state.Nonce, link})},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}.Encode(), http.StatusFound)
}

func (z *Zipline) endpoint(name string) string {
	return z.o.Issuer + "/protocol/openid-connect/" + name
}

func (z *Zipline) callback(w http.ResponseWriter, r *http.Request, q url.Values) {
	var attempt ziplineAttempt
	state := z.state(r)
	if z.seal.open(q.Get("state"), &attempt) != nil || attempt.Nonce == "" || attempt.Nonce != state.Nonce {
		ziplineError(w, http.StatusBadRequest, "invalid state")
		return
	}
	var grant ziplineGrant
	err := z.postForm(r.Context(), z.endpoint("token"), url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {ZiplineCallback(z.URL)},
		"client_id": {z.o.ClientID}, "client_secret": {z.o.ClientSecret}, "code_verifier": {state.Verifier},
	}, &grant)
	if err != nil || grant.Access == "" {
		ziplineError(w, http.StatusBadRequest, fmt.Sprintf("no access token in response (%v)", err))
		return
	}
	var info ziplineInfo
	if err := z.getJSON(r.Context(), z.endpoint("userinfo"), grant.Access, &info); err != nil || info.Subject == "" || info.username() == "" {
		ziplineError(w, http.StatusBadRequest, fmt.Sprintf("failed to fetch user (%v)", err))
		return
	}
	avatar := z.fetchAvatar(r.Context(), info.Picture)

	z.mu.Lock()
	defer z.mu.Unlock()
	user, err := z.settle(r, attempt.Link, info, grant, avatar)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errZiplineUnique) {
			status = http.StatusInternalServerError
		}
		ziplineError(w, status, err.Error())
		return
	}
	if now, row := z.current(r); now == user {
		z.setState(w, ziplineState{User: user.ID, Session: row.ID})
	} else {
		z.open(w, user)
	}
	http.Redirect(w, r, "/dashboard", http.StatusFound)
}

// settle decides whom the provider's account belongs to. The caller holds the lock.
func (z *Zipline) settle(r *http.Request, link bool, info ziplineInfo, grant ziplineGrant, avatar string) (*ziplineUser, error) {
	fresh := ziplineLink{
		Provider: "OIDC", Subject: info.Subject, Username: info.username(), Access: grant.Access, Refresh: grant.Refresh,
	}
	current, _ := z.current(r)
	known := z.linked(info.Subject)
	switch {
	case current != nil && z.linkOf(current.ID) != nil:
		// Whoever comes back from the provider over a session that is already there
		// takes over its user's link, and with it the account.
		mine := z.linkOf(current.ID)
		if known != nil && known != mine {
			return nil, errZiplineUnique
		}
		fresh.User = current.ID
		*mine = fresh
		return current, nil
	case link:
		if current == nil {
			return nil, fmt.Errorf("cannot link account, not logged in")
		}
		if known != nil {
			return nil, errZiplineUnique
		}
		fresh.User = current.ID
		z.links = append(z.links, &fresh)
		return current, nil
	case known != nil:
		fresh.User = known.User
		*known = fresh
		return z.users[known.User], nil
	case !z.o.Registration:
		return nil, fmt.Errorf("user registration is disabled")
	case z.named(info.username()) != nil:
		return nil, fmt.Errorf("username is already taken")
	}
	user := z.addUser(info.username())
	user.Avatar, fresh.User = avatar, user.ID
	z.links = append(z.links, &fresh)
	return user, nil
}

// fetchAvatar returns a picture as a data URL, "" when it cannot be had.
func (z *Zipline) fetchAvatar(ctx context.Context, picture string) string {
	if picture == "" {
		return ""
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, picture, nil)
	if err != nil {
		return ""
	}
	res, err := z.http.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return "data:" + res.Header.Get("Content-Type") + ";base64," + base64.StdEncoding.EncodeToString(data)
}
