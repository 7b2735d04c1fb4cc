package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	sqlitedriver "modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/cardea-auth/cardea/internal/session"
)

// failure is an error of SQLite or of the way to it, as opposed to an answer that the
// data gave (no such session, conflict). It wraps session.ErrUnavailable.
type failure struct {
	doing string
	err   error
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s: %v: %v", f.doing, session.ErrUnavailable, f.err)
}

func (f *failure) Unwrap() []error { return []error{session.ErrUnavailable, f.err} }

// isFailure tells whether err means that the connection or the transaction cannot be
// relied on.
func isFailure(err error) bool {
	_, ok := errors.AsType[*failure](err)
	return ok
}

// code returns SQLite's primary result code in err, or 0.
func code(err error) int {
	if e, ok := errors.AsType[*sqlitedriver.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// wrap makes a failure of a driver error. A violated constraint undoes its own statement
// and nothing else: it is the caller's mistake, not the store's.
func wrap(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case code(err) == sqlitelib.SQLITE_CONSTRAINT:
		return fmt.Errorf("%s: %w", doing, err)
	}
	return &failure{doing, err}
}

// waits tells whether err is somebody else's lock: the connection is sound, and the
// same statement may work in a moment.
func waits(err error) bool {
	c := code(err)
	return c == sqlitelib.SQLITE_BUSY || c == sqlitelib.SQLITE_LOCKED || c == sqlitelib.SQLITE_PROTOCOL
}

// conn is one database connection with its prepared statements. One goroutine uses it
// at a time. It takes no contexts: SQLite waits for locks and disks in places that a
// context cannot reach, so callers are released by whoever runs the conn instead.
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt
}

func openConn(db *sql.DB) (*conn, error) {
	c, err := db.Conn(context.Background())
	if err != nil {
		return nil, wrap("opening a connection", err)
	}
	return &conn{c: c, stmts: make(map[string]*sql.Stmt)}, nil
}

// discard closes the connection for good instead of giving it back to the pool: an open
// transaction goes with it.
func (c *conn) discard() {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	_ = c.c.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.c.Close()
}

// prepared returns the statement for one of the package's constant query texts.
func (c *conn) prepared(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, wrap("preparing a statement", err)
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(query string, args ...any) (int64, error) {
	s, err := c.prepared(query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, wrap("writing", err)
	}
	n, err := r.RowsAffected()
	return n, wrap("writing", err)
}

// insert runs an INSERT and returns the new row's number.
func (c *conn) insert(query string, args ...any) (int64, error) {
	s, err := c.prepared(query)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, wrap("writing", err)
	}
	n, err := r.LastInsertId()
	return n, wrap("writing", err)
}

// one scans the only row of a query into dest and tells whether there was one.
func (c *conn) one(dest []any, query string, args ...any) (bool, error) {
	s, err := c.prepared(query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(context.Background(), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, wrap("reading", err)
}

// each calls row for every row of a query; row scans.
func (c *conn) each(row func(scan func(...any) error) error, query string, args ...any) error {
	s, err := c.prepared(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return wrap("reading", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return wrap("reading", err)
		}
	}
	return wrap("reading", rows.Err())
}

// unavailable is the answer to a caller whose time is over.
func unavailable(ctx context.Context, doing string) error {
	return &failure{doing, context.Cause(ctx)}
}

var errClosed = errors.New("store is closed")
