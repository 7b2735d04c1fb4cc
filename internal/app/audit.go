package app

import (
	"context"

	"github.com/cardea-auth/cardea/internal/audit"
)

// makeTrail makes what keeps events of the audit trail that are no part of a store's
// transaction, through an outage of the store.
func (a *App) makeTrail(context.Context) error {
	var err error
	a.trail, err = audit.NewKeeper(audit.KeeperOptions{Writer: a.storage.store, Logger: a.logger, Now: a.clock.Now})
	return err
}

// backupMade tells the trail. The backup is out by then, whatever the store says.
func (a *App) backupMade(ctx context.Context, withKey bool) {
	actor, by := audit.ActorOf(ctx)
	e := audit.Event{Type: audit.BackupMade, Actor: actor, By: by}
	if withKey {
		e.Detail = map[string]string{"with_root_key": "yes"}
	}
	_ = a.trail.Record(ctx, a.clock.Now(), e)
}
