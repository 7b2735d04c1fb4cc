package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sqlitedriver "modernc.org/sqlite"

	"github.com/cardea-auth/cardea/internal/keyring"
)

// Options are what Open needs.
type Options struct {
	Path   string       // of the database file; its folder is the data folder
	Logger *slog.Logger // for what no caller can be told: migrations, unreadable rows
	Now    func() time.Time
	// CallTimeout bounds every call whose context has no sooner deadline; the constant of
	// that name when zero. Tests that say nothing of time allow more.
	CallTimeout time.Duration
}

// DB is an open database file, and the lock of its folder.
type DB struct {
	file    string
	log     *slog.Logger
	lock    dirLock
	reads   *sql.DB
	writes  *sql.DB
	writer  *writer
	readers *readers
	limit   time.Duration // of a call
	remains atomic.Bool   // the write-ahead log may hold what was erased
	close   sync.Once
	err     error // of closing
}

// Open locks the data folder, finishes a restore that was cut short, brings the schema up
// to date (copying the file first when it is an older one, refusing a newer one) and
// starts the writer. It returns *InUseError when another process holds the folder.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Path == "" || o.Logger == nil || o.Now == nil {
		return nil, errors.New("sqlite: Path, Logger and Now are required")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making data_dir: %w", err)
	}
	lock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if err := finishRestore(path); err != nil {
		lock.Close()
		return nil, fmt.Errorf("finishing a restore that was cut short: %w", err)
	}
	db, err := openFile(ctx, path, o)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("opening store %s: %w", path, err)
	}
	db.lock = lock
	return db, nil
}

func openFile(ctx context.Context, path string, o Options) (*DB, error) {
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	limit := cmp.Or(o.CallTimeout, CallTimeout)
	writes, err := pool(path, 1, "_journal_mode=WAL", "_synchronous=FULL", "_pragma=journal_size_limit(67108864)",
		"_pragma=secure_delete(FAST)") // what is deleted is overwritten where that costs no more writing
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, writes, path, o); err != nil {
		writes.Close()
		return nil, err
	}
	reads, err := pool(path, maxReaders, "_query_only=1")
	if err != nil {
		writes.Close()
		return nil, err
	}
	db := &DB{file: path, log: o.Logger, reads: reads, writes: writes, writer: newWriter(writes, limit), readers: newReaders(reads, limit), limit: limit}
	db.remains.Store(true) // of a process that was killed
	return db, nil
}

// makePrivate creates the file with mode 0600, or takes others' access away from one
// that is there. SQLite gives its side files the same mode.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	for _, side := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(path+side, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// pool prepares connections to the file. The busy timeout is short: SQLite sleeps
// through it where nothing can wake it, and whoever must wait longer asks again.
func pool(path string, size int, params ...string) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Path: path}
	// The cache holds the inner pages of a million sessions' indexes; it fills as needed.
	params = append([]string{"_busy_timeout=20", "_pragma=cache_size(-8192)", "_defensive=1", "_dqs=0", "_pragma=trusted_schema(0)"}, params...)
	connector, err := sqlitedriver.NewConnector(u.String() + "?" + strings.Join(params, "&"))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// Store returns the store that seals with k. All stores of a DB share its connections.
func (d *DB) Store(k *keyring.Keyring) *Store { return &Store{db: d, keys: k} }

// Close finishes the writes that are queued and gives the folder back. A store that
// hangs delays it by a few seconds at most. Calls after Close return
// session.ErrUnavailable.
func (d *DB) Close() error {
	d.close.Do(func() {
		timeout := time.After(d.limit + time.Second)
		wait := make(chan struct{})
		go func() { <-timeout; close(wait) }()
		d.writer.close()
		d.readers.close(wait)
		closed := make(chan error, 1)
		// The last connection writes the log back into the database file.
		go func() { closed <- errors.Join(d.reads.Close(), d.writes.Close()) }()
		select {
		case d.err = <-closed:
		case <-wait:
			d.err = errors.New("closing store: it does not answer")
		}
		d.err = errors.Join(d.err, d.lock.Close())
	})
	return d.err
}

// DataKeys implements keyring.Store.
func (d *DB) DataKeys(ctx context.Context) ([]keyring.WrappedKey, error) {
	return read(ctx, d.readers, "reading data keys", func(c *conn) ([]keyring.WrappedKey, error) {
		var keys []keyring.WrappedKey
		err := c.each(func(scan func(...any) error) error {
			var k keyring.WrappedKey
			var created int64
			err := scan(&k.ID, &k.Wrapped, &created)
			k.CreatedAt = fromMicros(created)
			keys = append(keys, k)
			return err
		}, "SELECT id, wrapped, created_at FROM data_keys ORDER BY created_at, id")
		return keys, err
	})
}

// AddDataKey implements keyring.Store.
func (d *DB) AddDataKey(ctx context.Context, k keyring.WrappedKey) error {
	return d.writer.do(ctx, "adding a data key", func(c *conn) error {
		_, err := c.exec("INSERT INTO data_keys (id, wrapped, created_at) VALUES (?1, ?2, ?3)",
			k.ID, k.Wrapped, micros(k.CreatedAt))
		return err
	})
}
