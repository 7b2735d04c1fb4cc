package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const defaultLimit = 100

// sessionRow is a session's row without its sealed part, or with it still sealed.
type sessionRow struct {
	n      int64
	s      *session.Session
	sealed []byte
}

const sessionColumns = `s.n, s.id, s.account, s.handle, s.provider, s.issuer, s.subject, s.sid, s.created_at, s.auth_time,
	s.seen_at, s.idle, s.absolute, s.user_agent, s.address, s.version, s.client`

const selectSealed = "SELECT " + sessionColumns + ", x.sealed FROM sessions s JOIN session_secrets x ON x.n = s.n"

// scanSession reads sessionColumns, and what else is asked for.
func scanSession(scan func(...any) error, more ...any) (sessionRow, error) {
	r := sessionRow{s: new(session.Session)}
	s := r.s
	var created, auth, seen, idle, absolute int64
	err := scan(append([]any{&r.n, (*string)(&s.ID), &s.Account, &s.Handle, &s.Provider, &s.Identity.Issuer, &s.Identity.Subject, &s.SID,
		&created, &auth, &seen, &idle, &absolute, &s.UserAgent, &s.Address, &s.Version, &s.Client}, more...)...)
	s.CreatedAt, s.AuthTime, s.SeenAt = fromMicros(created), fromMicros(auth), fromMicros(seen)
	s.Limits = session.Limits{Idle: time.Duration(idle) * time.Microsecond, Absolute: time.Duration(absolute) * time.Microsecond}
	return r, err
}

// liveSession returns a live session's row without its sealed part, or
// *session.EndedError or session.ErrNotFound.
func liveSession(c *conn, id session.ID) (sessionRow, error) {
	var row sessionRow
	found := false
	err := c.each(func(scan func(...any) error) (err error) {
		row, err = scanSession(scan)
		found = true
		return err
	}, "SELECT "+sessionColumns+" FROM sessions s WHERE s.id = ?1", string(id))
	if err != nil || found {
		return row, err
	}
	return row, gone(c, id)
}

// gone says what became of a session that has no row.
func gone(c *conn, id session.ID) error {
	if err := refuseEnded(c, id); err != nil {
		return err
	}
	return fmt.Errorf("session %s: %w", id, session.ErrNotFound)
}

// BySeat returns the session that a seat belongs to, and the seat. It returns
// *session.EndedError for a seat whose session has ended, until the tombstone is swept,
// and session.ErrNotFound for one that is not known.
func (st *Store) BySeat(ctx context.Context, hash session.SeatHash) (*session.Session, session.Seat, error) {
	type found struct {
		row  sessionRow
		seat session.Seat
	}
	f, err := read(ctx, st.db.readers, "reading a seat", func(c *conn) (found, error) {
		f := found{seat: session.Seat{Hash: hash}}
		var created int64
		hit := false
		err := c.each(func(scan func(...any) error) (err error) {
			var sealed []byte
			f.row, err = scanSession(scan, &sealed, &f.seat.Origin, &created)
			f.row.sealed, hit = sealed, true
			return err
		}, "SELECT "+sessionColumns+`, x.sealed, e.origin, e.created_at FROM seats e
			JOIN sessions s ON s.id = e.session JOIN session_secrets x ON x.n = s.n WHERE e.hash = ?1`, hash[:])
		f.seat.CreatedAt = fromMicros(created)
		if err != nil || hit {
			return f, err
		}
		var id string
		known, err := c.one([]any{&id}, "SELECT session FROM seats WHERE hash = ?1", hash[:])
		if err != nil {
			return f, err
		}
		if !known {
			return f, session.ErrNotFound
		}
		return f, gone(c, session.ID(id))
	})
	if err != nil {
		return nil, session.Seat{}, err
	}
	if err := st.unsealSession(f.row.s, f.row.sealed); err != nil {
		return nil, session.Seat{}, err
	}
	return f.row.s, f.seat, nil
}

// ByID returns a live session; errors are those of BySeat. A session whose sealed part
// cannot be opened is returned without it and with its grant marked lost, so that it can
// be ended and signed in again; BySeat, which lets people in, refuses it.
func (st *Store) ByID(ctx context.Context, id session.ID) (*session.Session, error) {
	row, err := read(ctx, st.db.readers, "reading a session", func(c *conn) (row sessionRow, err error) {
		rows, err := sessionRows(c, selectSealed+" WHERE s.id = ?1", string(id))
		if err != nil {
			return row, err
		}
		if len(rows) == 0 {
			return row, gone(c, id)
		}
		return rows[0], nil
	})
	if err != nil {
		return nil, err
	}
	return st.opened(ctx, []sessionRow{row})[0], nil
}

func sessionRows(c *conn, query string, args ...any) ([]sessionRow, error) {
	var rows []sessionRow
	err := c.each(func(scan func(...any) error) error {
		var sealed []byte
		row, err := scanSession(scan, &sealed)
		row.sealed = sealed
		rows = append(rows, row)
		return err
	}, query, args...)
	return rows, err
}

