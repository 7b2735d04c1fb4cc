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

// headerFault says why a header's name cannot be given to an app.
func headerFault(name string) (message, fix string) {
	lower := strings.ToLower(name)
	switch {
	case !validToken(name):
		return "is not a header's name", "write letters, digits and dashes"
	case strings.Contains(name, "_"):
		return "has an underscore, which many servers read as a dash", "write " + strings.ReplaceAll(name, "_", "-")
	case lower == "set":
		return "names a ready set only in lower case", "write set"
	case strings.HasPrefix(lower, "x-cardea-"):
		return "is one of Cardea's own headers", "take another name"
	case reservedHeader(lower):
		return "belongs to HTTP or to the proxy itself", "take another name, such as X-Forwarded-User"
	}
	return "", ""
}

func reservedHeader(lower string) bool {
	for _, prefix := range []string{"sec-", "proxy-", "content-", "access-control-", "if-"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return contains(strings.Fields(`accept accept-encoding authorization cache-control connection cookie cookie2 date
		expect forwarded host http2-settings keep-alive origin pragma priority range referer set-cookie te trailer
		transfer-encoding upgrade user-agent via x-accel-redirect x-forwarded-for x-forwarded-host x-forwarded-method
		x-forwarded-port x-forwarded-proto x-forwarded-server x-forwarded-uri x-http-method-override
		x-original-method x-original-uri x-original-url x-real-ip x-rewrite-url`), lower)
}

// validToken is RFC 9110 section 5.6.2.
func validToken(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r) {
			return false
		}
	}
	return true
}
