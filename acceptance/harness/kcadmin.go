package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/realm"
)

// Admin is a small client of Keycloak's admin REST API, for one realm.
// It is safe for concurrent use.
type Admin struct {
	Realm string

	base   string
	client *http.Client
	mu     sync.Mutex
	token  string
	until  time.Time
}

func newAdmin(base, realmName string) *Admin {
	return &Admin{Realm: realmName, base: base, client: &http.Client{Timeout: 2 * patience}}
}

// ForRealm returns a client for another realm of the same Keycloak.
func (a *Admin) ForRealm(name string) *Admin { return newAdmin(a.base, name) }

// forget drops the admin's token and connections, for a Keycloak about to stop.
func (a *Admin) forget() {
	a.mu.Lock()
	a.token = ""
	a.mu.Unlock()
	a.client.CloseIdleConnections()
}

func (a *Admin) bearer() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && time.Now().Before(a.until) {
		return a.token, nil
	}
	res, err := a.client.PostForm(a.base+"/realms/master/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"},
		"username": {adminUser}, "password": {adminPassword},
	})
	if err != nil {
		return "", fmt.Errorf("signing in as Keycloak's admin: %w", err)
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		return "", fmt.Errorf("signing in as Keycloak's admin: status %d, %w", res.StatusCode, errors.Join(err))
	}
	a.token, a.until = answer.AccessToken, time.Now().Add(30*time.Second)
	return a.token, nil
}

// do calls the admin API. path is below /admin/realms; out may be nil.
func (a *Admin) do(method, path string, in, out any) error {
	token, err := a.bearer()
	if err != nil {
		return err
	}
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, a.base+"/admin/realms"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("keycloak admin %s %s: %w", method, path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("keycloak admin %s %s: %w", method, path, err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("keycloak admin %s %s: status %d: %s", method, path, res.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// Client says how an OIDC client is registered for a test.
type Client struct {
	ID            string
	Secret        string
	RedirectURIs  []string
	PostLogout    []string
	TokenLifespan time.Duration // of access tokens; 0 is the realm's
	BackChannel   string        // where logout tokens are posted; "" for nowhere
	FrontChannel  string        // which address frames are loaded from; "" for none
	Base          []byte        // representation to start from; nil is realm.CardeaClient
}

// Register makes the client in the realm. It stays: the realm goes with the run.
func (a *Admin) Register(t testing.TB, c Client) {
	t.Helper()
	base := c.Base
	if base == nil {
		base = realm.CardeaClient
	}
	var rep map[string]any
	if err := json.Unmarshal(base, &rep); err != nil {
		t.Fatalf("reading the client representation: %v", err)
	}
	rep["clientId"], rep["secret"], rep["redirectUris"] = c.ID, c.Secret, c.RedirectURIs
	attributes, _ := rep["attributes"].(map[string]any)
	if len(c.PostLogout) > 0 {
		attributes["post.logout.redirect.uris"] = strings.Join(c.PostLogout, "##")
	}
	if c.TokenLifespan > 0 {
		attributes["access.token.lifespan"] = fmt.Sprint(int(c.TokenLifespan.Seconds()))
	}
	if c.BackChannel != "" {
		attributes["backchannel.logout.url"] = c.BackChannel
		attributes["backchannel.logout.session.required"] = "true"
	}
	if c.FrontChannel != "" {
		rep["frontchannelLogout"] = true
		attributes["frontchannel.logout.url"] = c.FrontChannel
		attributes["frontchannel.logout.session.required"] = "true"
	}
	if err := a.do(http.MethodPost, "/"+a.Realm+"/clients", rep, nil); err != nil {
		t.Fatal(err)
	}
}

// SetTokenLifespan makes the access tokens that a client is given from now on live that long.
func (a *Admin) SetTokenLifespan(t testing.TB, client string, life time.Duration) {
	t.Helper()
	var list []map[string]any
	if err := a.do(http.MethodGet, "/"+a.Realm+"/clients?clientId="+url.QueryEscape(client), nil, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 {
		t.Fatalf("keycloak knows %d clients called %s", len(list), client)
	}
	attributes, _ := list[0]["attributes"].(map[string]any)
	attributes["access.token.lifespan"] = fmt.Sprint(int(life.Seconds()))
	if err := a.do(http.MethodPut, fmt.Sprintf("/%s/clients/%v", a.Realm, list[0]["id"]), list[0], nil); err != nil {
		t.Fatal(err)
	}
}

// MakeRealm imports the realm acme again under this client's realm name, with its
// own public address, so that the issuer stays the same whichever way it is reached.
func (a *Admin) MakeRealm(t testing.TB, frontend string) {
	t.Helper()
	var rep map[string]any
	if err := json.Unmarshal(realm.Acme, &rep); err != nil {
		t.Fatalf("reading the realm: %v", err)
	}
	rep["realm"] = a.Realm
	rep["attributes"] = map[string]any{"frontendUrl": frontend}
	if err := a.do(http.MethodPost, "", rep, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.do(http.MethodDelete, "/"+a.Realm, nil, nil); err != nil {
			t.Errorf("removing the realm: %v", err)
		}
	})
}

// UserID returns Keycloak's id of a person.
func (a *Admin) UserID(t testing.TB, username string) string {
	t.Helper()
	var users []struct {
		ID string `json:"id"`
	}
	if err := a.do(http.MethodGet, "/"+a.Realm+"/users?exact=true&username="+url.QueryEscape(username), nil, &users); err != nil {
		t.Fatal(err)
	}
	if len(users) != 1 {
		t.Fatalf("keycloak knows %d people called %s", len(users), username)
	}
	return users[0].ID
}

// UserSession is one of Keycloak's sessions of a person.
type UserSession struct {
	ID      string            `json:"id"`
	Clients map[string]string `json:"clients"` // internal id -> client id
}

// Sessions lists a person's sessions in which the client takes part; with an
// empty client, all of them.
func (a *Admin) Sessions(t testing.TB, username, client string) []UserSession {
	t.Helper()
	var all, with []UserSession
	if err := a.do(http.MethodGet, "/"+a.Realm+"/users/"+a.UserID(t, username)+"/sessions", nil, &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		match := client == ""
		for _, id := range s.Clients {
			match = match || id == client
		}
		if match {
			with = append(with, s)
		}
	}
	return with
}

// EndSession deletes one of Keycloak's sessions as an administrator would.
func (a *Admin) EndSession(t testing.TB, id string) {
	t.Helper()
	if err := a.do(http.MethodDelete, "/"+a.Realm+"/sessions/"+id, nil, nil); err != nil {
		t.Fatal(err)
	}
}

// GrantRole gives a user a role of the realm.
func (a *Admin) GrantRole(t testing.TB, username, role string) {
	t.Helper()
	var rep map[string]any
	if err := a.do(http.MethodGet, "/"+a.Realm+"/roles/"+role, nil, &rep); err != nil {
		t.Fatal(err)
	}
	if err := a.do(http.MethodPost, "/"+a.Realm+"/users/"+a.UserID(t, username)+"/role-mappings/realm", []any{rep}, nil); err != nil {
		t.Fatal(err)
	}
}