// List returns live sessions that f selects, ordered by id, 100 of them unless f.Limit
// says otherwise; unreadable ones as ByID does.
func (st *Store) List(ctx context.Context, f session.Filter) ([]*session.Session, error) {
	query, args := listQuery(selectSealed, f)
	args = append(args, limitOrDefault(f.Limit))
	query += " ORDER BY s.id LIMIT ?" + strconv.Itoa(len(args))
	rows, err := read(ctx, st.db.readers, "listing sessions", func(c *conn) ([]sessionRow, error) {
		return sessionRows(c, query, args...)
	})
	if err != nil {
		return nil, err
	}
	return st.opened(ctx, rows), nil
}

// listQuery puts constant conditions together; values are always parameters.
func listQuery(of string, f session.Filter) (string, []any) {
	var query strings.Builder
	query.WriteString(of)
	glue := " WHERE "
	var args []any
	and := func(condition, value string) {
		args = append(args, value)
		query.WriteString(glue + condition + " ?" + strconv.Itoa(len(args)))
		glue = " AND "
	}
	if f.Account != "" {
		and("s.account =", f.Account)
	}
	if f.Provider != "" {
		and("s.provider =", f.Provider)
	}
	if f.Identity.Issuer != "" {
		and("s.issuer =", f.Identity.Issuer)
	}
	if f.Identity.Subject != "" {
		and("s.subject =", f.Identity.Subject)
	}
	if f.SID != "" {
		and("s.sid <> '' AND s.sid =", f.SID)
	}
	if f.After != "" {
		and("s.id >", string(f.After))
	}
	if before, after, star := strings.Cut(f.Origin, "*"); star {
		n := len(args)
		args = append(args, before, after)
		query.WriteString(glue + strings.NewReplacer("?1", "?"+strconv.Itoa(n+1), "?2", "?"+strconv.Itoa(n+2)).Replace(seatBelow))
		glue = " AND "
	} else if f.Origin != "" {
		args = append(args, f.Origin)
		query.WriteString(glue + "EXISTS (SELECT 1 FROM seats e WHERE e.session = s.id AND e.origin = ?" + strconv.Itoa(len(args)) + ")")
		glue = " AND "
	}
	if f.Jar != "" {
		args = append(args, f.Jar)
		query.WriteString(glue + "EXISTS (SELECT 1 FROM vaults v WHERE v.session = s.id AND v.app = ?" + strconv.Itoa(len(args)) + ")")
	}
	return query.String(), args
}

// seatBelow holds for sessions with a seat at an origin that has one label between ?1
// and ?2.
const seatBelow = `EXISTS (SELECT 1 FROM seats e WHERE e.session = s.id AND length(e.origin) > length(?1) + length(?2)
	AND substr(e.origin, 1, length(?1)) = ?1 AND substr(e.origin, -length(?2)) = ?2
	AND instr(substr(e.origin, length(?1) + 1, length(e.origin) - length(?1) - length(?2)), '.') = 0)`

// CountSessions returns how many live sessions f selects; its After and Limit do not count.
func (st *Store) CountSessions(ctx context.Context, f session.Filter) (int, error) {
	f.After = ""
	query, args := listQuery("SELECT count(*) FROM sessions s", f)
	return read(ctx, st.db.readers, "counting sessions", func(c *conn) (n int, err error) {
		_, err = c.one([]any{&n}, query, args...)
		return n, err
	})
}

// Expired returns sessions whose idle or absolute limit has passed at now, the earliest
// first; unreadable ones as ByID does.
func (st *Store) Expired(ctx context.Context, now time.Time, limit int) ([]*session.Session, error) {
	n := literal(limit)
	rows, err := read(ctx, st.db.readers, "looking for expired sessions", func(c *conn) ([]sessionRow, error) {
		return sessionRows(c, selectSealed+` JOIN (
				SELECT id, min(due) AS due FROM (
					SELECT * FROM (SELECT id, idle_until AS due FROM sessions WHERE idle_until <= ?1 ORDER BY idle_until LIMIT `+n+`)
					UNION ALL
					SELECT * FROM (SELECT id, absolute_until FROM sessions WHERE absolute_until <= ?1 ORDER BY absolute_until LIMIT `+n+`)
				) GROUP BY id
			) d ON d.id = s.id ORDER BY d.due, s.id LIMIT `+n, micros(now))
	})
	if err != nil {
		return nil, err
	}
	return st.opened(ctx, rows), nil
}

// opened unseals rows, and makes do where that fails.
func (st *Store) opened(ctx context.Context, rows []sessionRow) []*session.Session {
	list := make([]*session.Session, len(rows))
	for i, row := range rows {
		list[i] = row.s
		if err := st.unsealSession(row.s, row.sealed); err != nil {
			row.s.Grant.State = session.GrantLost
			st.db.log.LogAttrs(ctx, slog.LevelError, "session cannot be read", slog.String("session", string(row.s.ID)), slog.Any("error", err))
		}
	}
	return list
}

// SharesProviderSession tells whether a live session belongs to the provider's session
// sid at the issuer. It is false for an empty sid.
func (st *Store) SharesProviderSession(ctx context.Context, iss, sid string) (bool, error) {
	return read(ctx, st.db.readers, "looking for a shared provider session", func(c *conn) (bool, error) {
		var one int
		return c.one([]any{&one}, "SELECT 1 FROM sessions WHERE issuer = ?1 AND sid = ?2 AND sid <> '' LIMIT 1", iss, sid)
	})
}
