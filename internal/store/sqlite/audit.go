package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
)

const insertEvent = `INSERT INTO audit (id, at, type, actor, by, account, handle, session, provider, app, cause, incident, detail, personal)
	VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (id) DO NOTHING`

// insertAudit writes an event in the transaction of the act that it tells of. One whose
// id is there already stays as it is. It returns audit.ErrType for a type that the schema
// does not have.
func insertAudit(c *conn, now time.Time, e audit.Event) error {
	row, err := rowOf(e, now)
	if err != nil {
		return err
	}
	return row.insert(c)
}

// auditRow is an event as it is stored. Those that are known before their transaction
// begins are made ahead of it: the writer has one goroutine.
type auditRow struct {
	audit.Event
	detail   string
	personal any // text, or nil
}

func rowOf(e audit.Event, now time.Time) (auditRow, error) {
	if _, ok := audit.Lookup(e.Type); !ok {
		return auditRow{}, fmt.Errorf("writing the audit trail: %w: %q", audit.ErrType, e.Type)
	}
	row := auditRow{Event: audit.Fitted(e, now), detail: "{}"}
	if len(row.Detail) > 0 {
		text, err := json.Marshal(row.Detail)
		if err != nil {
			return row, fmt.Errorf("encoding an event: %w", err)
		}
		row.detail = string(text)
	}
	if row.Personal != nil {
		text, err := json.Marshal(row.Personal)
		if err != nil {
			return row, fmt.Errorf("encoding an event: %w", err)
		}
		row.personal = string(text)
	}
	return row, nil
}

func (r auditRow) insert(c *conn) error {
	_, err := c.exec(insertEvent, r.ID, micros(r.At), string(r.Type), r.Actor, r.By, r.Account, r.Handle, r.Session, r.Provider,
		r.App, r.Cause, r.Incident, r.detail, r.personal)
	return err
}

// Record writes events that are no part of another act's transaction, all or none. They
// are on disk when it returns nil. An event that has an id may be recorded again, where
// it is not known whether it was: it is kept once.
func (st *Store) Record(ctx context.Context, now time.Time, events ...audit.Event) error {
	rows := make([]auditRow, len(events))
	for i, e := range events {
		var err error
		if rows[i], err = rowOf(e, now); err != nil {
			return err
		}
	}
	return st.db.writer.do(ctx, "writing the audit trail", func(c *conn) error {
		for _, row := range rows {
			if err := forgotten(c, &row); err != nil {
				return err
			}
			if err := row.insert(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// forgotten leaves out what names a person whose account was deleted meanwhile: an event
// may have waited for the store.
func forgotten(c *conn, row *auditRow) error {
	if row.Account == "" || row.personal == nil {
		return nil
	}
	var one int
	erased, err := c.one([]any{&one}, "SELECT 1 FROM handles WHERE account = ?1 AND erased_at <> 0", row.Account)
	if erased {
		row.personal = nil
	}
	return err
}

// AuditEvents returns events that f selects in the order of the trail, 100 of them unless
// f.Limit says otherwise.
func (st *Store) AuditEvents(ctx context.Context, f audit.Filter) ([]audit.Event, error) {
	query, args := auditQuery(f)
	return read(ctx, st.db.readers, "reading the audit trail", func(c *conn) ([]audit.Event, error) {
		list := []audit.Event{}
		err := c.each(func(scan func(...any) error) error {
			e, err := scanEvent(scan)
			list = append(list, e)
			return err
		}, query, args...)
		return list, err
	})
}

const selectAudit = `SELECT seq, id, at, type, actor, by, account, handle, session, provider, app, cause, incident, detail, coalesce(personal, '') FROM audit`

func scanEvent(scan func(...any) error) (audit.Event, error) {
	var e audit.Event
	var at int64
	var detail, personal string
	err := scan(&e.Seq, &e.ID, &at, (*string)(&e.Type), &e.Actor, &e.By, &e.Account, &e.Handle, &e.Session, &e.Provider, &e.App,
		&e.Cause, &e.Incident, &detail, &personal)
	if err != nil {
		return e, err
	}
	e.At = fromMicros(at)
	readEvent(&e, detail, personal)
	return e, nil
}

// readEvent completes an event by its two columns of JSON. What cannot be read there does
// not hide the rest of the event, and the rest of the trail.
func readEvent(e *audit.Event, detail, personal string) {
	if json.Unmarshal([]byte(detail), &e.Detail) != nil || len(e.Detail) == 0 {
		e.Detail = nil
	}
	var p audit.Personal
	if personal != "" && json.Unmarshal([]byte(personal), &p) == nil && p != (audit.Personal{}) {
		e.Personal = &p
	}
}

// auditQuery puts constant conditions together; values are always parameters.
func auditQuery(f audit.Filter) (string, []any) {
	var query strings.Builder
	query.WriteString(selectAudit + " WHERE seq > ?1")
	args := []any{f.After}
	parameter := func(value any) string {
		args = append(args, value)
		return "?" + strconv.Itoa(len(args))
	}
	if f.Before > 0 {
		query.WriteString(" AND seq < " + parameter(f.Before))
	}
	if len(f.Types) > 0 {
		types := make([]string, len(f.Types))
		for i, t := range f.Types {
			types[i] = parameter(string(t))
		}
		query.WriteString(" AND type IN (" + strings.Join(types, ", ") + ")")
	}
	// The partial indexes are of rows that have an account and a session.
	for _, by := range []struct{ condition, value string }{
		{" AND account <> '' AND account = ", f.Account}, {" AND session <> '' AND session = ", f.Session}, {" AND provider = ", f.Provider},
		{" AND incident <> '' AND incident = ", f.Incident},
	} {
		if by.value != "" {
			query.WriteString(by.condition + parameter(by.value))
		}
	}
	if f.Email != "" {
		query.WriteString(" AND instr(lower(CASE WHEN json_valid(personal) THEN personal ->> '$.email' END), lower(" + parameter(f.Email) + ")) > 0")
	}
	if !f.Since.IsZero() {
		query.WriteString(" AND at >= " + parameter(micros(f.Since)))
	}
	if !f.Until.IsZero() {
		query.WriteString(" AND at < " + parameter(micros(f.Until)))
	}
	query.WriteString(" ORDER BY seq")
	if f.Newest {
		query.WriteString(" DESC")
	}
	query.WriteString(" LIMIT " + parameter(limitOrDefault(f.Limit)))
	return query.String(), args
}

// SweepAudit removes at most limit events that are older than before and whose place is
// not after keepAfterSeq, the oldest first, and returns how many; the caller goes on
// while that equals limit.
func (st *Store) SweepAudit(ctx context.Context, before time.Time, keepAfterSeq int64, limit int) (int, error) {
	limit = limitOrDefault(limit)
	var swept int64
	err := st.db.writer.do(ctx, "sweeping the audit trail", func(c *conn) (err error) {
		swept, err = c.exec("DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ?1 AND seq <= ?2 ORDER BY at, seq LIMIT ?3)",
			micros(before), keepAfterSeq, limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(swept), nil
}

// LastAudit returns the place of the event that was written last, also when it has been
// swept; 0 when there never was one.
func (st *Store) LastAudit(ctx context.Context) (int64, error) {
	return read(ctx, st.db.readers, "reading the audit trail", func(c *conn) (int64, error) {
		var last int64
		_, err := c.one([]any{&last}, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
		return last, err
	})
}
