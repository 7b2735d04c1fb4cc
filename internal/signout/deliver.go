package signout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

// Handlers are what the outbox calls to deliver what an end left to be told.
func (o *SignOut) Handlers() map[outbox.Kind]outbox.Handler {
	return map[outbox.Kind]outbox.Handler{
		outbox.KindRevoke:     o.revoke,
		outbox.KindEndSession: o.endSession,
	}
}

func (o *SignOut) revoke(ctx context.Context, e outbox.Entry) error {
	p, d, err := o.open(e)
	if err != nil {
		return err
	}
	switch p.Record().Revocation.Ends {
	case record.RevocationEndsToken:
	case record.RevocationEndsGrant: // of this client: the provider as it is configured here
		err = o.lastOf(ctx, session.Filter{Provider: e.Provider, Identity: d.Identity})
	default:
		err = o.lastOfProviderSession(ctx, d)
	}
	if err != nil {
		return err
	}
	return permanent(p.Revoke(ctx, d.Tokens))
}

func (o *SignOut) endSession(ctx context.Context, e outbox.Entry) error {
	p, d, err := o.open(e)
	if err != nil {
		return err
	}
	if err := o.lastOfProviderSession(ctx, d); err != nil {
		return err
	}
	done, err := p.EndSessionByServer(ctx, oidc.EndSessionRequest{
		IDToken: d.Tokens.IDToken, SID: d.SID, Subject: d.Identity.Subject, RefreshToken: d.Tokens.RefreshToken,
	})
	if err == nil && !done {
		return fmt.Errorf("provider has no logout for servers: %w", outbox.ErrNotNeeded)
	}
	return permanent(err)
}

func (o *SignOut) open(e outbox.Entry) (Provider, delivery, error) {
	var d delivery
	if err := json.Unmarshal(e.Payload, &d); err != nil {
		return nil, delivery{}, fmt.Errorf("payload cannot be read: %w", outbox.ErrPermanent)
	}
	gone, err := o.terms.Load().Clients.withdrawn(e.Provider, d.Client)
	if err != nil {
		return nil, delivery{}, err
	}
	p, ok := o.o.Providers(e.Provider)
	if !ok || gone {
		return nil, delivery{}, fmt.Errorf("provider %q is no longer configured as it was: %w", e.Provider, outbox.ErrPermanent)
	}
	return p, d, nil
}

// lastOf refuses a delivery that would end what another browser still uses, or what
// began after the end that it belongs to: a grant covers every session of an identity.
func (o *SignOut) lastOf(ctx context.Context, f session.Filter) error {
	f.Limit = 1
	others, err := o.o.Store.List(ctx, f)
	if err != nil {
		return fmt.Errorf("looking for other sessions: %w", err)
	}
	if len(others) > 0 {
		return fmt.Errorf("another session of this identity lives: %w", outbox.ErrNotNeeded)
	}
	return nil
}

// lastOfProviderSession is lastOf for one session at the provider. A new sign-in may
// have been given the old session's id; without an id any session of the identity may
// be the one.
func (o *SignOut) lastOfProviderSession(ctx context.Context, d delivery) error {
	if d.SID == "" {
		return o.lastOf(ctx, session.Filter{Identity: d.Identity})
	}
	shared, err := o.o.Receipts.SharesProviderSession(ctx, d.Identity.Issuer, d.SID)
	if err != nil {
		return fmt.Errorf("looking for sessions of the same provider session: %w", err)
	}
	if shared {
		return fmt.Errorf("another session shares this provider session: %w", outbox.ErrNotNeeded)
	}
	return nil
}

// permanent marks the answers of a provider that no repetition changes. A refused
// client is an operator's mistake that an operator mends, so that it is retried.
func permanent(err error) error {
	e, ok := errors.AsType[*oidc.Error](err)
	if !ok || e.Status < 400 || e.Status >= 500 || e.Status == 429 || e.Status == 408 ||
		e.Status == 401 || e.Status == 403 || e.Code == oidc.InvalidClient {
		return err
	}
	return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
}

// Revocation returns the entry that revokes tokens which came too late for a session
// that had ended, or that a renewal left over. It is nil when nothing is to be done.
func (o *SignOut) Revocation(s *session.Session, t oidc.Tokens) *outbox.Entry {
	p, ok := o.provider(s.Provider, s.Client)
	if !ok {
		return nil
	}
	late := *s
	late.Grant.Tokens = t
	for _, e := range o.entries(o.o.Now(), Rule{Revoke: true, EndSession: Server}, p.Record(), session.CauseRenewed, &late) {
		if e.Kind == outbox.KindRevoke {
			e.NextAt = e.CreatedAt // no logout goes before it
			return &e
		}
	}
	return nil
}
