package oidc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxLogoutToken bounds a logout token, in bytes. Real ones have about one thousand; anybody may
// post one, so nothing is decoded that is longer.
const MaxLogoutToken = 64 << 10

// maxIssuer bounds an issuer, which is a URL.
const maxIssuer = 2048

// LogoutToken is a verified logout token (Back-Channel Logout 1.0 section 2.4). At least one of
// Subject and SID is set. With SID alone that one session ended; with Subject alone all sessions of
// the person; with both the session SID, which is that person's.
type LogoutToken struct {
	// Issuer and Subject are as in the Identity of a sign-in.
	Issuer, Subject string
	// SID is the provider's session id.
	SID string
	// ID is the jti: a token is taken once.
	ID string
	// IssuedAt is the provider's iat.
	IssuedAt time.Time
	// Expires is when the token will surely be refused for its age, the tolerance between two
	// clocks included. Until then ID has to be remembered against replay.
	Expires time.Time
}

// IssuerOf returns the iss of a compact JWS that nobody has verified: it serves to find the provider
// whose keys decide. It reports false for what cannot be a logout token: longer than MaxLogoutToken,
// not three parts of strict base64url, a payload that is no JSON object or names a member twice (two
// readers could then see two issuers), an iss that is absent, no string, empty, not printable or
// longer than 2048 bytes.
func IssuerOf(raw string) (string, bool) {
	if len(raw) > MaxLogoutToken || strings.Count(raw, ".") != 2 {
		return "", false
	}
	var payload []byte
	for i, part := range strings.Split(raw, ".") {
		// The decoder skips line ends, so that one token would have many spellings.
		if part == "" && i < 2 || strings.ContainsAny(part, "\r\n") {
			return "", false
		}
		data, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return "", false
		}
		if i == 1 {
			payload = data
		}
	}
	members, ok := distinctMembers(payload)
	if !ok {
		return "", false
	}
	var iss string
	if json.Unmarshal(members["iss"], &iss) != nil || iss == "" || len(iss) > maxIssuer {
		return "", false
	}
	if strings.ContainsFunc(iss, func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }) {
		return "", false
	}
	return iss, true
}

// distinctMembers reads a JSON object whose members all have different names (RFC 7519 section 4),
// compared after unescaping.
func distinctMembers(doc []byte) (map[string]json.RawMessage, bool) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, false
		}
		if _, twice := members[name]; twice {
			return nil, false
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, false
		}
		members[name] = value
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return nil, false
	}
	_, err := dec.Token()
	return members, err == io.EOF
}
