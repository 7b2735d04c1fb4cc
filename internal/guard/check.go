package guard

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/session"
)

// Check gives the verdict on a request. It answers within LoadWithin plus the time that
// a refresh of the grant takes when one is due.
func (g *Guard) Check(ctx context.Context, now time.Time, q Query) Verdict {
	rule, ok := q.App.ruleOf(q.RawPath)
	if !ok {
		return Verdict{Outcome: BadPath}
	}
	v := Verdict{Public: rule.public, Bearer: rule.bearer && (q.Bearer || rule.bare && q.BareToken), MaxAge: rule.maxAge, ACR: rule.acr, app: q.App, origin: q.Origin, path: q.RawPath}
	if rule.impossible() {
		v.Outcome, v.Decision = Denied, excluded(q.App)
	}
	hash, ok := session.HashSeatValue(q.Seat)
	if !ok {
		return v
	}
	// A refresh takes time, and the session may end meanwhile: then ask once more.
	for range 3 {
		e, err := g.lookup(ctx, hash)
		if err != nil {
			return g.without(v, err)
		}
		if e.origin != q.Origin {
			return v // a seat opens its own origin only
		}
		if v.Ended = g.refusal(e.cell.id); v.Ended != nil {
			return v
		}
		judged := g.judge(ctx, now, q, rule, e, v)
		if g.refusal(e.cell.id) == nil && g.valid(e) {
			if q.Active && judged.Live() {
				g.touch(e.cell, now)
			}
			return judged
		}
	}
	return g.without(v, errDropped)
}

// without is the verdict when the store has no session to show.
func (g *Guard) without(v Verdict, err error) Verdict {
	if ended, ok := errors.AsType[*session.EndedError](err); ok {
		v.Ended = &ended.Tombstone
		return v
	}
	if errors.Is(err, session.ErrNotFound) {
		return v
	}
	v.Outcome, v.Err = Unavailable, err
	return v
}

// expired is the verdict on a session whose limits have passed and whom the sweep of
// expired sessions has not reached yet.
func expired(v Verdict, s *session.Session, now time.Time) Verdict {
	v.Ended = &session.Tombstone{
		Session: s.ID, Account: s.Account, Provider: s.Provider, Identity: s.Identity, SID: s.SID,
		Cause: session.CauseExpired, EndedAt: now,
	}
	return v
}

// judge decides about a session that the store holds alive.
func (g *Guard) judge(ctx context.Context, now time.Time, q Query, rule rule, e *seat, v Verdict) Verdict {
	snap := e.cell.snap.Load()
	s := snap.session
	seen := e.cell.lastSeen(s)
	if !g.within(s.Limits, s, seen, now) {
		return expired(v, s, now)
	}
	if g.refresher != nil { // on public paths too: the identity is passed on there
		fresh, err := g.refresher.Fresh(ctx, s)
		if _, ended := errors.AsType[*session.EndedError](err); ended {
			return g.without(v, err)
		}
		// Any other trouble keeps the session, with the tokens it had.
		if err == nil && fresh != nil && fresh != s {
			e.cell.put(fresh)
			snap = e.cell.snap.Load()
			s = snap.session
		}
	}
	v.Session = s
	if v.Outcome == Denied { // whoever it is
		return v
	}
	if d := decide(snap, q.App, rule); !d.Allowed {
		v.Outcome, v.Decision = Denied, d
		return v
	}
	v.Decision = access.Decision{Allowed: true}
	if !g.within(q.App.Limits, s, seen, now) || !g.recent(rule.maxAge, s, now) {
		v.Outcome = TooOld
		return v
	}
	if rule.acr != nil && !slices.Contains(rule.acr, s.ACR) {
		v.Outcome = TooWeak
		return v
	}
	v.Outcome = Allow
	if s.Grant.State != session.GrantGood {
		v.Outcome = Reauthorize
	}
	return v
}

// within tells whether limits hold. Before they end anything the believed time is
// asked too: the caller's may come from a clock that has just jumped.
func (g *Guard) within(l session.Limits, s *session.Session, seen, now time.Time) bool {
	return l.Within(s.CreatedAt, seen, now) || l.Within(s.CreatedAt, seen, g.now())
}

// recent tells whether the person authenticated recently enough.
func (g *Guard) recent(maxAge time.Duration, s *session.Session, now time.Time) bool {
	return maxAge == 0 || now.Sub(s.AuthTime) <= maxAge || g.now().Sub(s.AuthTime) <= maxAge
}

// excluded is the decision where the readings of a path demand classes that exclude each
// other.
func excluded(app *App) access.Decision {
	return access.Decision{Reason: access.ReasonClass, Rule: "apps[" + app.ID + "].acr and apps[" + app.ID + "].paths[].acr"}
}

// decide asks, in this order, whether the app takes this provider's sign-ins, whether
// the person is still admitted, and whether the rules of the path let them in.
func decide(snap *snapshot, app *App, rule rule) access.Decision {
	if len(app.Providers) > 0 && !slices.Contains(app.Providers, snap.session.Provider) {
		return access.Decision{Reason: access.ReasonProvider, Rule: "apps[" + app.ID + "].providers"}
	}
	if d := snap.decide(app.Admission); !d.Allowed {
		return d
	}
	for _, p := range rule.access[:rule.policies] {
		if d := snap.decide(p); !d.Allowed {
			return d
		}
	}
	return access.Decision{Allowed: true}
}
