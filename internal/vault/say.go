package vault

import (
	"log/slog"
	"sync"
	"time"
)

const (
	sayEvery   = time.Hour   // for one kind of news of one app
	alarmEvery = time.Minute // for a store that does not take what it is given
	maxSaid    = 1024        // kinds of news remembered
)

// sayer tells operators what happens to cookies, seldom enough to be read, and counts
// what it does not tell. It never hears a cookie's name or value.
type sayer struct {
	log  *slog.Logger
	mono func() time.Duration

	mu      sync.Mutex
	said    map[news]*told
	failed  bool
	alarmed time.Duration
}

type news struct{ app, text string }

type told struct {
	at    time.Duration
	count int // since it was told
}

func newSayer(log *slog.Logger, mono func() time.Duration) *sayer {
	return &sayer{log: log, mono: mono, said: map[news]*told{}}
}

// now tells something of an app: the first time at once, then at most once an hour, with
// the number of times since.
func (s *sayer) now(app, text string, count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := news{app, text}
	t := s.said[k]
	at := s.mono()
	switch {
	case t == nil && len(s.said) >= maxSaid:
		return
	case t == nil:
		s.said[k] = &told{at: at}
	case at-t.at < sayEvery:
		t.count += count
		return
	default:
		count += t.count
		t.at, t.count = at, 0
	}
	s.log.Warn(text, "app", app, "count", count)
}

// failing tells that the store does not take cookies, at most once a minute.
func (s *sayer) failing(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.mono()
	if s.failed && at-s.alarmed < alarmEvery {
		return
	}
	s.failed, s.alarmed = true, at
	s.log.Warn("app cookies could not be written; they are kept in memory", "error", err)
}

func (s *sayer) works() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed {
		s.failed = false
		s.log.Info("app cookies are written again")
	}
}

// sayEvicted brings a changed clone within its bounds and tells what had to go.
func (v *Vault) sayEvicted(app string, j *jar) {
	kept, passed := j.finish()
	if kept > 0 {
		v.say.now(app, "app sets more cookies than are kept for one session; those least recently set were forgotten", kept)
	}
	if passed > 0 {
		v.say.now(app, "app gives the browser more cookies than are remembered; signing out cannot expire all of them", passed)
	}
}
