package harness

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// AllowOffline gives a person the realm's role offline_access, without which Keycloak
// refuses the token request of whoever asked for that scope. It stays.
func (a *Admin) AllowOffline(t testing.TB, username string) {
	t.Helper()
	var role map[string]any
	if err := a.do(http.MethodGet, "/"+a.Realm+"/roles/offline_access", nil, &role); err != nil {
		t.Fatal(err)
	}
	path := "/" + a.Realm + "/users/" + a.UserID(t, username) + "/role-mappings/realm"
	if err := a.do(http.MethodPost, path, []any{role}, nil); err != nil {
		t.Fatal(err)
	}
}

// StartOfflineOnly stands before Keycloak, the Host kept, and makes of it an issuer
// that gives refresh tokens to none but those whose grant holds offline_access. With
// grant false it grants that scope to nobody and says so nowhere, as RFC 6749 section
// 3.3 lets it. It returns its address, for a Front to stand before.
func StartOfflineOnly(t testing.TB, backend string, grant bool) string {
	t.Helper()
	target, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.Header["Accept-Encoding"] = nil
			if q := r.Out.URL.Query(); !grant && q.Has("scope") {
				q.Set("scope", withoutOffline(q.Get("scope")))
				r.Out.URL.RawQuery = q.Encode()
			}
		},
		ModifyResponse: func(res *http.Response) error {
			if !strings.HasSuffix(res.Request.URL.Path, "/openid-connect/token") || res.StatusCode != http.StatusOK {
				return nil
			}
			return editJSON(res, func(members map[string]any) {
				if scope, _ := members["scope"].(string); !strings.Contains(scope, offlineAccess) {
					delete(members, "refresh_token")
					delete(members, "refresh_expires_in")
				}
			})
		},
	})
	t.Cleanup(server.Close)
	return server.URL
}

const offlineAccess = "offline_access"

func withoutOffline(scopes string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(scopes, offlineAccess, " ")), " ")
}

// editJSON replaces an answer's JSON object.
func editJSON(res *http.Response, edit func(map[string]any)) error {
	var members map[string]any
	err := json.NewDecoder(res.Body).Decode(&members)
	_ = res.Body.Close()
	if err != nil {
		return err
	}
	edit(members)
	data, err := json.Marshal(members)
	if err != nil {
		return err
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	res.Header.Set("Content-Length", strconv.Itoa(len(data)))
	return nil
}
