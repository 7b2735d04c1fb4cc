package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// Notices say what of a provider's messages about ended sessions can be believed.
type Notices interface {
	// LogoutToken verifies a logout token and names the provider that it is of. Errors wrap
	// oidc.ErrRefused, or are an *oidc.UnreachableError where the keys cannot be had.
	LogoutToken(ctx context.Context, raw string) (provider string, t oidc.LogoutToken, err error)
	// FrontChannel returns the issuer that a frame's call is about: iss must be the
	// provider's, and may be "" only where the provider sends none.
	FrontChannel(provider, iss string) (issuer string, ok bool)
}

const (
	// maxNotice bounds a posted logout token.
	maxNotice = oidc.MaxLogoutToken
	// noticesAtOnce bounds how many are verified at the same moment; suspectsAtOnce how many
	// of these may be from addresses that sent bad ones.
	noticesAtOnce  = 16
	suspectsAtOnce = 2
	// remembered is how long after its time a token's id is known to have been used.
	remembered = 2 * time.Minute
	// badNotices is what one address may send within badWindow before it is suspect.
	badNotices = 20
	badWindow  = 10 * time.Second
	maxSenders = 4096
)

// notices bounds what strangers can make the gateway do by pretending to be a provider.
// A good message is not held back for what its address sent before: a stranger may share
// the provider's, behind a proxy. But few suspects are looked at at once, and the log is
// not theirs to fill.
type notices struct {
	slots, suspects chan struct{}
	mu              sync.Mutex
	bad             map[netip.Addr]tally
}

type tally struct {
	since time.Time
	n     int
}

func newNotices() *notices {
	return &notices{
		slots: make(chan struct{}, noticesAtOnce), suspects: make(chan struct{}, suspectsAtOnce), bad: map[netip.Addr]tally{},
	}
}

// suspect tells whether an address has sent many bad ones just now.
func (n *notices) suspect(now time.Time, from netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.bad[from]
	return t.n >= badNotices && now.Sub(t.since) < badWindow
}

func (n *notices) failed(now time.Time, from netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.bad[from]
	if now.Sub(t.since) >= badWindow {
		t = tally{since: now}
	}
	t.n++
	if len(n.bad) >= maxSenders {
		for a, old := range n.bad {
			if now.Sub(old.since) >= badWindow {
				delete(n.bad, a)
			}
		}
	}
	if _, known := n.bad[from]; known || len(n.bad) < maxSenders {
		n.bad[from] = t
	}
}

// backChannel takes a provider's logout token (Back-Channel Logout 1.0 section 2.5). The
// provider makes the person wait for the answer: what the token is about is over when it
// is given, and participants are told afterwards.
func (s *Server) backChannel(w http.ResponseWriter, q *request) {
	w.Header().Set("Cache-Control", "no-store")
	if s.notices.suspect(q.now, q.client.Addr) {
		select {
		case s.notices.suspects <- struct{}{}:
			defer func() { <-s.notices.suspects }()
		default:
			s.badNotice(w, q, errors.New("too many that were not good"))
			return
		}
	}
	q.bound(w, maxNotice)
	// The body alone counts: a token in the query would be in every log on the way.
	if err := q.ParseForm(); err != nil || len(q.PostForm["logout_token"]) != 1 {
		s.badNotice(w, q, errors.New("no logout_token in the form"))
		return
	}
	select {
	case s.notices.slots <- struct{}{}:
		defer func() { <-s.notices.slots }()
	case <-q.Context().Done():
		return
	}
	provider, token, err := s.o.Notices.LogoutToken(q.Context(), strings.TrimSpace(q.PostForm.Get("logout_token")))
	if err != nil {
		if _, unreachable := errors.AsType[*oidc.UnreachableError](err); unreachable {
			s.o.Logger.Error("logout token cannot be verified: the provider's keys cannot be had", "err", err)
			w.Header().Set("Retry-After", "5")
			refuseNotice(w, http.StatusServiceUnavailable, "keys of the issuer cannot be had")
			return
		}
		s.badNotice(w, q, err)
		return
	}
	n, err := s.o.SignOut.EndByProvider(q.Context(), q.now, signout.Notice{
		Provider: provider, Identity: oidc.Identity{Issuer: token.Issuer, Subject: token.Subject}, SID: token.SID,
		At: token.IssuedAt, Cause: session.CauseBackChannel,
	})
	if err == nil || errors.Is(err, signout.ErrNotDurable) {
		// A token that comes again ends nothing that began after it, so that its id may be
		// spent last: what a store could not do now is done when the provider sends it again.
		err = s.spend(q, token)
	}
	switch {
	case errors.Is(err, signin.ErrUsed):
		q.provider = provider
		s.badNotice(w, q, errors.New("logout token was used before"))
	case err != nil:
		s.o.Logger.Error("sessions that a provider ended could not all be ended", "provider", provider, "err", err)
		w.Header().Set("Retry-After", "5")
		refuseNotice(w, http.StatusServiceUnavailable, "the store does not answer")
	default:
		s.o.Logger.Info("provider ended a session of its own", "provider", provider, "ended", n)
		w.WriteHeader(http.StatusOK)
	}
}

