package people

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// Identities are kept with their accounts. Its methods return session.ErrNotFound,
// account.ErrErased and session.ErrUnavailable.
type Identities interface {
	Person(ctx context.Context, id string) (account.Person, error)
	// Unlink returns account.ErrLast, account.ErrNotLinked and account.ErrDisabled. From
	// then on no session of the account opens by the identity.
	Unlink(ctx context.Context, now time.Time, id string, of oidc.Identity, by string, configured account.Configured) error
	// Unlinkings are identities that were unlinked and may have sessions.
	Unlinkings(ctx context.Context, limit int) ([]account.Identity, error)
	// Settle says that they have none any more.
	Settle(ctx context.Context, id string, of oidc.Identity) error
}

// Unlink takes the identity with this key from an account and ends the sessions that it
// opened; those by other identities go on. actor and by are who asked, as package audit
// names them. It returns account.ErrLast, account.ErrNotLinked, account.ErrDisabled for a
// person whose account is, account.ErrErased and session.ErrNotFound. With ErrUnfinished the
// identity is unlinked all the same, and Run ends what is left.
func (p *People) Unlink(ctx context.Context, id, key, actor, by string) (account.Identity, signout.Sum, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actWithin)
	defer cancel()
	ctx = audit.WithActor(ctx, actor, by)
	person, err := p.o.Identities.Person(ctx, id)
	if err != nil {
		return account.Identity{}, signout.Sum{}, fmt.Errorf("unlinking from account %s: %w", id, err)
	}
	i, ok := person.ByKey(key)
	if !ok {
		return account.Identity{}, signout.Sum{}, fmt.Errorf("unlinking from account %s: %w", id, account.ErrNotLinked)
	}
	if err := p.o.Identities.Unlink(ctx, p.o.Now(), id, i.Identity, by, p.o.Configured); err != nil {
		return account.Identity{}, signout.Sum{}, fmt.Errorf("unlinking from account %s: %w", id, err)
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	sum, err := p.settle(ctx, i, cmp.Or(by, actor))
	p.o.Logger.Info("identity unlinked", "account", id, "provider", i.Provider, "actor", actor, "by", by, "ended", sum.Ended)
	return i, sum, err
}

// settle ends the sessions that an unlinked identity opened.
func (p *People) settle(ctx context.Context, i account.Identity, by string) (signout.Sum, error) {
	sum, err := p.o.Ender.EndSummed(ctx, p.o.Now(), session.Filter{Account: i.Account, Identity: i.Identity},
		signout.Request{Cause: session.CauseIdentity, By: by}, nil)
	if err == nil {
		err = p.o.Identities.Settle(ctx, i.Account, i.Identity)
	}
	if err != nil {
		return sum, fmt.Errorf("ending the sessions of an unlinked identity of account %s: %w: %w", i.Account, ErrUnfinished, err)
	}
	return sum, nil
}

// settleAll finishes unlinkings that a crash or an outage interrupted.
func (p *People) settleAll(ctx context.Context) {
	list, err := p.o.Identities.Unlinkings(ctx, finishBatch)
	if err != nil {
		return // the store's own alarm tells of an outage
	}
	for _, i := range list {
		if ctx.Err() != nil {
			return
		}
		sum, err := p.settle(ctx, i, "gateway")
		if err != nil {
			p.o.Logger.Warn("the sessions of an unlinked identity could not be ended; it will be tried again", "account", i.Account, "err", err)
			continue
		}
		p.o.Logger.Info("what was left of an unlinked identity has ended", "account", i.Account, "ended", sum.Ended)
	}
}
