package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/outbox"
)

// ErrForeign: a file is no database of this program.
var ErrForeign = errors.New("not a database of Cardea")

// NewerError says that a database was used by a newer version of this program.
type NewerError struct{ Have, Known int64 }

func (e *NewerError) Error() string {
	return fmt.Sprintf("it has schema version %d and this program knows up to %d: it was used by a newer version", e.Have, e.Known)
}

// kept are the tables that go into a copy, and under which condition their rows do. What
// is not here stays behind: live sessions with their seats, tokens and vaults.
var kept = []struct{ table, where string }{
	{"data_keys", ""},
	{"accounts", ""},
	{"handles", ""},
	{"identities", ""},
	{"partings", ""},
	{"pictures", ""},
	{"clients", ""},
	{"ends", ""},
	{"seats", " WHERE session IN (SELECT session FROM ends)"}, // a cookie of an ended session is told from a stranger's
	{"receipts", ""},
	{"outbox", ""},
	{"single_use", ""}, // spent stays spent
	{"incidents", ""},
	{"audit", ""}, // the trail goes on
}

// unrepeatable is the fate of deliveries that may have been made since: the provider's
// logout and an app's own would end what the person has there by now. Revoking a token
// twice is harmless (RFC 7009 section 2.2).
const unrepeatable = `UPDATE outbox SET state = ?1, sealed = NULL,
	last_error = '` + notKnown + `'
	WHERE state = 'pending' AND kind <> ?2`

const notKnown = "whether it was made is not known: this store was restored from a backup"

// CopyOptions say how a copy is made.
type CopyOptions struct {
	To     string // a file that does not exist yet
	Gentle bool   // rest as long as it works, so that a running gateway's requests go first
	// Progress, if set, is called now and then with how many rows are done.
	Progress func(done, of int64)
}

// Copied is what a copy holds.
type Copied struct {
	Schema int64
	Counts map[string]int64 // rows by table
	Keys   []keyring.WrappedKey
}

// Copy writes a consistent copy of an open database to o.To, with mode 0600, on disk when
// it returns. Accounts, handles, identities, data keys, ends, receipts, what is still to
// be revoked and incidents are in it; sessions, tokens and apps' cookies are not. Reads
// and writes go on meanwhile; the log file grows by what they write.
func (d *DB) Copy(ctx context.Context, o CopyOptions) (Copied, error) {
	return copyFile(ctx, d.file, o)
}

// copyFile copies the database at from, whoever else has it open.
func copyFile(ctx context.Context, from string, o CopyOptions) (_ Copied, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("copying the store: %w", err)
		}
	}()
	file, err := os.OpenFile(o.To, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Copied{}, err
	}
	defer file.Close()
	defer func() {
		if err != nil {
			os.Remove(o.To)
		}
	}()
	reads, err := pool(from, 1, "mode=rw", "_query_only=1")
	if err != nil {
		return Copied{}, err
	}
	defer reads.Close()
	src, err := reads.Conn(ctx)
	if err != nil {
		return Copied{}, err
	}
	defer src.Close()
	// Nobody reads the copy before it is whole and synced: it needs no journal on disk.
	dst, err := pool(o.To, 1, "_journal_mode=MEMORY", "_synchronous=OFF")
	if err != nil {
		return Copied{}, err
	}
	defer dst.Close()
	c := &copying{src: src, o: o, worked: time.Now()}
	copied, err := c.run(ctx, dst)
	if err != nil {
		return Copied{}, err
	}
	if err := dst.Close(); err != nil {
		return Copied{}, err
	}
	return copied, syncWhole(file)
}

// syncWhole puts a file and its name on disk.
func syncWhole(file *os.File) error {
	if err := file.Sync(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file.Name()))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// copying is one copy under way. All of it reads one state of the source.
type copying struct {
	src      *sql.Conn
	o        CopyOptions
	done, of int64
	worked   time.Time // since when without a rest
}

func (c *copying) run(ctx context.Context, dst *sql.DB) (Copied, error) {
	if _, err := c.src.ExecContext(ctx, "BEGIN"); err != nil {
		return Copied{}, err
	}
	defer func() { _, _ = c.src.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }()
	version, err := schemaOf(ctx, c.src)
	if err != nil {
		return Copied{}, err
	}
	provider, err := migrator(dst)
	if err != nil {
		return Copied{}, err
	}
	if _, err := provider.UpTo(ctx, version); err != nil {
		return Copied{}, fmt.Errorf("making schema version %d: %w", version, err)
	}
	copied := Copied{Schema: version, Counts: map[string]int64{}}
	tx, err := dst.BeginTx(ctx, nil)
	if err != nil {
		return Copied{}, err
	}
	defer tx.Rollback()
	columns, err := c.plan(ctx, tx)
	if err != nil {
		return Copied{}, err
	}
	for _, k := range kept {
		if len(columns[k.table]) == 0 {
			continue // not in this schema yet
		}
		n, err := c.table(ctx, tx, k.table, k.where, columns[k.table])
		if err != nil {
			return Copied{}, fmt.Errorf("table %s: %w", k.table, err)
		}
		copied.Counts[k.table] = n
	}
	if err := c.settle(ctx, tx); err != nil {
		return Copied{}, err
	}
	if copied.Keys, err = dataKeys(ctx, tx); err != nil {
		return Copied{}, err
	}
	return copied, tx.Commit()
}

