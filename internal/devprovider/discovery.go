package devprovider

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// discovery serves the provider configuration (OIDC Discovery 4.2, RP-Initiated Logout 2.1,
// Back-Channel Logout 2.1, Front-Channel Logout 3, RFC 8414 section 2, RFC 9207 section 3).
func (p *Provider) discovery(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.counters.Discoveries++
	var algs []string
	for _, key := range p.keys {
		if !slices.Contains(algs, key.Alg) {
			algs = append(algs, key.Alg)
		}
	}
	p.mu.Unlock()
	doc := p.metadata(algs)
	doc["issuer"] = p.follow(r, p.metadataIssuer())
	if change := p.faults().Discovery; change != nil {
		change(doc)
	}
	writeJSON(w, http.StatusOK, doc)
}

// metadata is the document but for the issuer.
func (p *Provider) metadata(algs []string) map[string]any {
	scopes := []string{"openid", "profile", "email", "groups", "offline_access"}
	if p.strict {
		scopes = p.knownScopes()
		// A metadata document lists what the provider can do for any client.
		algs = slices.Compact(slices.Sorted(slices.Values(append(algs, RS256, ES256))))
	}
	n := p.rec.Notices
	doc := map[string]any{
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query", "form_post"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          algs,
		"token_endpoint_auth_methods_supported":          p.offeredAuth(),
		"revocation_endpoint_auth_methods_supported":     p.offeredAuth(),
		"scopes_supported":                               scopes,
		"prompt_values_supported":                        p.opts.Prompts,
		"ui_locales_supported":                           []string{"en", "zh"},
		"claims_supported":                               claimNames(),
		"authorization_response_iss_parameter_supported": p.rec.Issuer.Param == record.IssParamRequired,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
	}
	for name, said := range map[string]record.Known{
		"backchannel_logout_supported": n.BackChannel, "frontchannel_logout_supported": n.FrontChannel,
	} {
		if said != record.No {
			doc[name] = true
			doc[strings.Replace(name, "_supported", "_session_supported", 1)] = p.sid()
		}
	}
	if p.rec.Client.PKCE != record.PKCEOff {
		doc["code_challenge_methods_supported"] = []string{"S256"}
	}
	if len(p.opts.ACRs) > 0 {
		doc["acr_values_supported"] = p.opts.ACRs
	}
	p.nameEndpoints(doc)
	for _, member := range p.rec.Recognise.Members {
		name, text, _ := strings.Cut(member, "=")
		if _, there := doc[name]; !there {
			doc[name] = text
		}
	}
	return doc
}

// nameEndpoints puts the endpoints into the metadata, but for those that no standard parameters work
// at.
func (p *Provider) nameEndpoints(doc map[string]any) {
	for name, e := range map[string]Endpoint{
		"authorization_endpoint": Authorize, "token_endpoint": Token, "userinfo_endpoint": UserInfo, "jwks_uri": Keys,
		"revocation_endpoint": Revocation, "end_session_endpoint": EndSession,
	} {
		if p.at[e] == "" || e == EndSession && p.rec.SignOut.Kind != record.SignOutOIDC || e == Revocation && p.rec.Revocation.Kind != record.RevocationRFC7009 {
			continue
		}
		doc[name] = p.at[e]
	}
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
