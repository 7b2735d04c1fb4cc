package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

// migrated is an empty store of today's schema, which takes long to make.
var migrated = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "sqlite")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "x.db")
	db, err := Open(context.Background(), Options{Path: path, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// openDB opens the store at path, which may exist.
func openDB(t testing.TB, path string) *DB {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		data, err := migrated()
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return openNew(t, path)
}

// openNew is openDB, and a store that is not there is made from nothing.
func openNew(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), Options{Path: path, Logger: slog.New(slog.DiscardHandler), Now: time.Now, CallTimeout: time.Minute / 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// mark writes one row that the tests can count.
func mark(c *conn, key string) error {
	_, err := c.exec("INSERT INTO handles (handle, account, given_at) VALUES (?1, '', 0)", key)
	return err
}

func marks(t *testing.T, db *DB) map[string]bool {
	t.Helper()
	found, err := read(t.Context(), db.readers, "counting", func(c *conn) (map[string]bool, error) {
		found := map[string]bool{}
		err := c.each(func(scan func(...any) error) error {
			var h string
			err := scan(&h)
			found[h] = true
			return err
		}, "SELECT handle FROM handles")
		return found, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// busy occupies the writer until release is called, so that what comes next is one group.
func busy(t *testing.T, db *DB) (release func()) {
	t.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		err := db.writer.do(t.Context(), "occupying", func(*conn) error { close(entered); <-leave; return nil })
		if err != nil {
			t.Error(err)
		}
	})
	<-entered
	return func() { close(leave); done.Wait() }
}

func TestCallerThatGaveUpWhileItsWriteRanFindsNothingDone(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "x.db"))
	release := busy(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	running, proceed := make(chan struct{}), make(chan struct{})
	var once sync.Once
	results := make(map[string]error)
	var mu sync.Mutex
	var calls sync.WaitGroup
	call := func(ctx context.Context, key string, wait bool) {
		calls.Go(func() {
			err := db.writer.do(ctx, "marking", func(c *conn) error {
				if err := mark(c, key); err != nil {
					return err
				}
				if wait {
					once.Do(func() { close(running) })
					<-proceed
				}
				return nil
			})
			mu.Lock()
			results[key] = err
			mu.Unlock()
		})
	}
	call(t.Context(), "before", false)
	waitQueued(t, db, 1)
	call(ctx, "abandoned", true)
	waitQueued(t, db, 2)
	call(t.Context(), "after", false)
	waitQueued(t, db, 3)
	release()
	<-running
	cancel()
	for { // the caller is released while its write is still running
		mu.Lock()
		err, ok := results["abandoned"]
		mu.Unlock()
		if ok {
			if !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Fatalf("abandoned: %v", err)
			}
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(proceed)
	calls.Wait()
	if results["before"] != nil || results["after"] != nil {
		t.Fatalf("writes of the same group failed: %v", results)
	}
	if got := marks(t, db); len(got) != 2 || !got["before"] || !got["after"] {
		t.Fatalf("stored: %v", got)
	}
}

func waitQueued(t *testing.T, db *DB, n int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(db.writer.queue) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d writes queued, want %d", len(db.writer.queue), n)
		}
	}
}

func TestCallerThatGaveUpWhileWaitingIsNeverServed(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "x.db"))
	release := busy(t, db)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := db.writer.do(ctx, "marking", func(c *conn) error { return mark(c, "late") })
	if !errors.Is(err, session.ErrUnavailable) {
		t.Fatal(err)
	}
	release()
	if err := db.writer.do(t.Context(), "marking", func(c *conn) error { return mark(c, "next") }); err != nil {
		t.Fatal(err)
	}
	if got := marks(t, db); len(got) != 1 || !got["next"] {
		t.Fatalf("stored: %v", got)
	}
}

func TestRefusedWriteUndoesItselfAndNoOtherOfItsGroup(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "x.db"))
	release := busy(t, db)
	refused := errors.New("refused")
	var calls sync.WaitGroup
	for i, key := range []string{"one", "two", "three", "two"} {
		calls.Go(func() {
			err := db.writer.do(t.Context(), "marking", func(c *conn) error {
				if err := mark(c, key); err != nil {
					return err
				}
				if key == "one" {
					return refused
				}
				return nil
			})
			switch {
			case key == "one" && !errors.Is(err, refused):
				t.Errorf("refused write: %v", err)
			case i == 3 && (err == nil || errors.Is(err, session.ErrUnavailable)):
				t.Errorf("write that breaks a constraint: %v", err)
			case (i == 1 || i == 2) && err != nil:
				t.Errorf("%s: %v", key, err)
			}
		})
		waitQueued(t, db, i+1)
	}
	release()
	calls.Wait()
	if got := marks(t, db); len(got) != 2 || !got["two"] || !got["three"] {
		t.Fatalf("stored: %v", got)
	}
}

func TestFailureOfTheDatabaseFailsTheGroupAndTheNextOneWorks(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "x.db"))
	release := busy(t, db)
	var calls sync.WaitGroup
	for i, query := range []string{"INSERT INTO handles (handle, account, given_at) VALUES ('one', '', 0)", "INSERT INTO no_such_table VALUES (1)"} {
		calls.Go(func() {
			err := db.writer.do(t.Context(), "marking", func(c *conn) error { _, err := c.exec(query); return err })
			if !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("write %d: %v", i, err)
			}
		})
		waitQueued(t, db, i+1)
	}
	release()
	calls.Wait()
	if err := db.writer.do(t.Context(), "marking", func(c *conn) error { return mark(c, "next") }); err != nil {
		t.Fatal(err)
	}
	if got := marks(t, db); len(got) != 1 || !got["next"] {
		t.Fatalf("stored: %v", got)
	}
}

func TestFailedReadIsUnavailableAndTheNextOneWorks(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "x.db"))
	_, err := read(t.Context(), db.readers, "reading", func(c *conn) (int, error) {
		var n int
		_, err := c.one([]any{&n}, "SELECT n FROM no_such_table")
		return n, err
	})
	if !errors.Is(err, session.ErrUnavailable) {
		t.Fatal(err)
	}
	if _, err := db.DataKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestClosedStoreFinishesWhatIsQueuedAndRefusesTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db := openDB(t, path)
	release := busy(t, db)
	queued := make(chan error, 1)
	go func() {
		queued <- db.writer.do(t.Context(), "marking", func(c *conn) error { return mark(c, "queued") })
	}()
	waitQueued(t, db, 1)
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	<-db.writer.stop
	release()
	if err := <-queued; err != nil {
		t.Errorf("a write that was queued before closing: %v", err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatalf("closing twice: %v", err)
	}
	if err := db.writer.do(t.Context(), "marking", func(*conn) error { return nil }); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("write after closing: %v", err)
	}
	if _, err := db.DataKeys(t.Context()); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("read after closing: %v", err)
	}
	if got := marks(t, openDB(t, path)); !got["queued"] {
		t.Fatalf("stored: %v", got)
	}
}
