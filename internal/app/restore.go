package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cardea-auth/cardea/internal/backup"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// RestoreOptions say what is restored. Config, From and Now are required.
type RestoreOptions struct {
	Config   *config.Config
	From     string // a backup, or a copy of the database that was made before a migration
	Replace  bool   // a database that exists is kept aside
	Now      time.Time
	Progress func(done, of int64)
}

// RestoreReport is what Restore did.
type RestoreReport struct {
	File       string           `json:"file"`
	Database   string           `json:"database"`
	KeptAside  string           `json:"kept_aside,omitempty"`
	Manifest   *backup.Manifest `json:"manifest,omitempty"` // not of a plain copy
	FromSchema int64            `json:"from_schema"`
	Schema     int64            `json:"schema"`
	Counts     map[string]int64 `json:"counts"`
	RootKey    string           `json:"root_key,omitempty"` // where the root key was put that the backup held
}

// Restore puts a backup in place of the database of a gateway that does not run. Nothing
// is changed before everything was checked; see sqlite.Offline.Restore.
func Restore(ctx context.Context, o RestoreOptions) (_ RestoreReport, err error) {
	src, err := openSource(o.From)
	if err != nil {
		return RestoreReport{}, fmt.Errorf("%s: %w", o.From, err)
	}
	defer src.Close()
	db, err := sqlite.OpenOffline(o.Config.Store.SQLite.Path)
	if _, held := errors.AsType[*sqlite.InUseError](err); held {
		return RestoreReport{}, fmt.Errorf("%w: stop the gateway first", err)
	}
	if err != nil {
		return RestoreReport{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	root, place, err := src.root(ctx, o)
	if err != nil {
		return RestoreReport{}, err
	}
	defer clear(root)
	dir := filepath.Dir(db.Path())
	r, err := db.Restore(ctx, sqlite.RestoreOptions{
		Fill: func(w io.Writer) error { return src.database(ctx, w) },
		Check: func(keys []keyring.WrappedKey) error {
			_, err := backup.Unlock(ctx, root, keys, o.Now)
			return err
		},
		Ready: func() error {
			if place == "" {
				return nil
			}
			return errors.Join(keyring.PlaceRoot(place, root), sqlite.Adopt(dir, place))
		},
		Replace: o.Replace, Now: o.Now, Progress: o.Progress,
	})
	if newer, ok := errors.AsType[*sqlite.NewerError](err); ok {
		err = fmt.Errorf("%w: restore it with that version", newer)
	}
	if errors.Is(err, sqlite.ErrExists) {
		return RestoreReport{}, fmt.Errorf("there is a database at %s already: with --replace it is kept aside under a dated name", db.Path())
	}
	if err != nil {
		return RestoreReport{}, fmt.Errorf("restoring %s: %w", o.From, err)
	}
	report := RestoreReport{File: o.From, Database: db.Path(), KeptAside: r.Aside, FromSchema: r.From, Schema: r.Schema, Counts: r.Counts, RootKey: place}
	if src.file != nil {
		report.Manifest = &src.file.Manifest
	}
	return report, nil
}

// source is what is restored from: a backup, or a plain database.
type source struct {
	path string
	file *backup.File // nil for a database
}

// openSource tells a backup from a database, and refuses everything else.
func openSource(path string) (source, error) {
	magic := make([]byte, 16)
	f, err := os.Open(path)
	if err != nil {
		return source{}, fmt.Errorf("opening the backup: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return source{}, errors.New("it is not a file")
	}
	if _, err := io.ReadFull(f, magic); err != nil {
		return source{}, backup.ErrForeign
	}
	if string(magic) != "SQLite format 3\x00" {
		file, err := backup.Open(path)
		if err != nil {
			return source{}, err
		}
		known, err := sqlite.Schema()
		if err == nil && file.Manifest.Schema > known {
			err = fmt.Errorf("it has schema version %d and this program knows up to %d: it was made by a newer version (%s); restore it with that one",
				file.Manifest.Schema, known, file.Manifest.Cardea)
		}
		if err != nil {
			return source{}, errors.Join(err, file.Close())
		}
		return source{path, file}, nil
	}
	// What is in the log only would be lost.
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return source{}, errors.New("it is in use, or was not closed: part of it is in the file beside it that ends in -wal. Make a backup of it by \"cardea backup\"")
	}
	return source{path, nil}, nil
}

func (s source) Close() {
	if s.file != nil {
		s.file.Close()
	}
}

// root returns the root key that opens the backup, and where it is to be put when the
// gateway does not have it yet.
func (s source) root(ctx context.Context, o RestoreOptions) (root []byte, place string, err error) {
	root, err = heldRoot(o.Config)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return nil, "", err
	case missing && (s.file == nil || s.file.Root() == nil):
		return nil, "", fmt.Errorf("the root key is not at %s, and not in the backup: put the one there that the gateway had when the backup was made (keys.root_file)",
			o.Config.Keys.RootFile)
	case missing:
		root, place = bytes.Clone(s.file.Root()), o.Config.Keys.RootFile
	case s.file != nil && s.file.Root() != nil && !bytes.Equal(root, s.file.Root()):
		return nil, "", fmt.Errorf("the root key in the backup is not the gateway's: to use the backup's, move %s away first", keyPlace(o.Config))
	}
	if s.file == nil {
		return root, place, nil
	}
	if err := s.file.Authentic(ctx, root, o.Now); err != nil {
		return nil, "", fmt.Errorf("%s: %w", o.From, err)
	}
	return root, place, nil
}

// keyPlace names where the gateway has its root key.
func keyPlace(cfg *config.Config) string {
	if cfg.Keys.RootEnv != "" {
		return "the variable " + cfg.Keys.RootEnv
	}
	return cfg.Keys.RootFile
}

// database writes the database to w.
func (s source) database(ctx context.Context, w io.Writer) error {
	if s.file != nil {
		return s.file.Database(ctx, w)
	}
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("reading the copy: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("reading the copy: %w", err)
	}
	return nil
}
