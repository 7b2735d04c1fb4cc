package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cardea-auth/cardea/internal/oidc"
)

const (
	maxClaims      = 128 << 10 // of one document, after pictures and long texts went
	maxClaimText   = 16 << 10
	maxClaimDepth  = 16
	maxName        = 256
	maxEmail       = 320
	maxGroups      = 2000
	maxPicture     = 2048
	maxGroupLength = 256
)

// parseClaims reads a claims document (an ID token's payload or a userinfo answer). Texts
// that would only weigh are dropped: data: pictures, which would end in every record and
// header that claims are copied into, and what is longer than any claim that decides
// something. Integers that a float64 cannot hold become strings.
func parseClaims(raw []byte) (oidc.Claims, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil || doc == nil {
		return nil, errors.New("claims are not a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("claims are followed by something else")
	}
	c := cleaner{}
	claims := oidc.Claims(c.object(doc, 0))
	if c.size > maxClaims {
		return nil, errors.New("claims are too large")
	}
	return claims, nil
}

type cleaner struct{ size int }

func (c *cleaner) object(in map[string]any, depth int) map[string]any {
	out := make(map[string]any, len(in))
	for name, v := range in {
		if v, keep := c.value(v, depth+1); keep {
			out[name] = v
			c.size += len(name)
		}
	}
	return out
}

func (c *cleaner) value(v any, depth int) (any, bool) {
	if depth > maxClaimDepth {
		return nil, false
	}
	c.size += 8
	switch v := v.(type) {
	case string:
		if isDataURL(v) || len(v) > maxClaimText {
			return nil, false
		}
		c.size += len(v)
		return v, true
	case json.Number:
		return number(v)
	case map[string]any:
		return c.object(v, depth), true
	case []any:
		list := make([]any, 0, len(v))
		for _, m := range v {
			if m, keep := c.value(m, depth+1); keep {
				list = append(list, m)
			}
		}
		return list, true
	}
	return v, true
}

func isDataURL(s string) bool {
	return len(s) >= 5 && strings.EqualFold(s[:5], "data:")
}

func number(n json.Number) (any, bool) {
	const exact = 1 << 53
	if i, err := n.Int64(); err == nil && (i > exact || i < -exact) {
		return n.String(), true
	}
	f, err := n.Float64()
	if err != nil { // out of range: saturated
		if math.IsInf(f, 0) {
			return math.Copysign(math.MaxFloat64, f), true
		}
		return nil, false
	}
	return f, true
}

// merge lays userinfo over the ID token's claims. What the signature of the ID token
// vouches for about the sign-in itself stays.
func merge(idToken, userinfo oidc.Claims) oidc.Claims {
	if userinfo == nil {
		return idToken
	}
	merged := make(oidc.Claims, len(idToken)+len(userinfo))
	for name, v := range userinfo {
		merged[name] = v
	}
	for name, v := range idToken {
		_, both := merged[name]
		if !both || protocolClaim(name) {
			merged[name] = v
		}
	}
	return merged
}

// protocolClaim tells whether a claim is about the token and the sign-in, not the person.
func protocolClaim(name string) bool {
	switch name {
	case "iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "auth_time", "acr", "amr", "sid", "at_hash", "c_hash", "tid", "oid":
		return true
	}
	return false
}

func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
}

// text returns a claim as text: a string, or a number written plainly.
func text(c oidc.Claims, path string) string {
	v, _ := c.At(path)
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
