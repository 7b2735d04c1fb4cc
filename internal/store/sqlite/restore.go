package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/keyring"
)

// ErrExists: there is a database, and nobody said that it may be replaced.
var ErrExists = errors.New("there is a database already")

// Names beside the database, each followed by a dot and what tells several apart.
// Whoever takes the folder removes scratch files: only a process that was killed leaves
// them.
const (
	restoringSuffix = ".restoring"      // being made
	copyingSuffix   = ".copying"        // a running gateway's copy
	restoredSuffix  = ".restored"       // whole: from here on it is the database
	asideSuffix     = ".before-restore" // the one that was there before
)

// RestoreOptions say what takes a database's place. Fill, Check and Now are required.
type RestoreOptions struct {
	// Fill writes the database file that is taken: of a backup, or a copy that was made
	// before a migration.
	Fill func(w io.Writer) error
	// Check is called with the data keys in it, before anything is changed.
	Check func(keys []keyring.WrappedKey) error
	// Ready, if set, is called when all is made and checked, just before the change.
	Ready    func() error
	Replace  bool // a database that exists is kept aside
	Now      time.Time
	Progress func(done, of int64)
}

// Restored is what a restore made.
type Restored struct {
	Copied        // Schema is the newest
	From   int64  // the schema version of what was taken
	Aside  string // where the database is kept that was there before; "" when there was none
}

// Restore makes the database anew from another one's file, in the newest schema and
// without sessions (see DB.Copy), and then puts it in place in one step: a process that
// is killed leaves either the one or the other. It returns ErrExists without o.Replace,
// ErrForeign for a file that is none of ours, and *NewerError.
func (f *Offline) Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	exists, err := f.Exists()
	if err != nil {
		return Restored{}, fmt.Errorf("looking for %s: %w", f.path, err)
	}
	if exists && !o.Replace {
		return Restored{}, ErrExists
	}
	defer func() { _ = removeScratch(f.path) }()
	from, to := f.path+restoringSuffix+".from", f.path+restoringSuffix+".to"
	if err := fill(from, o.Fill); err != nil {
		return Restored{}, err
	}
	r, err := remake(ctx, from, to, o)
	if err != nil {
		return Restored{}, err
	}
	dir := filepath.Dir(f.path)
	if err := Adopt(dir, to); err != nil {
		return Restored{}, fmt.Errorf("giving the database to the owner of data_dir: %w", err)
	}
	if o.Ready != nil {
		if err := o.Ready(); err != nil {
			return Restored{}, err
		}
	}
	at, err := f.unusedName(o.Now)
	if err != nil {
		return Restored{}, err
	}
	if exists {
		r.Aside = f.path + asideSuffix + at
	}
	if err := os.Rename(to, f.path+restoredSuffix+at); err != nil {
		return Restored{}, fmt.Errorf("putting the database in place: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return Restored{}, fmt.Errorf("putting the database in place: %w", err)
	}
	if err := finishRestore(f.path); err != nil {
		return Restored{}, fmt.Errorf("putting the database in place: %w (it is done at the next start)", err)
	}
	return r, nil
}

func fill(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making a file for the backup's database: %w", err)
	}
	return errors.Join(write(file), file.Close())
}

// remake copies from to to, checked, and brings to's schema up to date.
func remake(ctx context.Context, from, to string, o RestoreOptions) (Restored, error) {
	if err := sound(ctx, from); err != nil {
		return Restored{}, err
	}
	copied, err := copyFile(ctx, from, CopyOptions{To: to, Progress: o.Progress})
	if err != nil {
		return Restored{}, err
	}
	if err := o.Check(copied.Keys); err != nil {
		return Restored{}, err
	}
	r := Restored{Copied: copied, From: copied.Schema}
	db, err := pool(to, 1, "_journal_mode=MEMORY", "_synchronous=OFF")
	if err != nil {
		return r, err
	}
	defer db.Close()
	provider, err := migrator(db)
	if err != nil {
		return r, err
	}
	if _, err := provider.Up(ctx); err != nil {
		return r, fmt.Errorf("migrating from schema version %d: %w", r.From, err)
	}
	if r.Schema, err = Schema(); err != nil {
		return r, err
	}
	if err := tellRestored(db, o.Now, r.From); err != nil {
		return r, fmt.Errorf("writing the audit trail: %w", err)
	}
	if err := db.Close(); err != nil {
		return r, err
	}
	file, err := os.Open(to)
	if err != nil {
		return r, err
	}
	defer file.Close()
	return r, syncWhole(file)
}

