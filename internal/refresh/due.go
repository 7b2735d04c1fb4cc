package refresh

import (
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	maxMargin   = 30 * time.Second // before expiry
	minInterval = 5 * time.Second  // between refreshes, however short-lived the tokens
	atLatest    = time.Hour        // however long the tokens live, where the record says nothing
)

// step is what a record asks for.
type step int

const (
	stepNone    step = iota
	stepWait         // another node's request is under way
	stepRefresh      // includes the one more try after an unknown outcome
	stepUserinfo
	stepLose // the one more try is spent
	stepEnd  // the grant has been lost for too long
)

// wants tells, without a look at the store, whether there is anything to do. It does
// not allocate.
func (r *Refresher) wants(s *session.Session, p Policy, now time.Time) bool {
	return r.next(s, p, now) != stepNone
}

func (r *Refresher) next(s *session.Session, p Policy, now time.Time) step {
	g := &s.Grant
	switch {
	case g.State != session.GrantGood:
		if passed(g.LostSince, r.o.LostLimit, now) {
			return stepEnd
		}
		return stepNone
	case g.RefreshMark.IsZero():
	case r.underWay(g.RefreshMark, now):
		return stepWait
	case g.Retried || g.Tokens.RefreshToken == "":
		return stepLose
	case g.FailingSince.IsZero() && !p.mayRetry(now.Sub(g.RefreshMark)):
		return stepLose // a server that answered with an error has most likely not spent it
	default:
		return stepRefresh
	}
	if due := dueAt(g, p); due.IsZero() || now.Before(due) {
		return stepNone
	}
	if g.Tokens.RefreshToken != "" {
		return stepRefresh
	}
	if !g.Tokens.Expiry.IsZero() && !now.Before(g.Tokens.Expiry) {
		return stepNone
	}
	return stepUserinfo
}

// overdue tells whether the provider has been in trouble for the whole limit, and the
// session unconfirmed as long. During an outage few sessions are tried; the limit holds
// for all of them.
func (r *Refresher) overdue(s *session.Session, p Policy, now time.Time) bool {
	if s.Grant.State != session.GrantGood || r.health.outage(s.Provider) < r.failingLimit() {
		return false
	}
	return passed(dueAt(&s.Grant, p), r.failingLimit(), now)
}

// underWay tells whether a mark may belong to a request that is still being answered.
// One from the future (a clock was set back) tells nothing any more.
func (r *Refresher) underWay(mark, now time.Time) bool {
	if mark.Before(r.o.Alone) {
		return false // the process that set it is gone
	}
	age := now.Sub(mark)
	return age > -r.o.Lock && age < r.o.Lock
}

func passed(since time.Time, limit time.Duration, now time.Time) bool {
	return !since.IsZero() && !now.Before(since.Add(limit))
}

// dueAt returns when the provider is to be asked again; zero means never.
func dueAt(g *session.Grant, p Policy) time.Time {
	if g.Tokens.RefreshToken == "" {
		if p.Recheck <= 0 || g.Tokens.AccessToken == "" {
			return time.Time{}
		}
		return g.CheckedAt.Add(p.Recheck)
	}
	latest := g.CheckedAt.Add(orDefault(p.AtLatest, atLatest))
	due := g.CheckedAt.Add(orDefault(p.Recheck, atLatest))
	if !g.Tokens.Expiry.IsZero() {
		due = g.Tokens.Expiry.Add(-margin(g))
	}
	soonest := g.CheckedAt.Add(max(minInterval, p.AtEarliest))
	if due = earlier(due, latest); due.Before(soonest) {
		return soonest
	}
	return due
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// margin is a fifth of the tokens' life: a provider that hands out tokens for a few
// seconds must not be asked with every request.
func margin(g *session.Grant) time.Duration {
	life := g.Tokens.Expiry.Sub(g.CheckedAt)
	return max(0, min(maxMargin, life/5))
}
