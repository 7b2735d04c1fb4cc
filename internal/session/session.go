package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// ID names a session in logs, in the admin API and between packages. It is not a
// secret and opens nothing: browsers hold seat values instead.
type ID string

// NewID returns at least 128 random bits in lower-case base32.
func NewID() ID { return ID(strings.ToLower(rand.Text())) }

// Session is one browser's sign-in. A *Session handed out by a store or a cache is
// shared between goroutines and never changed: whoever updates one writes a copy.
type Session struct {
	ID       ID
	Account  string // account id
	Handle   string // the account's handle, as apps see it
	Provider string // provider id in the configuration
	Identity oidc.Identity
	SID      string // the provider's session id; "" when it sends none
	Client   string // mark of the Client that it was opened as; "" for one from before these were kept

	CreatedAt time.Time
	AuthTime  time.Time // when the person last authenticated; CreatedAt where the provider does not say
	SeenAt    time.Time // last activity; may lag behind by the coalescing interval
	Limits    Limits    // the session's own: the widest of all apps

	UserAgent string // of the browser that signed in, bounded
	Address   string // of the client that signed in

	Version int64 // of the record; every stored change adds one

	// Sealed at rest.
	ACR     string // class of the authentication at AuthTime, as a verified ID token named it; "" when none did
	Claims  oidc.Claims
	Profile oidc.Profile
	Grant   Grant
}

// Limits bound a session in time. A zero field sets no limit.
type Limits struct {
	Idle     time.Duration
	Absolute time.Duration
}

// Widest returns the limits that satisfy both l and o.
func (l Limits) Widest(o Limits) Limits {
	return Limits{Idle: wider(l.Idle, o.Idle), Absolute: wider(l.Absolute, o.Absolute)}
}

func wider(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}

// Within tells whether a session created and last seen at the given times is within l
// at now.
func (l Limits) Within(created, seen, now time.Time) bool {
	if l.Absolute > 0 && !now.Before(created.Add(l.Absolute)) {
		return false
	}
	return l.Idle == 0 || now.Before(seen.Add(l.Idle))
}

// IdleUntil and AbsoluteUntil return when the session's own limits end it; the zero
// time means never.
func (s *Session) IdleUntil() time.Time { return after(s.SeenAt, s.Limits.Idle) }

// AbsoluteUntil is described at IdleUntil.
func (s *Session) AbsoluteUntil() time.Time { return after(s.CreatedAt, s.Limits.Absolute) }

func after(t time.Time, d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return t.Add(d)
}

// Touch records activity of a session.
type Touch struct {
	ID     ID
	SeenAt time.Time
}

// Filter selects sessions for listing; empty fields select all. Results are ordered
// by id and start after After.
type Filter struct {
	Account  string
	Provider string
	Identity oidc.Identity // the issuer alone, or both
	SID      string        // with Identity.Issuer
	// Origin: the session has a seat there. One that begins its host with "*." stands for
	// every name with one label more.
	Origin string
	Jar    string // cookies are kept for the session of the app with this id
	After  ID
	Limit  int
}

// PageMark names the person that a page was made for: a page that is still open when
// somebody else has signed in on the same browser is told by it. It is no secret and
// stays the same when the session goes on under another id.
func (s *Session) PageMark() string {
	sum := sha256.Sum256([]byte("page\x00" + s.Account))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}
