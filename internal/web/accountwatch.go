package web

import (
	"sync"

	"github.com/cardea-auth/cardea/internal/session"
)

// Watchers tells open account pages that something about the account is another than
// before. It is safe for concurrent use, and never waits for anybody.
type Watchers struct {
	mu sync.Mutex
	by map[string]map[chan struct{}]struct{} // by account
}

// NewWatchers returns Watchers.
func NewWatchers() *Watchers { return &Watchers{by: map[string]map[chan struct{}]struct{}{}} }

// Changed tells the open pages of an account to look again.
func (w *Watchers) Changed(account string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.by[account] {
		select {
		case c <- struct{}{}:
		default: // it has not looked since it was told last
		}
	}
}

// Ended tells of an end. Implements signout.Hearer; it closes nothing.
func (w *Watchers) Ended(t session.Tombstone) (closed int) {
	w.Changed(t.Account)
	return 0
}

// watch returns a channel that is told of changes, until stop is called.
func (w *Watchers) watch(account string) (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by[account] == nil {
		w.by[account] = map[chan struct{}]struct{}{}
	}
	w.by[account][c] = struct{}{}
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.by[account], c)
		if len(w.by[account]) == 0 {
			delete(w.by, account)
		}
	}
}

// watching is the channel of an account page's stream; nil for the streams of apps' pages.
func (s *Server) watching(q *request, account string) (changed <-chan struct{}, stop func()) {
	if s.o.Account == nil || !q.site.gateway || q.URL.Query().Get("of") != "account" {
		return nil, func() {}
	}
	return s.o.Account.Watch.watch(account)
}

// changed tells the open pages of an account that a sign-in has come to its end.
func (s *Server) changed(x *session.Session) {
	if s.o.Account != nil && x != nil {
		s.o.Account.Watch.Changed(x.Account)
	}
}