// spend remembers a token's id (section 2.6, step 8).
func (s *Server) spend(q *request, t oidc.LogoutToken) error {
	key := sha256.Sum256([]byte("logout token\x00" + t.Issuer + "\x00" + t.ID))
	return s.o.Once(q.Context(), q.now, key, t.Expires.Add(remembered))
}

func (s *Server) badNotice(w http.ResponseWriter, q *request, cause error) {
	if s.notices.suspect(q.now, q.client.Addr) {
		w.Header().Set("Retry-After", "10")
		refuseNotice(w, http.StatusTooManyRequests, "too many logout tokens that were not good")
		return
	}
	s.notices.failed(q.now, q.client.Addr)
	id := s.note(q, incident.Incident{
		Kind: incident.KindLogoutToken, Status: http.StatusBadRequest, Shown: "the logout token is not good", Reason: reasonOf(cause), Cause: cause.Error(),
	})
	s.o.Logger.Warn("logout token refused", "incident", id, "from", q.client.Addr, "err", cause)
	refuseNotice(w, http.StatusBadRequest, "the logout token is not good; reference "+id)
}

// refuseNotice answers as section 2.8 says.
func refuseNotice(w http.ResponseWriter, status int, description string) {
	body, err := json.Marshal(map[string]string{"error": "invalid_request", "error_description": description})
	if err != nil {
		body = []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// frontChannel takes the call of a frame on the provider's logout page (Front-Channel
// Logout 1.0 section 3). It acts by the session's id alone: frames of another site send no
// cookies. Whoever knows a sid can make this call, and so it answers everybody alike and
// ends nothing at the provider.
func (s *Server) frontChannel(w http.ResponseWriter, q *request, provider string) {
	query := q.URL.Query()
	sid, iss := query.Get("sid"), query.Get("iss")
	issuer, ok := s.o.Notices.FrontChannel(provider, iss)
	if !ok || sid == "" || len(sid) > 512 {
		var cause error
		if !s.notices.suspect(q.now, q.client.Addr) {
			s.notices.failed(q.now, q.client.Addr)
			cause = errors.New("front-channel call without this provider's iss or a sid")
		}
		s.fail(w, q, pages.BadRequest, cause)
		return
	}
	n, err := s.o.SignOut.EndByProvider(q.Context(), q.now, signout.Notice{
		Provider: provider, Identity: oidc.Identity{Issuer: issuer}, SID: sid, At: q.now, Cause: session.CauseFrontChannel,
	})
	if err != nil && !errors.Is(err, signout.ErrNotDurable) {
		s.fail(w, q, pages.StoreUnavailable, err)
		return
	}
	if n > 0 {
		s.o.Logger.Info("provider's logout page ended a session", "provider", provider, "ended", n)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
	// The provider's page must be able to show it, and nothing in it can do any harm.
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors *")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte("<!doctype html><title>OK</title>"))
}
