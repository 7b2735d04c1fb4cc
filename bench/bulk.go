package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/session"
)

// seatBytes is the random value of bulk session i.
func seatBytes(i int) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("seat"), uint64(i)))
}

// bulkSeat is the cookie value of bulk session i.
func bulkSeat(i int) string {
	b := seatBytes(i)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// bulk stores n sessions of as many people in one transaction. The store opens one;
// the others are copies of its rows under names of their own, their secrets sealed
// anew: columns that are not named here are copied as they are. Whether the copies
// are sessions as any other is seen when they are checked.
func (w *world) bulk(ctx context.Context, n int) error {
	cfg, err := w.load()
	if err != nil {
		return err
	}
	st, keys, err := openKeyed(ctx, cfg)
	if err != nil {
		return err
	}
	s := newSession(time.Now())
	err = st.OpenSession(ctx, s.CreatedAt, s, session.Seat{Hash: hashOf(0), Origin: w.origin, CreatedAt: s.CreatedAt}, "")
	// The store is closed meanwhile: its way of writing is safe, and slow.
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	return copySessions(ctx, cfg, keys, s, n)
}

func hashOf(i int) session.SeatHash {
	b := seatBytes(i)
	return sha256.Sum256(b[:])
}

func copySessions(ctx context.Context, cfg *config.Config, keys *keyring.Keyring, s *session.Session, n int) error {
	u := url.URL{Scheme: "file", Path: cfg.Store.SQLite.Path}
	db, err := sql.Open("sqlite", u.String()+"?_journal_mode=OFF&_synchronous=OFF&_pragma=cache_size(-1000000)")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	// Indexes are made again from what is stored, which is quicker than keeping them.
	restore, err := dropIndexes(ctx, db)
	if err != nil {
		return err
	}
	if err := fillTables(ctx, db, keys, s, n); err != nil {
		return err
	}
	return restore()
}

// dropIndexes drops the indexes that have a definition, and returns what makes them anew.
func dropIndexes(ctx context.Context, db *sql.DB) (restore func() error, err error) {
	rows, err := db.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('sessions', 'session_secrets', 'seats')")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var drop, create []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		drop, create = append(drop, "DROP INDEX "+name), append(create, text)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	all := func(statements []string) (err error) {
		for _, s := range statements {
			_, one := db.ExecContext(ctx, s)
			err = errors.Join(err, one)
		}
		return err
	}
	return func() error { return all(create) }, all(drop)
}

func fillTables(ctx context.Context, db *sql.DB, keys *keyring.Keyring, s *session.Session, n int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // has nothing to do after a commit
	sessions, err1 := templateOf(ctx, tx, "sessions")
	secrets, err2 := templateOf(ctx, tx, "session_secrets")
	seats, err3 := templateOf(ctx, tx, "seats")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	sealed, ok := secrets.get("sealed").([]byte)
	if !ok {
		return errors.New("the store keeps secrets in another way than this loader knows")
	}
	plain, err := keys.Unseal("sessions", string(s.ID), sealed)
	if err != nil {
		return err
	}
	for i := 1; i < n; i++ {
		id := string(session.NewID())
		person := fmt.Sprintf("person%d", i)
		hash := hashOf(i)
		box, err := keys.Seal("sessions", id, plain)
		if err != nil {
			return err
		}
		if err := errors.Join(
			sessions.insert(map[string]any{"n": i + 1, "id": id, "account": "acc-" + person, "handle": person, "subject": person}),
			secrets.insert(map[string]any{"n": i + 1, "sealed": box}),
			seats.insert(map[string]any{"hash": hash[:], "session": id}),
		); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// template is a table with its only row.
type template struct {
	columns []string
	values  []any
	stmt    *sql.Stmt
}

func templateOf(ctx context.Context, tx *sql.Tx, table string) (*template, error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	t := &template{}
	if t.columns, err = rows.Columns(); err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, errors.Join(rows.Err(), fmt.Errorf("table %s has no row to copy", table))
	}
	t.values = make([]any, len(t.columns))
	into := make([]any, len(t.columns))
	for i := range t.values {
		into[i] = &t.values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	t.stmt, err = tx.PrepareContext(ctx, "INSERT INTO "+table+" ("+strings.Join(t.columns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(t.columns)-1)+")")
	return t, err
}

func (t *template) get(column string) any {
	for i, c := range t.columns {
		if c == column {
			return t.values[i]
		}
	}
	return nil
}

// insert stores a copy of the row with some columns changed.
func (t *template) insert(changed map[string]any) error {
	args := make([]any, len(t.values))
	used := 0
	for i, c := range t.columns {
		args[i] = t.values[i]
		if v, ok := changed[c]; ok {
			args[i] = v
			used++
		}
	}
	if used != len(changed) {
		return errors.New("the store's tables have other columns than this loader knows")
	}
	_, err := t.stmt.Exec(args...)
	return err
}
