package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
)

// maxSeatsPerOrigin bounds what one session keeps for one origin. It is more than one
// because tabs that take a seat at the same moment may store their cookies in another
// order than the server made them.
const maxSeatsPerOrigin = 64

// OpenSession stores a new session with its first seat (none when the seat's hash is
// zero: the browser keeps the one it has). With replaces, that session's seats and vaults
// move to s and it ends with session.CauseRenewed.
//
// It returns *session.EndedError when the session to be replaced has ended meanwhile,
// when s itself has, or when the provider said after s.AuthTime that the session s.SID
// is over (OpenID Connect Back-Channel Logout 1.0 section 2.7), and account.ErrDisabled
// when the account was disabled or deleted meanwhile, or account.ErrNotLinked when the
// identity was taken from it: then nothing was opened.
func (st *Store) OpenSession(ctx context.Context, now time.Time, s *session.Session, seat session.Seat, replaces session.ID) error {
	sealed, err := st.sealSession(s)
	if err != nil {
		return err
	}
	row := *s
	event, err := rowOf(openedEvent(now, s, replaces), now)
	if err != nil {
		return err
	}
	return st.db.writer.do(ctx, "opening a session", func(c *conn) error {
		if err := refuseEnded(c, row.ID); err != nil {
			return err
		}
		if err := refuseLoggedOut(c, &row); err != nil {
			return err
		}
		if err := refuseShut(c, row.Account); err != nil {
			return err
		}
		if err := refuseUnlinked(c, &row); err != nil {
			return err
		}
		if err := insertSession(c, &row, sealed); err != nil {
			return err
		}
		if replaces != "" {
			if err := replace(c, now, replaces, &row); err != nil {
				return err
			}
		}
		if err := putSeat(c, row.ID, seat); err != nil {
			return err
		}
		return event.insert(c)
	})
}

// openedEvent tells of a session that s opens.
func openedEvent(now time.Time, s *session.Session, replaces session.ID) audit.Event {
	detail := map[string]string{"how": "first", "acr": s.ACR}
	if replaces != "" {
		detail["how"], detail["replaces"] = "renewed", string(replaces)
	}
	if !s.AuthTime.Equal(s.CreatedAt) {
		detail["auth_time"] = s.AuthTime.UTC().Format(time.RFC3339)
	}
	return audit.Event{
		Type: audit.SessionOpened, Actor: audit.ActorPerson, At: now, Account: s.Account, Handle: s.Handle, Session: string(s.ID), Provider: s.Provider,
		Detail: detail, Personal: &audit.Personal{
			Issuer: s.Identity.Issuer, Subject: s.Identity.Subject, Email: s.Profile.Email, Name: s.Profile.Name, Address: s.Address, UserAgent: s.UserAgent,
		},
	}
}

// refuseEnded returns the *session.EndedError of a session that has a tombstone.
func refuseEnded(c *conn, id session.ID) error {
	t, found, err := tombstoneOf(c, id)
	if err == nil && found {
		err = &session.EndedError{Tombstone: t}
	}
	return err
}

// refuseLoggedOut refuses a session of a provider's session that the provider ended
// after the person authenticated: its logout call overtook the sign-in. A provider that
// names no session in its logout call means all of the subject's.
func refuseLoggedOut(c *conn, s *session.Session) error {
	for _, by := range []struct{ where, value string }{
		{"sid = ?2 AND sid <> ''", s.SID},
		{"subject = ?2 AND sid = ''", s.Identity.Subject},
	} {
		t, found, err := oneTombstone(c, selectTombstone+" WHERE issuer = ?1 AND "+by.where+
			" AND ended_at >= ?3 AND cause IN ('back-channel', 'front-channel') ORDER BY seq DESC LIMIT 1",
			s.Identity.Issuer, by.value, micros(s.AuthTime))
		if err != nil {
			return err
		}
		if found {
			return &session.EndedError{Tombstone: t}
		}
	}
	return nil
}

func insertSession(c *conn, s *session.Session, sealed []byte) error {
	n, err := c.insert("INSERT INTO session_secrets (sealed) VALUES (?1)", sealed)
	if err != nil {
		return err
	}
	_, err = c.exec(`INSERT INTO sessions (id, account, handle, provider, issuer, subject, sid,
			created_at, auth_time, seen_at, idle, absolute, idle_until, absolute_until, user_agent, address, version, n, client)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)`,
		string(s.ID), s.Account, s.Handle, s.Provider, s.Identity.Issuer, s.Identity.Subject, s.SID,
		micros(s.CreatedAt), micros(s.AuthTime), micros(s.SeenAt), s.Limits.Idle.Microseconds(), s.Limits.Absolute.Microseconds(),
		microsOrNull(s.IdleUntil()), microsOrNull(s.AbsoluteUntil()), s.UserAgent, s.Address, s.Version, n, s.Client)
	return err
}

// replace ends old in favour of s.
func replace(c *conn, now time.Time, old session.ID, s *session.Session) error {
	prev, err := liveSession(c, old)
	if err != nil {
		return err
	}
	if prev.s.Account != s.Account {
		return fmt.Errorf("replacing session %s by one of another account: %w", old, session.ErrConflict)
	}
	if _, err := c.exec("UPDATE seats SET session = ?2 WHERE session = ?1", string(old), string(s.ID)); err != nil {
		return err
	}
	if err := moveVaults(c, old, s.ID); err != nil {
		return err
	}
	t := session.Tombstone{Cause: session.CauseRenewed, EndedAt: now}
	if _, err = bury(c, prev, t); err != nil {
		return err
	}
	e := endedEvent(prev.s, t)
	e.Actor, e.Detail = audit.ActorPerson, map[string]string{"renewed_by": string(s.ID)}
	return insertAudit(c, now, e)
}

