package oidc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"time"
)

// AuthorizationRequest is what varies between two authorization requests to one
// provider (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1). The
// provider's record decides how Fresh and Silent are expressed.
type AuthorizationRequest struct {
	RedirectURI   string
	State         string
	Nonce         string
	CodeChallenge string        // S256
	Fresh         bool          // the person must authenticate anew
	Silent        bool          // prompt=none; never together with Fresh
	MaxAge        time.Duration // zero: not asked for
	ACRValues     []string      // of which the answer must have one; nil: not asked for
	LoginHint     string
	UILocales     string // languages that the person chose, BCP 47, separated by blanks; "": none
	IDTokenHint   string // with Silent: names the person expected
}

// CodeExchange is a callback's code with what the answer must satisfy.
type CodeExchange struct {
	Code         string
	RedirectURI  string
	CodeVerifier string
	Nonce        string
	Iss          string // the iss response parameter (RFC 9207); "" when absent
	User         string // what the provider posted beside the code, where its record says so; unsigned
	Fresh        bool   // the request was made with Fresh
	MaxAge       time.Duration
	ACRValues    []string
	RequestedAt  time.Time // when the authorization request left
}

// EndSessionRequest asks for a provider's logout (RP-Initiated Logout section 2).
type EndSessionRequest struct {
	IDToken               string // the hint; "" when none was kept
	SID                   string
	Subject               string
	PostLogoutRedirectURI string
	State                 string
	RefreshToken          string // for providers whose server-side logout takes it
}

// BrowserCall is a request that the browser is to make: a GET of URL, or, where Form
// is not nil, a POST of Form to URL.
type BrowserCall struct {
	URL  string
	Form url.Values
}

// RandomValue returns 256 random bits, base64url without padding (43 characters).
func RandomValue() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails; it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// S256 returns the code challenge of a verifier (RFC 7636 section 4.2).
func S256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
