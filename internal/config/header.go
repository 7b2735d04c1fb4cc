package config

import (
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/strict"
)

// HeaderSource says what an identity header carries: account, handle, subject,
// email, name, groups, id_token, access_token, or claim:PATH.
type HeaderSource string

// The words of HeaderSource; a claim is written claim:PATH.
const (
	HeaderAccount     HeaderSource = "account"
	HeaderHandle      HeaderSource = "handle"
	HeaderSubject     HeaderSource = "subject"
	HeaderEmail       HeaderSource = "email"
	HeaderName        HeaderSource = "name"
	HeaderGroups      HeaderSource = "groups"
	HeaderIDToken     HeaderSource = "id_token"
	HeaderAccessToken HeaderSource = "access_token"
)

const claimPrefix = "claim:"

func headerWords() []string {
	return []string{"account", "handle", "subject", "email", "name", "groups", "id_token", "access_token", claimPrefix + "PATH"}
}

// Claim gives the path of a claim:PATH source.
func (s HeaderSource) Claim() (record.ClaimPath, bool) {
	p, ok := strings.CutPrefix(string(s), claimPrefix)
	return record.ClaimPath(p), ok
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *HeaderSource) UnmarshalText(text []byte) error {
	if p, ok := strings.CutPrefix(string(text), claimPrefix); ok {
		if _, err := record.ParseClaimPath(p); err != nil {
			return err
		}
		*s = HeaderSource(text)
		return nil
	}
	if message, fix, bad := strict.CheckWord(string(text), headerWords()); bad {
		return problem(message, fix)
	}
	*s = HeaderSource(text)
	return nil
}

// CORSOrigin is an origin in its serialised form, or "*".
type CORSOrigin string

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *CORSOrigin) UnmarshalText(text []byte) error {
	if string(text) == "*" {
		*c = "*"
		return nil
	}
	o, err := ParseOrigin(string(text))
	if err != nil {
		return err
	}
	*c = CORSOrigin(o.String())
	return nil
}
