package devprovider

import (
	"encoding/json"
	"net/http"
	"slices"
)

// discovery serves the provider configuration (OIDC Discovery 4.2, RP-Initiated Logout 2.1,
// Back-Channel Logout 2.1, Front-Channel Logout 3, RFC 8414 section 2, RFC 9207 section 3).
func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	p.counters.Discoveries++
	var algs []string
	for _, key := range p.keys {
		if !slices.Contains(algs, key.Alg) {
			algs = append(algs, key.Alg)
		}
	}
	p.mu.Unlock()
	doc := map[string]any{
		"issuer":                                         p.opts.Issuer,
		"authorization_endpoint":                         p.base + "/authorize",
		"token_endpoint":                                 p.base + "/token",
		"userinfo_endpoint":                              p.base + "/userinfo",
		"jwks_uri":                                       p.base + "/jwks",
		"revocation_endpoint":                            p.base + "/revoke",
		"end_session_endpoint":                           p.base + "/end-session",
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
		"frontchannel_logout_supported":                  true,
		"frontchannel_logout_session_supported":          true,
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query", "form_post"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          algs,
		"token_endpoint_auth_methods_supported":          []string{authBasic, authPost, "none"},
		"revocation_endpoint_auth_methods_supported":     []string{authBasic, authPost, "none"},
		"code_challenge_methods_supported":               []string{"S256"},
		"scopes_supported":                               []string{"openid", "profile", "email", "groups", "offline_access"},
		"prompt_values_supported":                        p.opts.Prompts,
		"ui_locales_supported":                           []string{"en", "zh"},
		"claims_supported":                               claimNames(),
		"authorization_response_iss_parameter_supported": true,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
	}
	if change := p.faults().Discovery; change != nil {
		change(doc)
	}
	writeJSON(w, http.StatusOK, doc)
}

func claimNames() []string {
	return []string{
		"iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "sid", "at_hash",
		"name", "preferred_username", "picture", "email", "email_verified", "groups",
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(data) // a client that has gone is not told
}

// failed answers 500 for a fault of the provider itself.
func (p *Provider) failed(w http.ResponseWriter, err error) {
	p.opts.Logger.Error("development provider failed", "cause", err.Error())
	writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
}