// tellRestored writes into the trail that the store was put back, and what was given up
// by it.
func tellRestored(db *sql.DB, now time.Time, from int64) error {
	c, err := openConn(db)
	if err != nil {
		return err
	}
	defer c.discard()
	if _, err := c.exec("BEGIN"); err != nil {
		return err
	}
	var givenUp []string
	if err := c.each(func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		givenUp = append(givenUp, id)
		return err
	}, "SELECT id FROM outbox WHERE state = 'failed' AND last_error = ?1 ORDER BY created_at, id", notKnown); err != nil {
		return err
	}
	for _, id := range givenUp {
		// An entry that an earlier restore gave up was told of by that.
		if err := insertDelivery(c, now, id, audit.Event{ID: "restored." + id, Cause: "restored"}); err != nil {
			return err
		}
	}
	if err := insertAudit(c, now, audit.Event{Type: audit.StoreRestored, Actor: audit.ActorGateway, Detail: map[string]string{
		"from_schema": strconv.FormatInt(from, 10), "given_up": strconv.Itoa(len(givenUp)),
	}}); err != nil {
		return err
	}
	_, err = c.exec("COMMIT")
	return err
}

// sound refuses a file that is no database of ours, or a damaged or newer one.
func sound(ctx context.Context, path string) error {
	db, err := pool(path, 1, "mode=rw", "_query_only=1")
	if err != nil {
		return err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	defer c.Close()
	if _, err := schemaOf(ctx, c); err != nil {
		return err
	}
	faults, err := texts(ctx, c, "PRAGMA quick_check(3)")
	if err != nil {
		return fmt.Errorf("the database is damaged: %w", err)
	}
	if len(faults) != 1 || faults[0] != "ok" {
		return fmt.Errorf("the database is damaged: %s", strings.Join(faults, "; "))
	}
	return nil
}

// unusedName returns a dated ending under which nothing is kept aside yet.
func (f *Offline) unusedName(now time.Time) (string, error) {
	date := "." + now.UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		at := date
		if n > 1 {
			at = fmt.Sprintf("%s-%d", date, n)
		}
		if _, err := os.Lstat(f.path + asideSuffix + at); errors.Is(err, fs.ErrNotExist) {
			return at, nil
		} else if err != nil {
			return "", fmt.Errorf("looking for a name: %w", err)
		}
	}
}

// finishRestore puts a restored database in place, as often as it is called, and removes
// what was left half done. The caller holds the folder.
func finishRestore(path string) error {
	done, err := beside(path, restoredSuffix)
	if err != nil {
		return err
	}
	for _, name := range done {
		aside := path + asideSuffix + strings.TrimPrefix(name, path+restoredSuffix)
		if err := exchange(path, name, aside); err != nil {
			return err
		}
	}
	return removeScratch(path)
}

// exchange keeps the database at path under the name aside and puts next in its place.
// Whatever it was doing when it was killed, doing it again comes to the same.
func exchange(path, next, aside string) error {
	dir := filepath.Dir(path)
	for _, side := range []string{"", "-wal", "-journal"} {
		err := os.Link(path+side, aside+side)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	// The old log beside the new database would be read as the new one's.
	for _, side := range []string{"-wal", "-journal", "-shm"} {
		if err := os.Remove(path + side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncDir(dir)
}

func removeScratch(path string) error {
	for _, suffix := range []string{restoringSuffix, copyingSuffix} {
		names, err := beside(path, suffix)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// beside lists the files whose names are path's, suffix, a dot and something.
func beside(path, suffix string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+suffix+".") {
			names = append(names, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return names, nil
}

// ScratchName is for a copy beside the database that is read once and removed. One that a
// killed process left is removed at the next start.
func (d *DB) ScratchName(id string) string { return d.file + copyingSuffix + "." + id }

// ScratchName is that of DB.
func (f *Offline) ScratchName(id string) string { return f.path + copyingSuffix + "." + id }
