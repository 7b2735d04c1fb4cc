package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/backup"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// copies are the backups that a running gateway makes, one at a time.
type copies struct {
	version  string
	one      sync.Mutex
	progress atomic.Pointer[admin.BackupProgress]
}

// WriteBackup implements admin.Backups.
func (a *App) WriteBackup(ctx context.Context, w io.Writer, withKey bool) error {
	if !a.copies.one.TryLock() {
		return admin.ErrBusy
	}
	defer a.copies.one.Unlock()
	a.copies.progress.Store(&admin.BackupProgress{Running: true})
	defer a.copies.progress.Store(nil)
	root, err := heldRoot(a.cfg())
	if err != nil {
		return err
	}
	defer clear(root)
	scratch := a.storage.db.ScratchName(rand.Text())
	err = writeBackup(ctx, w, scratch, backup.Draft{Cardea: a.copies.version, MadeAt: a.clock.Now(), Root: root, WithKey: withKey},
		func() (sqlite.Copied, error) {
			return a.storage.db.Copy(ctx, sqlite.CopyOptions{To: scratch, Gentle: true, Progress: func(done, of int64) {
				a.copies.progress.Store(&admin.BackupProgress{Running: true, Done: done, Of: of})
			}})
		})
	if err != nil {
		return err
	}
	a.backupMade(ctx, withKey)
	return nil
}

// BackupProgress implements admin.Backups.
func (a *App) BackupProgress() admin.BackupProgress {
	if p := a.copies.progress.Load(); p != nil {
		return *p
	}
	return admin.BackupProgress{}
}

// writeBackup completes d by a copy at scratch, which is removed, and writes it to w.
func writeBackup(ctx context.Context, w io.Writer, scratch string, d backup.Draft, copyTo func() (sqlite.Copied, error)) error {
	defer os.Remove(scratch)
	copied, err := copyTo()
	if err != nil {
		return err
	}
	d.Schema, d.Counts, d.Keys = copied.Schema, copied.Counts, copied.Keys
	if d.Database, err = os.Open(scratch); err != nil {
		return fmt.Errorf("reading the copy: %w", err)
	}
	defer d.Database.Close()
	return backup.Write(ctx, w, d)
}

// heldRoot returns the root key, which is not made where it is missing.
func heldRoot(cfg *config.Config) ([]byte, error) {
	if cfg.Keys.RootEnv != "" && cfg.Keys.Root.IsZero() {
		return nil, fmt.Errorf("keys.root_env: the variable %s is not set here, and the root key is needed", cfg.Keys.RootEnv)
	}
	if !cfg.Keys.Root.IsZero() {
		root, err := keyring.ParseRoot(cfg.Keys.Root.Reveal())
		if err != nil {
			return nil, fmt.Errorf("keys.root_env %s: %w", cfg.Keys.RootEnv, err)
		}
		return root, nil
	}
	root, err := keyring.ReadRoot(cfg.Keys.RootFile)
	if err != nil {
		return nil, fmt.Errorf("keys.root_file: %w", err)
	}
	return root, nil
}

// BackupOptions say what is backed up and where to. Gateway, Out, Now and Version are
// required.
type BackupOptions struct {
	Gateway *admin.Client  // asked first
	Config  *config.Config // of the gateway, for when it does not run
	Out     string         // a file, or a folder in which the file gets a dated name
	WithKey bool
	Version string
	Now     time.Time
	// Progress, if set, is called now and then.
	Progress func(done, of int64)
}

// BackupReport is what Backup wrote.
type BackupReport struct {
	File     string          `json:"file"`
	Size     int64           `json:"size"`
	Running  bool            `json:"running"` // whether a running gateway made it
	Manifest backup.Manifest `json:"manifest"`
}

// Backup writes a backup of a gateway that is running or not: a running one makes the
// copy itself. Where none runs its folder is locked meanwhile, and its database stays as
// it is, in the schema that it has.
func Backup(ctx context.Context, o BackupOptions) (BackupReport, error) {
	r := BackupReport{File: o.Out}
	if info, err := os.Stat(o.Out); err == nil && info.IsDir() {
		r.File = filepath.Join(o.Out, "cardea-backup-"+o.Now.UTC().Format("20060102T150405Z")+".tar")
	}
	var err error
	r.Manifest, err = backup.Save(ctx, r.File, func(w io.Writer) error {
		err := askGateway(ctx, w, o)
		if r.Running = !errors.Is(err, admin.ErrNotRunning); r.Running || o.Config == nil {
			return err
		}
		return backupOffline(ctx, w, o)
	})
	if err != nil {
		return BackupReport{}, err
	}
	info, err := os.Stat(r.File)
	if err != nil {
		return BackupReport{}, fmt.Errorf("looking for what was written: %w", err)
	}
	r.Size = info.Size()
	return r, nil
}

// askGateway lets the running gateway make the copy, and asks it how far it is.
func askGateway(ctx context.Context, w io.Writer, o BackupOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	if o.Progress != nil {
		asking.Go(func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if p, err := o.Gateway.BackupProgress(ctx); err == nil && p.Of > 0 {
					o.Progress(p.Done, p.Of)
				}
			}
		})
	}
	return o.Gateway.Backup(ctx, o.WithKey, w)
}

func backupOffline(ctx context.Context, w io.Writer, o BackupOptions) (err error) {
	root, err := heldRoot(o.Config)
	if err != nil {
		return err
	}
	defer clear(root)
	path := o.Config.Store.SQLite.Path
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s", path)
	}
	db, err := sqlite.OpenOffline(path)
	if held, ok := errors.AsType[*sqlite.InUseError](err); ok {
		return fmt.Errorf("%w, and no gateway answers at %s: name its admin socket by --admin unix:PATH", held, o.Config.Admin.Listen)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	exists, err := db.Exists()
	if err != nil {
		return fmt.Errorf("looking for %s: %w", path, err)
	}
	if !exists {
		return fmt.Errorf("there is no database at %s", path)
	}
	scratch := db.ScratchName(rand.Text())
	return writeBackup(ctx, w, scratch, backup.Draft{Cardea: o.Version, MadeAt: o.Now, Root: root, WithKey: o.WithKey},
		func() (sqlite.Copied, error) {
			return db.Copy(ctx, sqlite.CopyOptions{To: scratch, Progress: o.Progress})
		})
}
