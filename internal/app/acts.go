package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/live"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/refresh"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// makeActs connects sign-in, guard, refresh and sign-out. They need each other in a
// circle; ender and revoker close it.
func (a *App) makeActs(ctx context.Context) error {
	limits := a.limits()
	a.recallClients(ctx)
	admission := policy("access", a.cfg.Access)
	var err error
	if admission != nil {
		if err = admission.Validate(); err != nil {
			return err
		}
	}
	a.refresher, err = refresh.New(refresh.Options{
		Providers: refreshProviders{a.providers}, Store: a.storage.store, Ender: ender{a}, Revoker: revoker{a},
		Admitter: admitter{admission}, OnChange: a.changed,
		Logger: a.logger, Now: a.clock.Now, FailingLimit: a.cfg.Limits.RefreshFailing,
		Alone: a.clock.Now(), // the data folder is locked
	})
	if err != nil {
		return err
	}
	a.guard, err = guard.New(guard.Options{
		Store: seen{a.present(), a}, Refresher: a.refresher, Logger: a.logger, Now: a.clock.Now,
		LoadWithin: a.cfg.Limits.StoreWait,
	})
	if err != nil {
		return err
	}
	stateKey, err := a.storage.keys.Derive("sign-out state")
	if err != nil {
		return err
	}
	var told []string
	for _, c := range a.replayed() {
		told = append(told, c.ID)
	}
	a.signOut, err = signout.New(signout.Options{
		StateKey: stateKey, Tried: a.cfg.Limits.OutboxRetry, Clients: a.clients,
		Store: a.storage.store, Receipts: a.storage.store, Providers: a.providers.forSignOut,
		Hearers: []signout.Hearer{a.guard, a.vault, liveHearer{a}}, Apps: told, Kick: func() { a.worker.Kick() },
		Logger: a.logger, Now: a.clock.Now, Flush: a.guard.Flush,
		Connections:  func(id session.ID) int { return a.live.Open(string(id)) },
		SignedOutURL: a.cfg.PublicURL.String() + "/.cardea/signed-out", Absolute: limits.Absolute,
	})
	if err != nil {
		return err
	}
	handlers := a.signOut.Handlers()
	handlers[outbox.KindAppLogout] = func(ctx context.Context, e outbox.Entry) error { return a.told.Deliver(ctx, e) }
	a.worker, err = outbox.New(outbox.Options{
		Store: a.storage.store, Handlers: handlers, Logger: a.logger, Now: a.clock.Now,
	})
	if err != nil {
		return err
	}
	a.signIn, err = signin.New(signin.Options{
		Providers: signInProviders{a.providers}, Store: a.present(), Accounts: a.storage.store, Sealer: a.storage.keys,
		Ender: ender{a}, Refresher: a.refresher, Revoker: revoker{a}, Logger: a.logger,
		Origin: a.cfg.PublicURL.String(), Limits: limits, MaxAge: a.maxAges(), Clients: a.clients.Marks(),
		Admission: admission, Moved: a.moved,
	})
	return err
}

// limits are a session's own: the widest of all apps, since they share it.
func (a *App) limits() session.Limits {
	var l session.Limits
	for i, app := range a.cfg.Apps {
		own := session.Limits{Idle: app.Session.Idle, Absolute: app.Session.Absolute}
		if i == 0 {
			l = own
			continue
		}
		l = l.Widest(own)
	}
	return l
}

// maxAges are how old a sign-in at each provider may be when somebody signs in here.
func (a *App) maxAges() map[string]time.Duration {
	m := map[string]time.Duration{}
	for i := range a.cfg.Providers {
		if p := &a.cfg.Providers[i]; p.MaxAge > 0 {
			m[p.ID] = p.MaxAge
		}
	}
	return m
}

func policy(name string, c *config.Access) *access.Policy {
	if c == nil {
		return nil
	}
	return &access.Policy{Name: name, Emails: c.Emails, Domains: c.Domains, Groups: c.Groups, Claims: c.Claims}
}

// changed makes a newer record of a session count at once: for requests to come, and
// for connections that its groups or claims no longer let in where they are.
func (a *App) changed(s *session.Session) {
	a.guard.Put(s)
	n := a.live.Cut(string(s.ID), string(session.CauseAccessWithdrawn), func(c live.Conn) bool {
		x, ok := c.(interface{ Holds(*session.Session) bool })
		return !ok || x.Holds(s)
	})
	if n > 0 {
		a.logger.Info("connections closed: the rules no longer let them in", "session", s.ID, "closed", n)
	}
}

// moved lets a renewed session's connections live on under its new id.
func (a *App) moved(from, to session.ID) {
	a.vault.Moved(from, to)
	a.live.Move(string(from), string(to))
	a.guard.Drop(from)
}

// ender ends sessions for acts that may not import signout.
type ender struct{ a *App }

func (e ender) End(ctx context.Context, now time.Time, id session.ID, cause session.Cause) error {
	_, err := e.a.signOut.End(ctx, now, signout.Request{Session: id, Cause: cause, By: "gateway"})
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

// revoker writes tokens that nobody will use into the outbox.
type revoker struct{ a *App }

func (r revoker) RevokeLater(ctx context.Context, _ time.Time, s *session.Session, t oidc.Tokens) error {
	e := r.a.signOut.Revocation(s, t)
	if e == nil {
		return nil
	}
	if err := r.a.storage.store.Add(ctx, []outbox.Entry{*e}); err != nil {
		r.a.late.keep(*e)
		return fmt.Errorf("keeping tokens for revocation (held in memory until the store answers): %w", err)
	}
	r.a.worker.Kick()
	return nil
}

// admitter evaluates admission anew after a refresh. The rules of apps are evaluated
// by the guard at every change of the session.
type admitter struct{ policy *access.Policy }

func (x admitter) Admitted(s *session.Session) access.Decision {
	if x.policy == nil {
		return access.Decision{Allowed: true}
	}
	return x.policy.Evaluate(access.Subject{Profile: s.Profile, Claims: s.Claims})
}

// seen tells the sign-in of every seat that is looked up: whatever opened it was no loop.
type seen struct {
	guard.Store
	a *App
}

func (s seen) BySeat(ctx context.Context, hash session.SeatHash) (*session.Session, session.Seat, error) {
	if s.a.signIn != nil {
		s.a.signIn.Seen(hash)
	}
	return s.Store.BySeat(ctx, hash)
}

// liveHearer closes connections.
type liveHearer struct{ a *App }

func (h liveHearer) Ended(t session.Tombstone) int {
	return h.a.live.Close(string(t.Session), string(t.Cause))
}
