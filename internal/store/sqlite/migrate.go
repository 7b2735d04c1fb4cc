package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema returns the newest schema version that this program knows.
func Schema() (int64, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		return 0, errors.Join(errors.New("no migrations"), err)
	}
	return goose.NumericComponent(files[len(files)-1]) // Glob sorts
}

// migrator changes the schema of db.
func migrator(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return migratorFrom(db, files)
}

func migratorFrom(db *sql.DB, files fs.FS) (*goose.Provider, error) {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"))
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	return provider, nil
}

// migrate brings the schema to the newest version that this program knows.
func migrate(ctx context.Context, db *sql.DB, path string, o Options) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return migrateFrom(ctx, db, path, files, o)
}

func migrateFrom(ctx context.Context, db *sql.DB, path string, files fs.FS, o Options) error {
	provider, err := migratorFrom(db, files)
	if err != nil {
		return err
	}
	have, want, err := provider.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("reading the schema's version: %w", err)
	case have > want:
		return fmt.Errorf("the store has schema version %d and this program knows up to %d: it was used by a newer version; "+
			"run that one, or put back the copy that it made beside the store before it migrated", have, want)
	case have == want:
		return nil
	}
	if have > 0 {
		to := fmt.Sprintf("%s.schema-%d.%s", path, have, o.Now().UTC().Format("20060102T150405Z"))
		if err := copyTo(ctx, db, to); err != nil {
			return fmt.Errorf("copying the store before its migration: %w", err)
		}
		o.Logger.LogAttrs(ctx, slog.LevelInfo, "store copied before migration", slog.String("copy", to))
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the store from schema version %d to %d: %w", have, want, err)
	}
	return nil
}

// copyTo writes a consistent copy of the database, on disk when it returns.
func copyTo(ctx context.Context, db *sql.DB, to string) error {
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // VACUUM INTO takes an empty file
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?1", to); err != nil {
		os.Remove(to)
		return err
	}
	return syncWhole(f)
}
