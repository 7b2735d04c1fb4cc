package signout

import (
	"encoding/json"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// receiptLife is how long a signed-out page can be shown again.
	receiptLife = 24 * time.Hour
	// deliveryLife is how long a participant is tried where Options do not say.
	deliveryLife = 72 * time.Hour
	// browserGrace is how long the browser has to come back from the provider's logout
	// before the server follows up.
	browserGrace = 20 * time.Second
	// laterLife is how long a browser whose session ended by a script's call is still sent
	// to the provider by its next page.
	laterLife = 10 * time.Minute
	// revokeGrace lets the provider's logout come first, by the browser or by the server,
	// where a revocation would end the provider's session under it. The two at the same
	// moment were seen to leave a refresh token that still works.
	revokeGrace = 5 * time.Second
	// tombstoneSlack outlasts clock differences between nodes and backups.
	tombstoneSlack = 24 * time.Hour
	// cookieLife is the longest that browsers keep a cookie (draft-ietf-httpbis-rfc6265bis
	// section 5.5): no limit of a session's own outlasts it.
	cookieLife = 400 * 24 * time.Hour
)

// delivery is the sealed payload of an outbox entry.
type delivery struct {
	Cause    session.Cause `json:"cause"`
	Identity oidc.Identity `json:"identity"`
	SID      string        `json:"sid,omitempty"`
	Client   string        `json:"client,omitempty"` // the mark of the one that Tokens were given to
	Tokens   oidc.Tokens   `json:"tokens"`
}

// plan is what an end writes. It is made from the session as it was read; End refuses
// it when the session has changed.
func (o *SignOut) plan(now time.Time, req Request, s *session.Session) Ending {
	rule := req.rule()
	e := Ending{
		Session: s.ID, Version: s.Version, Actor: req.actor, By: req.which, Because: req.Because,
		Tombstone: session.Tombstone{
			Session: s.ID, Account: s.Account, Provider: s.Provider, Identity: s.Identity, SID: s.SID,
			Cause: req.Cause, Fresh: rule.Fresh, EndedAt: req.at, Until: o.until(now, s),
		},
		Receipt: Receipt{
			Session: s.ID, Account: s.Account, Provider: s.Provider, Cause: req.Cause, Mode: req.Mode,
			EndedAt: req.at, Until: now.Add(receiptLife), Closed: req.closed, ReturnURL: req.From, Others: req.Others,
		},
	}
	e.Receipt.State, _ = session.HashSeatValue(req.state)
	if p, ok := o.provider(s.Provider, s.Client); ok { // one that was withdrawn is not there to be told
		rec := p.Record()
		e.Receipt.Browser = rule.EndSession == Browser && rec.SignOut.Kind != record.SignOutNone
		e.Entries = o.entries(now, rule, rec, req.Cause, s)
	}
	if rule.ReplayApp {
		e.Entries = append(e.Entries, o.appEntries(now, req, s)...)
	}
	return e
}

// appEntries ask for the logout of every app that has one. The store takes those whose
// cookies it keeps for this session: in the others the person has no session.
func (o *SignOut) appEntries(now time.Time, req Request, s *session.Session) []outbox.Entry {
	var list []outbox.Entry
	for _, app := range o.terms.Load().Apps {
		if app != req.Told {
			e := o.entry(now, outbox.KindAppLogout, s)
			e.App = app
			list = append(list, e)
		}
	}
	return list
}

// entry is due at once and tried as long as any.
func (o *SignOut) entry(now time.Time, kind outbox.Kind, s *session.Session) outbox.Entry {
	return outbox.Entry{
		ID: string(session.NewID()), Kind: kind, Session: string(s.ID), Provider: s.Provider,
		State: outbox.Pending, CreatedAt: now, NextAt: now, Deadline: now.Add(o.terms.Load().Tried),
	}
}

func (o *SignOut) until(now time.Time, s *session.Session) time.Time {
	longest := o.terms.Load().Absolute
	if s.Limits.Absolute == 0 || longest == 0 {
		return now.Add(cookieLife)
	}
	end := s.AbsoluteUntil()
	if limit := now.Add(longest); end.Before(limit) {
		end = limit
	}
	return end.Add(tombstoneSlack)
}

func (o *SignOut) entries(now time.Time, rule Rule, rec record.Record, cause session.Cause, s *session.Session) []outbox.Entry {
	payload, err := json.Marshal(delivery{Cause: cause, Identity: s.Identity, SID: s.SID, Client: s.Client, Tokens: s.Grant.Tokens})
	if err != nil {
		return nil // strings and times always marshal
	}
	entry := func(kind outbox.Kind, after time.Duration) outbox.Entry {
		e := o.entry(now, kind, s)
		e.Payload, e.NextAt = payload, now.Add(after)
		return e
	}
	var list []outbox.Entry
	if revokes(rule, rec, s.Grant.Tokens) {
		after := time.Duration(0)
		if rule.EndSession != Nobody && rec.Revocation.Ends != record.RevocationEndsToken {
			after = revokeGrace
		}
		list = append(list, entry(outbox.KindRevoke, after))
	}
	if after, ok := followUp(rule, rec, cause); ok {
		list = append(list, entry(outbox.KindEndSession, after))
	}
	return list
}

// followUp tells whether, and how long after the end, the server ends the provider's
// session. Where only browsers can, the entry of a script's sign-out merely keeps the
// hint until the browser's next page.
func followUp(rule Rule, rec record.Record, cause session.Cause) (time.Duration, bool) {
	server := rec.SignOut.ServerCall != record.ServerNone
	switch {
	case rule.EndSession == Server:
		return 0, server
	case rule.EndSession == Browser && server:
		return browserGrace, true
	case rule.EndSession == Browser && cause == session.CauseApp:
		return laterLife, rec.SignOut.Kind != record.SignOutNone
	}
	return 0, false
}

// revokes tells whether tokens are to be revoked. Where a revocation ends more than the
// token, it runs only for ends that mean the provider's session too: plain expiry must
// not sign a person out of the provider.
func revokes(rule Rule, rec record.Record, t oidc.Tokens) bool {
	if !rule.Revoke || rec.Revocation.Kind == record.RevocationNone || (t.RefreshToken == "" && t.AccessToken == "") {
		return false
	}
	return rec.Revocation.Ends == record.RevocationEndsToken || rule.EndSession != Nobody
}
