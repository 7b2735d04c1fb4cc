package oidc

import "time"

// Tokens is what a token endpoint answered (RFC 6749 section 5.1).
// Every string in it is a secret: it is sealed at rest and never logged.
type Tokens struct {
	AccessToken  string    `json:"access_token,omitempty"`
	TokenType    string    `json:"token_type,omitempty"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	IDToken      string    `json:"id_token,omitempty"`
	Scope        string    `json:"scope,omitempty"`
	Expiry       time.Time `json:"expiry,omitzero"` // of the access token; zero when the provider did not say
}

// Merge returns t completed by what a refresh answer left out: providers may omit
// refresh_token and id_token, and the old ones then stay valid (RFC 6749 section 6,
// OpenID Connect Core section 12.2).
func (t Tokens) Merge(old Tokens) Tokens {
	if t.RefreshToken == "" {
		t.RefreshToken = old.RefreshToken
	}
	if t.IDToken == "" {
		t.IDToken = old.IDToken
	}
	if t.Scope == "" {
		t.Scope = old.Scope
	}
	return t
}

// Identity names a person at a provider: issuer and subject, compared byte for byte
// (OpenID Connect Core section 5.7).
type Identity struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
}

// Authentication is a verified answer of a provider about a person.
type Authentication struct {
	Identity Identity
	SID      string    // the provider's session id, empty when it sends none
	AuthTime time.Time // zero when the provider did not say
	ACR      string
	AMR      []string
	Claims   Claims // ID token and userinfo merged; data: pictures dropped
	Profile  Profile
	Tokens   Tokens
	// Picture is where the person's picture is: Profile.Picture, or a data: URL, which no
	// record, token, cookie or header ever holds. It is for the avatar alone.
	Picture string
}

// Profile is what the provider's record makes of the claims.
type Profile struct {
	PreferredUsername string   `json:"preferred_username,omitempty"`
	Name              string   `json:"name,omitempty"`
	Email             string   `json:"email,omitempty"`          // as sent, believed or not
	EmailBelieved     bool     `json:"email_believed,omitempty"` // by the record's email_verified rule
	Groups            []string `json:"groups,omitempty"`
	// GroupsUnknown says that the groups were asked for and could not be had.
	GroupsUnknown bool   `json:"groups_unknown,omitempty"`
	Picture       string `json:"picture,omitempty"` // an address: https, or http where provider and picture are on this machine
}
