package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// Store keeps accounts. Its methods return session.ErrNotFound, account.ErrErased and
// session.ErrUnavailable.
type Store interface {
	SetDisabled(ctx context.Context, now time.Time, id string, disabled bool) (changed bool, err error)
	// MarkErasing disables for good.
	MarkErasing(ctx context.Context, now time.Time, id string) error
	// Erase returns session.ErrConflict while a session lives.
	Erase(ctx context.Context, now time.Time, id string) error
	// Unfinished are the accounts that are shut and have sessions, or go.
	Unfinished(ctx context.Context, limit int) ([]account.Account, error)
}

// Ender ends sessions (package signout).
type Ender interface {
	EndSummed(ctx context.Context, now time.Time, f session.Filter, req signout.Request, progress func(int)) (signout.Sum, error)
}

// Options are what People live on; all are required.
type Options struct {
	Store      Store
	Identities Identities
	Configured account.Configured // as the configuration is when it is asked
	Ender      Ender
	Logger     *slog.Logger
	Now        func() time.Time
}

// People acts on accounts. It is safe for concurrent use; acts that end sessions run one
// after another.
type People struct {
	o    Options
	turn sync.Mutex
}

// New returns People; Run must be running.
func New(o Options) (*People, error) {
	if o.Store == nil || o.Identities == nil || o.Configured == nil || o.Ender == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("people: every option is required")
	}
	return &People{o: o}, nil
}

// ErrUnfinished: the account is shut, or the identity unlinked, durably, but some sessions
// are only refused in memory, or could not be listed; Run goes on until it is done.
var ErrUnfinished = errors.New("it is begun, durably, and the rest follows as soon as the store allows it")

// actWithin bounds an act. The operator who asked going away does not stop it.
const actWithin = 10 * time.Minute

// Disable shuts an account and ends its sessions. From its first write on nobody signs in
// to it. Disabling what is disabled ends what may be left. by is who asked, for the log.
// With ErrUnfinished the account is shut all the same.
func (p *People) Disable(ctx context.Context, id, by string) (changed bool, sum signout.Sum, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actWithin)
	defer cancel()
	if changed, err = p.o.Store.SetDisabled(ctx, p.o.Now(), id, true); err != nil {
		return false, signout.Sum{}, fmt.Errorf("disabling account %s: %w", id, err)
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	sum, err = p.endAll(ctx, id, by)
	p.o.Logger.Info("account disabled", "account", id, "by", by, "ended", sum.Ended, "changed", changed)
	return changed, sum, err
}

// Enable lets a disabled account's identities sign in again, and tells whether it was
// disabled. It returns account.ErrErasing for one whose deletion has begun.
func (p *People) Enable(ctx context.Context, id, by string) (changed bool, err error) {
	if changed, err = p.o.Store.SetDisabled(ctx, p.o.Now(), id, false); err != nil {
		return false, fmt.Errorf("enabling account %s: %w", id, err)
	}
	p.o.Logger.Info("account enabled", "account", id, "by", by, "changed", changed)
	return changed, nil
}

// Delete ends an account's sessions and erases the person. With ErrUnfinished the account
// is shut for good, and Run erases it. Deleting what is deleted is account.ErrErased.
func (p *People) Delete(ctx context.Context, id, by string) (sum signout.Sum, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actWithin)
	defer cancel()
	if err := p.o.Store.MarkErasing(ctx, p.o.Now(), id); err != nil {
		return signout.Sum{}, fmt.Errorf("deleting account %s: %w", id, err)
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	p.o.Logger.Info("deletion of an account begins", "account", id, "by", by)
	return p.finish(ctx, id, by)
}

// endAll ends the sessions of an account that is shut.
func (p *People) endAll(ctx context.Context, id, by string) (signout.Sum, error) {
	sum, err := p.o.Ender.EndSummed(ctx, p.o.Now(), session.Filter{Account: id}, signout.Request{Cause: session.CauseAccount, By: by}, nil)
	if err != nil {
		return sum, fmt.Errorf("ending the sessions of account %s: %w: %w", id, ErrUnfinished, err)
	}
	return sum, nil
}

// finish ends the sessions of an account that is marked, and erases it.
func (p *People) finish(ctx context.Context, id, by string) (signout.Sum, error) {
	sum, err := p.endAll(ctx, id, by)
	if err != nil {
		return sum, err
	}
	if err := p.o.Store.Erase(ctx, p.o.Now(), id); err != nil {
		return sum, fmt.Errorf("erasing account %s: %w: %w", id, ErrUnfinished, err)
	}
	p.o.Logger.Info("account deleted", "account", id, "by", by, "ended", sum.Ended)
	return sum, nil
}

const (
	finishInterval = 5 * time.Second
	finishBatch    = 100
)

// Run finishes what a crash or an outage left, until ctx ends: at once, and then every
// few seconds.
func (p *People) Run(ctx context.Context) {
	tick := time.NewTicker(finishInterval)
	defer tick.Stop()
	for {
		p.finishAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *People) finishAll(ctx context.Context) {
	if !p.turn.TryLock() {
		return // an act is under way
	}
	defer p.turn.Unlock()
	ctx = audit.WithActor(ctx, audit.ActorGateway, "")
	p.settleAll(ctx)
	list, err := p.o.Store.Unfinished(ctx, finishBatch)
	if err != nil {
		return // the store's own alarm tells of an outage
	}
	for _, acc := range list {
		if ctx.Err() != nil {
			return
		}
		act := p.endAll
		if acc.Erasing {
			act = p.finish
		}
		sum, err := act(ctx, acc.ID, "gateway")
		if err != nil {
			p.o.Logger.Warn("an account that is shut could not be finished; it will be tried again", "account", acc.ID, "err", err)
			continue
		}
		p.o.Logger.Info("what was left of an account that is shut is done", "account", acc.ID, "ended", sum.Ended, "erased", acc.Erasing)
	}
}