// plan returns the columns of each kept table, and counts what is to be done.
func (c *copying) plan(ctx context.Context, tx *sql.Tx) (map[string][]string, error) {
	columns := map[string][]string{}
	for _, k := range kept {
		names, err := texts(ctx, tx, "SELECT name FROM pragma_table_info(?1)", k.table)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			continue
		}
		columns[k.table] = names
		var n int64
		if err := c.src.QueryRowContext(ctx, "SELECT count(*) FROM "+k.table+k.where).Scan(&n); err != nil {
			return nil, fmt.Errorf("table %s: %w", k.table, err)
		}
		c.of += n
		if err := c.rest(ctx); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

// table copies the rows of a table.
func (c *copying) table(ctx context.Context, tx *sql.Tx, name, where string, columns []string) (int64, error) {
	list := strings.Join(columns, ", ")
	insert, err := tx.PrepareContext(ctx, "INSERT INTO "+name+" ("+list+") VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")") //nolint:gosec // G202: names of this file and of its migrations
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	rows, err := c.src.QueryContext(ctx, "SELECT "+list+" FROM "+name+where) //nolint:gosec // G202: as above
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row, at := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		at[i] = &row[i]
	}
	var n int64
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			return n, err
		}
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return n, err
		}
		n++
		if c.done++; c.done%64 == 0 {
			if err := c.rest(ctx); err != nil {
				return n, err
			}
		}
	}
	return n, rows.Err()
}

// A gentle copy works for shift at the most and then rests for as long as it worked,
// but not longer than maxRest.
const (
	shift   = 5 * time.Millisecond
	maxRest = time.Second
)

func (c *copying) rest(ctx context.Context) error {
	worked := time.Since(c.worked)
	if worked < shift {
		return nil
	}
	if c.o.Progress != nil {
		c.o.Progress(c.done, c.of)
	}
	if c.o.Gentle {
		select {
		case <-time.After(min(worked, maxRest)):
		case <-ctx.Done():
		}
	}
	c.worked = time.Now()
	return context.Cause(ctx)
}

// settle makes the rows of a copy agree with what stayed behind.
func (c *copying) settle(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, unrepeatable, string(outbox.Failed), string(outbox.KindRevoke)); err != nil {
		return fmt.Errorf("settling the outbox: %w", err)
	}
	// No end and no event gets the number of one that was swept.
	for _, table := range []string{"ends", "audit"} {
		if err := c.keepSequence(ctx, tx, table); err != nil {
			return fmt.Errorf("keeping the sequence of %s: %w", table, err)
		}
	}
	if c.o.Progress != nil {
		c.o.Progress(c.done, c.of)
	}
	return nil
}

// keepSequence lets the copy of a table count on from where the source is.
func (c *copying) keepSequence(ctx context.Context, tx *sql.Tx, table string) error {
	var seq int64
	if err := c.src.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?1", table).Scan(&seq); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = ?1", table); err != nil || seq == 0 {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", table, seq)
	return err
}

// querier is what a connection and a transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaOf returns the schema version of a database without writing to it, ErrForeign
// for one that has none, and *NewerError.
func schemaOf(ctx context.Context, q querier) (int64, error) {
	var named int
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('schema_version', 'accounts', 'data_keys')").Scan(&named); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if named != 3 {
		return 0, ErrForeign
	}
	var have int64
	if err := q.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM schema_version WHERE is_applied").Scan(&have); err != nil {
		return 0, fmt.Errorf("%w: reading its schema version: %w", ErrForeign, err)
	}
	known, err := Schema()
	switch {
	case err != nil:
		return 0, err
	case have < 1:
		return 0, ErrForeign
	case have > known:
		return 0, &NewerError{Have: have, Known: known}
	}
	return have, nil
}

func dataKeys(ctx context.Context, q querier) ([]keyring.WrappedKey, error) {
	rows, err := q.QueryContext(ctx, "SELECT id, wrapped, created_at FROM data_keys ORDER BY created_at, id")
	if err != nil {
		return nil, fmt.Errorf("reading data keys: %w", err)
	}
	defer rows.Close()
	var list []keyring.WrappedKey
	for rows.Next() {
		var k keyring.WrappedKey
		var created int64
		if err := rows.Scan(&k.ID, &k.Wrapped, &created); err != nil {
			return nil, fmt.Errorf("reading data keys: %w", err)
		}
		k.CreatedAt = fromMicros(created)
		list = append(list, k)
	}
	return list, rows.Err()
}

func texts(ctx context.Context, q querier, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}
