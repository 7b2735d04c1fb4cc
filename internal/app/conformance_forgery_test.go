package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// supported announces the algorithms of ID tokens.
func supported(algorithms ...string) func(map[string]any) {
	return func(doc map[string]any) { doc["id_token_signing_alg_values_supported"] = algorithms }
}

// signedByKey signs with the provider's key under another key id, "" for none.
func signedByKey(kid string) func(devprovider.SigningKey, map[string]any) (string, error) {
	return func(key devprovider.SigningKey, claims map[string]any) (string, error) {
		return signed(jose.SignatureAlgorithm(key.Alg), key.Signer, "JWT", kid, claims)
	}
}

// signedBySecret signs well, with the client's secret as the key (Core section 10.1).
func signedBySecret(_ devprovider.SigningKey, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding.EncodeToString
	input := enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc(payload)
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(input))
	return input + "." + enc(mac.Sum(nil)), nil
}

// brokenSignature changes one bit of a good signature.
func brokenSignature(alg jose.SignatureAlgorithm, key any) func(devprovider.SigningKey, map[string]any) (string, error) {
	return func(published devprovider.SigningKey, claims map[string]any) (string, error) {
		kid := published.ID
		if alg != jose.SignatureAlgorithm(published.Alg) {
			kid = string(alg)
		}
		token, err := signed(alg, key, "JWT", kid, claims)
		if err != nil {
			return "", err
		}
		at := strings.LastIndexByte(token, '.') + 1
		signature, err := base64.RawURLEncoding.DecodeString(token[at:])
		if err != nil {
			return "", err
		}
		signature[len(signature)/2] ^= 1
		return token[:at] + base64.RawURLEncoding.EncodeToString(signature), nil
	}
}

// publicKey is a member of a key set; its id is its algorithm.
func publicKey(alg string, key any) json.RawMessage {
	raw, err := jose.JSONWebKey{Key: key, KeyID: alg, Algorithm: alg, Use: "sig"}.MarshalJSON()
	if err != nil {
		panic(err)
	}
	return raw
}

func withKey(more ...json.RawMessage) func([]json.RawMessage) []json.RawMessage {
	return func(set []json.RawMessage) []json.RawMessage { return append(set, more...) }
}

// withoutKeyIDs publishes keys that have no id, more of them first.
func withoutKeyIDs(more ...json.RawMessage) func([]json.RawMessage) []json.RawMessage {
	return func(set []json.RawMessage) []json.RawMessage {
		var out []json.RawMessage
		for _, raw := range append(append([]json.RawMessage{}, more...), set...) {
			var key map[string]any
			if json.Unmarshal(raw, &key) == nil {
				delete(key, "kid")
				if bare, err := json.Marshal(key); err == nil {
					out = append(out, bare)
				}
			}
		}
		return out
	}
}

// refuseSecretIn refuses token requests whose secret stands in the header or in the body.
func refuseSecretIn(place string) func(devprovider.Endpoint, *http.Request) *devprovider.Answer {
	return func(e devprovider.Endpoint, req *http.Request) *devprovider.Answer {
		if e != devprovider.Token {
			return nil
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return devprovider.NewAnswer(http.StatusBadRequest, "text/plain", "no body")
		}
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		_, _, inHeader := req.BasicAuth()
		if place == "header" && inHeader || place == "body" && strings.Contains(string(body), "client_secret=") {
			return devprovider.NewAnswer(http.StatusUnauthorized, "application/json", `{"error":"invalid_client"}`)
		}
		return nil
	}
}

// signedUserinfo answers userinfo as a JWT (Core section 5.3.2), which nobody registered for.
func signedUserinfo(keys *signers) func(devprovider.Endpoint, *http.Request, *devprovider.Answer) {
	return func(e devprovider.Endpoint, _ *http.Request, answer *devprovider.Answer) {
		if e != devprovider.UserInfo {
			return
		}
		var claims map[string]any
		if json.Unmarshal(answer.Body, &claims) != nil {
			return
		}
		if token, err := signed(jose.RS256, keys.provider, "JWT", "", claims); err == nil {
			*answer = *devprovider.NewAnswer(http.StatusOK, "application/jwt", token)
		}
	}
}

// keyRelay serves a provider's keys at an address that only its metadata tells.
type keyRelay struct {
	server *httptest.Server
	origin atomic.Value // where the provider itself serves them
	asked  atomic.Int32
}

func newKeyRelay(t *testing.T) *keyRelay {
	r := &keyRelay{}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		from, err := http.NewRequestWithContext(req.Context(), http.MethodGet, r.origin.Load().(string), nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := http.DefaultClient.Do(from)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(r.server.Close)
	return r
}

func (r *keyRelay) announce(doc map[string]any) {
	r.origin.Store(doc["jwks_uri"])
	doc["jwks_uri"] = r.server.URL + "/jwksQwErTyUiOp"
}
