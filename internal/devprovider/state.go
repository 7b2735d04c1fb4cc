package devprovider

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"time"
)

// state is what a restart keeps where a state file is set. Cookies and tokens are in it as their
// SHA-256 only.
type state struct {
	Keys     []storedKey         `json:"keys"`
	Sessions map[string]*session `json:"sessions"` // by sid
	Grants   map[string]*grant   `json:"grants"`   // by grant ID
	Tokens   map[string]*token   `json:"tokens"`   // by the token's hash
	Consents map[string][]string `json:"consents"` // by consentKey, the scopes
	swept    time.Time
}

// session is one browser's sign-in at the provider.
type session struct {
	SID      string    `json:"sid"`
	Cookie   string    `json:"cookie"` // hash of the cookie's value
	Subject  string    `json:"sub"`
	AuthTime time.Time `json:"auth_time"`
	Expires  time.Time `json:"expires"`
	// Clients are those that redeemed a code of this sign-in. Their part in it outlives their
	// tokens: they are told when it ends.
	Clients []string `json:"clients,omitempty"`
	// ACR is the authentication class of the sign-in; "" where the provider has none.
	ACR string `json:"acr,omitempty"`
	// Forced says that a prompt made this person give credentials again.
	Forced bool `json:"forced,omitempty"`
}

// grant is what one authorization gave one client. All tokens of it die with it.
type grant struct {
	ID       string    `json:"id"`
	ClientID string    `json:"client_id"`
	Subject  string    `json:"sub"`
	SID      string    `json:"sid"`
	Scope    []string  `json:"scope"`
	AuthTime time.Time `json:"auth_time"`
	Expires  time.Time `json:"expires"`
	ACR      string    `json:"acr,omitempty"`
	// RedirectURI is that of the sign-in; some providers want it repeated.
	RedirectURI string `json:"redirect_uri,omitempty"`
	// GivenAt is when the last tokens were given.
	GivenAt time.Time `json:"given_at,omitzero"`
	// Refreshable says that the sign-in asked for all that a refresh token needs.
	Refreshable bool `json:"refreshable,omitempty"`
}

func (g *grant) offline() bool { return slices.Contains(g.Scope, "offline_access") }

type tokenKind string

const (
	accessToken  tokenKind = "access"
	refreshToken tokenKind = "refresh"
)

type token struct {
	Kind    tokenKind `json:"kind"`
	GrantID string    `json:"grant"`
	Expires time.Time `json:"expires"`
	// Used is when a rotated refresh token was exchanged; zero while it is good.
	Used time.Time `json:"used,omitzero"`
}

// code is an authorization code. Codes are not kept over a restart: they live for a minute.
type code struct {
	grant       *grant
	redirectURI string
	challenge   string
	nonce       string
	expires     time.Time
	used        bool
}

func newState() *state {
	return &state{
		Sessions: map[string]*session{},
		Grants:   map[string]*grant{},
		Tokens:   map[string]*token{},
		Consents: map[string][]string{},
	}
}

// randomValue returns 256 random bits, base64url.
func randomValue() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hashOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

func consentKey(subject, clientID string) string { return subject + "\x00" + clientID }

// sessionByCookie returns the live session a cookie value names.
func (s *state) sessionByCookie(value string, now time.Time) *session {
	if value == "" {
		return nil
	}
	hash := hashOf(value)
	for _, sess := range s.Sessions {
		if sess.Cookie == hash && now.Before(sess.Expires) {
			return sess
		}
	}
	return nil
}

// endSession forgets a sign-in and the grants it gave; offline ones are kept if keepOffline. It
// returns the sign-in, or nil where there was none.
func (s *state) endSession(sid string, keepOffline bool) *session {
	ended := s.Sessions[sid]
	delete(s.Sessions, sid)
	for _, g := range s.Grants {
		if g.SID == sid && !(keepOffline && g.offline()) {
			s.endGrant(g.ID)
		}
	}
	return ended
}

// endGrant forgets a grant; its tokens are unknown from here on.
func (s *state) endGrant(id string) {
	delete(s.Grants, id)
	for hash, t := range s.Tokens {
		if t.GrantID == id {
			delete(s.Tokens, hash)
		}
	}
}

// endTokens forgets a grant's tokens of one kind.
func (s *state) endTokens(grantID string, kind tokenKind) {
	for hash, t := range s.Tokens {
		if t.GrantID == grantID && t.Kind == kind {
			delete(s.Tokens, hash)
		}
	}
}

// liveToken returns an unexpired token and its grant. A used refresh token is returned too: the
// caller decides what its reuse means.
func (s *state) liveToken(value string, kind tokenKind, now time.Time) (*token, *grant) {
	t := s.Tokens[hashOf(value)]
	if t == nil || t.Kind != kind || !now.Before(t.Expires) {
		return nil, nil
	}
	g := s.Grants[t.GrantID]
	if g == nil || !now.Before(g.Expires) {
		return nil, nil
	}
	return t, g
}

// sweep drops what has expired, at most once a minute.
func (s *state) sweep(now time.Time) {
	if now.Sub(s.swept) < time.Minute {
		return
	}
	s.swept = now
	for sid, sess := range s.Sessions {
		if !now.Before(sess.Expires) {
			delete(s.Sessions, sid)
		}
	}
	for hash, t := range s.Tokens {
		if !now.Before(t.Expires) {
			delete(s.Tokens, hash)
		}
	}
	for id, g := range s.Grants {
		if !now.Before(g.Expires) {
			s.endGrant(id)
		}
	}
}
