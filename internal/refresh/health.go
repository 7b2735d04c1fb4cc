package refresh

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	firstPause  = time.Second
	longestWait = time.Minute
	maxPaused   = 1 << 16 // sessions whose pauses are remembered
)

// health paces requests to providers in trouble: per provider, so that a dead one is
// asked by one session at a time and ever more seldom, and per session, so that one
// broken grant is not asked with every request. It counts by the monotonic clock.
type health struct {
	logger *slog.Logger
	tell   func(audit.Event)
	start  time.Time

	mu        sync.Mutex
	providers map[string]*pause
	sessions  map[session.ID]*pause
}

type pause struct {
	failures int
	since    time.Duration
	until    time.Duration
	reason   outcome
	word     string // of the trail for it
}

func newHealth(l *slog.Logger, tell func(audit.Event)) *health {
	return &health{logger: l, tell: tell, start: time.Now(), providers: map[string]*pause{}, sessions: map[session.ID]*pause{}}
}

func (h *health) now() time.Duration { return time.Since(h.start) }

// mayTry is a cheap look before a flight is started.
func (h *health) mayTry(provider string, id session.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.providers) == 0 && len(h.sessions) == 0 {
		return true
	}
	now := h.now()
	p, s := h.providers[provider], h.sessions[id]
	return (p == nil || now >= p.until) && (s == nil || now >= s.until)
}

// begin claims a try: of a provider in trouble only the first to ask after a pause gets
// one, and the next pause begins with it.
func (h *health) begin(provider string, id session.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if s := h.sessions[id]; s != nil && now < s.until {
		return false
	}
	p := h.providers[provider]
	if p == nil {
		return true
	}
	if now < p.until {
		return false
	}
	p.until = now + backoff(p.failures)
	return true
}

// failed records a try without a verdict. It raises the alarm once per kind of trouble.
func (h *health) failed(provider string, id session.ID, err error, atLeast time.Duration) {
	kind := outcomeOf(err)
	h.mu.Lock()
	p := h.providers[provider]
	alarm := p == nil || p.reason != kind
	word := kind.word(err)
	tell := p == nil || p.word != word
	now := h.now()
	if p == nil {
		p = &pause{since: now}
		h.providers[provider] = p
	}
	p.failures++
	p.word = word
	p.reason, p.until = kind, now+backoff(p.failures)
	s := h.session(id, now)
	s.failures++
	s.until = now + max(atLeast, backoff(s.failures))
	h.mu.Unlock()
	if alarm {
		h.logger.Error("provider does not refresh sessions; they are kept for a limited time", "provider", provider, "err", err)
	}
	if tell {
		h.tell(audit.Event{Type: audit.RefreshFailed, Actor: audit.ActorProvider, Provider: provider, Cause: word})
	}
}

// succeeded records an answer that decided something, good or bad. What it returns tells
// the audit trail of a recovery: new tokens come to be durable before that.
func (h *health) succeeded(provider string, id session.ID) (told func()) {
	h.mu.Lock()
	p := h.providers[provider]
	now := h.now()
	delete(h.providers, provider)
	delete(h.sessions, id)
	h.mu.Unlock()
	if p == nil {
		return func() {}
	}
	h.logger.Info("provider refreshes sessions again", "provider", provider)
	after := (now - p.since).Round(time.Second).String()
	return func() {
		h.tell(audit.Event{Type: audit.RefreshRecovered, Actor: audit.ActorProvider, Provider: provider, Detail: map[string]string{"after": after}})
	}
}

func (h *health) forget(id session.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, id)
}

// outage returns how long a provider has decided nothing; zero when it is well.
func (h *health) outage(provider string) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.providers[provider]; p != nil {
		return h.now() - p.since
	}
	return 0
}

// pause keeps a session's refreshes away for d, for a reason that is not the provider's.
func (h *health) pause(id session.ID, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	s := h.session(id, now)
	s.until = max(s.until, now+d)
}

func (h *health) session(id session.ID, now time.Duration) *pause {
	s := h.sessions[id]
	if s == nil {
		h.makeRoom(now)
		s = &pause{}
		h.sessions[id] = s
	}
	return s
}

func (h *health) makeRoom(now time.Duration) {
	if len(h.sessions) < maxPaused {
		return
	}
	for id, s := range h.sessions {
		if now >= s.until {
			delete(h.sessions, id)
		}
	}
	for id := range h.sessions {
		if len(h.sessions) < maxPaused-maxPaused/8 {
			return
		}
		delete(h.sessions, id)
	}
}

// backoff doubles from a second to a minute, less up to a fifth so that sessions and
// nodes do not ask in step.
func backoff(failures int) time.Duration {
	d := min(longestWait, firstPause<<min(max(failures-1, 0), 10))
	return d - rand.N(d/5+1)
}