// AddSeat gives a live session a seat. It returns *session.EndedError when the session
// has ended and session.ErrConflict when the seat belongs to another session.
func (st *Store) AddSeat(ctx context.Context, now time.Time, id session.ID, seat session.Seat) error {
	return st.db.writer.do(ctx, "adding a seat", func(c *conn) error {
		if _, err := liveSession(c, id); err != nil {
			return err
		}
		return putSeat(c, id, seat)
	})
}

func putSeat(c *conn, id session.ID, seat session.Seat) error {
	if seat.Hash == (session.SeatHash{}) {
		return nil
	}
	added, err := c.exec("INSERT INTO seats (hash, session, origin, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
		seat.Hash[:], string(id), seat.Origin, micros(seat.CreatedAt))
	if err != nil {
		return err
	}
	if added == 0 {
		var same bool
		if _, err := c.one([]any{&same}, "SELECT session = ?2 AND origin = ?3 FROM seats WHERE hash = ?1", seat.Hash[:], string(id), seat.Origin); err != nil {
			return err
		}
		if !same {
			return fmt.Errorf("seat is taken: %w", session.ErrConflict)
		}
		return nil
	}
	_, err = c.exec(`DELETE FROM seats WHERE hash IN (SELECT hash FROM seats WHERE session = ?1 AND origin = ?2
		ORDER BY created_at DESC LIMIT -1 OFFSET ?3)`, string(id), seat.Origin, maxSeatsPerOrigin)
	return err
}

// UpdateSession stores s if the stored record still has s.Version, and returns the
// stored copy, whose Version is one more. What names the session (id, account, handle,
// provider, client, identity, creation) does not change, and SeenAt only moves forward. It
// returns session.ErrConflict when the record changed, session.ErrNotFound, or
// *session.EndedError when the session has ended, or when s.SID is new and the provider
// said after s.AuthTime that it is over.
func (st *Store) UpdateSession(ctx context.Context, now time.Time, s *session.Session) (*session.Session, error) {
	sealed, err := st.sealSession(s)
	if err != nil {
		return nil, err
	}
	row := *s
	var stored *session.Session
	err = st.db.writer.do(ctx, "updating a session", func(c *conn) error {
		cur, err := liveSession(c, row.ID)
		if err != nil {
			return err
		}
		if cur.s.Version != row.Version {
			return fmt.Errorf("session %s has version %d, not %d: %w", row.ID, cur.s.Version, row.Version, session.ErrConflict)
		}
		if row.SID != cur.s.SID {
			if err := refuseLoggedOut(c, &row); err != nil {
				return err
			}
		}
		next := merged(cur.s, &row)
		stored = next
		return updateSession(c, cur.n, next, sealed)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// merged returns what an update of cur by s stores.
func merged(cur, s *session.Session) *session.Session {
	next := *cur
	next.Version++
	next.SID, next.Limits = s.SID, s.Limits
	next.AuthTime = fromMicros(micros(s.AuthTime))
	if seen := fromMicros(micros(s.SeenAt)); seen.After(next.SeenAt) {
		next.SeenAt = seen
	}
	next.UserAgent, next.Address = s.UserAgent, s.Address
	next.ACR, next.Claims, next.Profile, next.Grant = s.ACR, s.Claims, s.Profile, s.Grant
	return &next
}

func updateSession(c *conn, n int64, s *session.Session, sealed []byte) error {
	_, err := c.exec(`UPDATE sessions SET sid = ?2, auth_time = ?3, seen_at = ?4, idle = ?5, absolute = ?6,
			idle_until = ?7, absolute_until = ?8, user_agent = ?9, address = ?10, version = ?11 WHERE id = ?1`,
		string(s.ID), s.SID, micros(s.AuthTime), micros(s.SeenAt), s.Limits.Idle.Microseconds(), s.Limits.Absolute.Microseconds(),
		microsOrNull(s.IdleUntil()), microsOrNull(s.AbsoluteUntil()), s.UserAgent, s.Address, s.Version)
	if err != nil {
		return err
	}
	_, err = c.exec("UPDATE session_secrets SET sealed = ?2 WHERE n = ?1", n, sealed)
	return err
}

// touchBatch is how many touches go into one write, so that others get between.
const touchBatch = 256

// Touch moves SeenAt of live sessions forward, never back, and leaves Version alone. A
// crash may lose it. Sessions that have ended are passed over.
func (st *Store) Touch(ctx context.Context, touches []session.Touch) error {
	for len(touches) > 0 {
		part := touches[:min(len(touches), touchBatch)]
		touches = touches[len(part):]
		part = append([]session.Touch(nil), part...) // the caller may reuse its slice
		err := st.db.writer.do(ctx, "touching sessions", func(c *conn) error {
			for _, t := range part {
				_, err := c.exec(`UPDATE sessions SET seen_at = ?2, idle_until = CASE WHEN idle > 0 THEN ?2 + idle END
					WHERE id = ?1 AND seen_at < ?2`, string(t.ID), micros(t.SeenAt))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
