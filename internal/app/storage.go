package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// storage is the database with what opens its sealed columns.
type storage struct {
	db     *sqlite.DB
	keys   *keyring.Keyring
	store  *sqlite.Store
	logger *slog.Logger
	now    func() time.Time
}

// openTries is how often the store may be too slow at first. While much starts at once the
// machine may let it wait longer than one call may take, and a start that fails starts all
// of it anew.
const openTries = 5

func (a *App) openStore(ctx context.Context, within time.Duration) error {
	db, err := sqlite.Open(ctx, sqlite.Options{Path: a.first.Store.SQLite.Path, Logger: a.logger, Now: a.clock.Now, CallTimeout: within})
	if err != nil {
		return err
	}
	a.storage = &storage{db: db, logger: a.logger, now: a.clock.Now}
	root, err := a.rootKey()
	if err != nil {
		return err
	}
	defer clear(root)
	for try := 1; ; try++ {
		a.storage.keys, err = keyring.Open(ctx, keyring.Options{Root: root, Store: db, Now: a.clock.Now()})
		if err == nil {
			break
		}
		if try == openTries || !errors.Is(err, session.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		a.logger.Warn("the store does not answer yet; it is asked again", "err", err)
	}
	a.storage.store = db.Store(a.storage.keys)
	return nil
}

func (a *App) rootKey() ([]byte, error) {
	k := a.first.Keys
	if !k.Root.IsZero() {
		root, err := keyring.ParseRoot(k.Root.Reveal())
		if err != nil {
			return nil, fmt.Errorf("keys.root_env %s: %w", k.RootEnv, err)
		}
		return root, nil
	}
	root, created, err := keyring.LoadRoot(k.RootFile)
	if err != nil {
		return nil, fmt.Errorf("keys.root_file: %w", err)
	}
	if created {
		a.logger.Info("root key made; without it the store cannot be read: keep a copy", "file", k.RootFile)
	}
	return root, nil
}

// refreshKeys loads data keys that another process made, until ctx ends.
func (s *storage) refreshKeys(ctx context.Context) {
	tick := time.NewTicker(keyring.Settle / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.keys.Refresh(ctx, s.now()); err != nil && ctx.Err() == nil {
				s.logger.Warn("data keys could not be read again", "err", err)
			}
		}
	}
}
