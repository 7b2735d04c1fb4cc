package signin

import (
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	loopRounds = 3
	loopWindow = time.Minute
	maxBrowser = 8192 // browsers remembered by rounds, and by recent
)

// loopKey names what goes round: a browser at the gateway, a browser at another
// origin's seat, or a session's re-authorizations.
type loopKey struct {
	binding bindingHash
	origin  string
	silent  bool
}

// round is one completed round trip.
type round struct {
	session session.ID
	seat    session.SeatHash
	at      time.Time
	cause   LoopCause // what it is, should it be a loop
}

// rounds remembers the last completed rounds of each browser for a minute.
type rounds struct {
	mu     sync.Mutex
	byKey  map[loopKey][]round
	bySeat map[session.SeatHash]loopKey
}

func newRounds() *rounds {
	return &rounds{byKey: map[loopKey][]round{}, bySeat: map[session.SeatHash]loopKey{}}
}

// completed records a round that was started at the given time. Rounds that ran beside
// the last one (several tabs) are one round.
func (l *rounds) completed(key loopKey, startedAt time.Time, r round) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.byKey[key]
	if n := len(list); n > 0 && startedAt.Before(list[n-1].at) {
		return
	}
	if list == nil && len(l.byKey) >= maxBrowser {
		l.makeRoom(r.at)
	}
	if len(list) >= loopRounds {
		delete(l.bySeat, list[0].seat)
		list = list[1:]
	}
	l.byKey[key] = append(list[:len(list):len(list)], r)
	if r.seat != (session.SeatHash{}) {
		l.bySeat[r.seat] = key
	}
}

// unseen returns the rounds of the last minute, oldest first.
func (l *rounds) unseen(now time.Time, key loopKey) []round {
	l.mu.Lock()
	defer l.mu.Unlock()
	var recent []round
	for _, r := range l.byKey[key] {
		if within(r.at, now, loopWindow) {
			recent = append(recent, r)
		}
	}
	return recent
}

func (l *rounds) seen(seat session.SeatHash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key, ok := l.bySeat[seat]; ok {
		l.drop(key)
	}
}

func (l *rounds) forget(key loopKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(key)
}

func (l *rounds) drop(key loopKey) {
	for _, r := range l.byKey[key] {
		delete(l.bySeat, r.seat)
	}
	delete(l.byKey, key)
}

// makeRoom drops what is past, and at least an eighth.
func (l *rounds) makeRoom(now time.Time) {
	for key, list := range l.byKey {
		if !within(list[len(list)-1].at, now, loopWindow) {
			l.drop(key)
		}
	}
	for key := range l.byKey {
		if len(l.byKey) <= maxBrowser-maxBrowser/8 {
			return
		}
		l.drop(key)
	}
}

// recent remembers which session a browser just opened, for callbacks that left the
// browser before its cookie arrived. It gives nobody a session: a callback that finds
// one here still has to bring a good code; the session it opens then takes the place of
// the remembered one instead of standing beside it.
type recent struct {
	mu      sync.Mutex
	entries map[bindingHash]opened
}

type opened struct {
	session session.ID
	at      time.Time
}

func newRecent() *recent { return &recent{entries: map[bindingHash]opened{}} }

func (m *recent) put(key bindingHash, id session.ID, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.entries[key]; !known && len(m.entries) >= maxBrowser {
		m.makeRoom(now)
	}
	m.entries[key] = opened{session: id, at: now}
}

func (m *recent) get(key bindingHash, now time.Time) (session.ID, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	return e.session, ok && within(e.at, now, AttemptLife)
}

func (m *recent) makeRoom(now time.Time) {
	for key, e := range m.entries {
		if !within(e.at, now, AttemptLife) {
			delete(m.entries, key)
		}
	}
	for key := range m.entries {
		if len(m.entries) <= maxBrowser-maxBrowser/8 {
			return
		}
		delete(m.entries, key)
	}
}

// within tells whether two moments are less than d apart, whichever way a clock was set.
func within(t, now time.Time, d time.Duration) bool {
	apart := now.Sub(t)
	return apart > -d && apart < d
}
