package signout

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// stateOf is the value that the browser of a session takes to the provider. It is made
// from the session's id and a key, so that it can be told again without being stored.
func (o *SignOut) stateOf(id session.ID) string {
	if len(o.o.StateKey) == 0 {
		value, _ := session.NewSeatValue()
		return value
	}
	mac := hmac.New(sha256.New, o.o.StateKey)
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sent remembers, for laterLife, which sessions' browsers have been sent to the
// provider: one that stops there and comes back some other way is not sent again. A
// page that navigates twice at once (the app's script, and ours) keeps only the answer
// to the second, so that for again both lead there.
type sent struct {
	mu sync.Mutex
	at map[session.ID]time.Time
}

const (
	maxSent = 65_536
	again   = 5 * time.Second
)

// done reports whether a session's browser has been sent.
func (s *sent) done(now time.Time, id session.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, sent := s.at[id]
	return sent && now.Sub(at) > again
}

// first reports whether a session's browser is to be sent now.
func (s *sent) first(now time.Time, id session.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, sent := s.at[id]; sent {
		return now.Sub(at) <= again
	}
	if len(s.at) >= maxSent {
		for old, at := range s.at {
			if now.Sub(at) > laterLife {
				delete(s.at, old)
			}
		}
	}
	if len(s.at) >= maxSent {
		return false
	}
	if s.at == nil {
		s.at = map[session.ID]time.Time{}
	}
	s.at[id] = now
	return true
}

// LaterCall returns where a browser goes whose session ended by a script's call to the
// app's own logout: that answer could not lead it to the provider, so its next page
// does, once, within ten minutes.
func (o *SignOut) LaterCall(ctx context.Context, now time.Time, t session.Tombstone) (oidc.BrowserCall, bool) {
	if t.Cause != session.CauseApp || len(o.o.StateKey) == 0 || now.Sub(t.EndedAt) > laterLife || o.sent.done(now, t.Session) {
		return oidc.BrowserCall{}, false
	}
	r, err := o.ReceiptOf(ctx, t.Session)
	if err != nil || !r.Browser || !r.Returned.IsZero() {
		return oidc.BrowserCall{}, false
	}
	d, ok := o.kept(ctx, t.Session)
	if !ok {
		return oidc.BrowserCall{}, false
	}
	call, ok := o.BrowserCall(ctx, Result{Receipt: r, StateValue: o.stateOf(t.Session), session: &session.Session{
		ID: t.Session, Provider: r.Provider, Identity: d.Identity, SID: d.SID, Client: d.Client, Grant: session.Grant{Tokens: d.Tokens},
	}})
	// A provider that does not answer just now does not use the one visit up.
	if !ok || !o.sent.first(now, t.Session) {
		return oidc.BrowserCall{}, false
	}
	return call, true
}

// kept is what the outbox still holds for the provider's logout.
func (o *SignOut) kept(ctx context.Context, id session.ID) (delivery, bool) {
	entries, err := o.o.Outbox.BySession(ctx, string(id))
	if err != nil {
		o.o.Logger.Warn("what is kept for the provider's logout cannot be read", "session", id, "err", err)
		return delivery{}, false
	}
	for _, e := range entries {
		if e.Kind != outbox.KindEndSession || e.State != outbox.Pending {
			continue
		}
		var d delivery
		err := json.Unmarshal(e.Payload, &d)
		return d, err == nil
	}
	return delivery{}, false
}
