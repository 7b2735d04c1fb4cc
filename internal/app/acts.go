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
	var err error
	a.refresher, err = refresh.New(refresh.Options{
		Providers: refreshProviders{a}, Store: a.storage.store, Ender: ender{a}, Revoker: revoker{a},
		Admitter: admitter{a}, Audit: a.trail, OnChange: a.changed,
		Logger: a.logger, Now: a.clock.Now, FailingLimit: a.cfg().Limits.RefreshFailing,
		Alone: a.clock.Now(), // the data folder is locked
	})
	if err != nil {
		return err
	}
	a.guard, err = guard.New(guard.Options{
		Store: seen{a.present(), a}, Refresher: a.refresher, Logger: a.logger, Now: a.clock.Now,
		LoadWithin: a.cfg().Limits.StoreWait,
	})
	if err != nil {
		return err
	}
	stateKey, err := a.storage.keys.Derive("sign-out state")
	if err != nil {
		return err
	}
	a.signOut, err = signout.New(signout.Options{
		StateKey: stateKey, Terms: a.signOutTerms(a.gen()),
		Store: a.storage.store, Receipts: a.storage.store, Outbox: a.storage.store, Providers: a.providerForSignOut,
		Hearers: []signout.Hearer{a.guard, a.vault, liveHearer{a}, a.personal.watch}, Kick: func() { a.worker.Kick() },
		Logger: a.logger, Now: a.clock.Now, Flush: a.guard.Flush,
		Connections:  func(id session.ID) int { return a.live.Open(string(id)) },
		SignedOutURL: a.cfg().PublicURL.String() + "/.cardea/signed-out",
	})
	if err != nil {
		return err
	}
	handlers := a.signOut.Handlers()
	handlers[outbox.KindAppLogout] = func(ctx context.Context, e outbox.Entry) error { return a.tellApp(ctx, e) }
	a.worker, err = outbox.New(outbox.Options{
		Store: a.storage.store, Handlers: handlers, Logger: a.logger, Now: a.clock.Now,
	})
	if err != nil {
		return err
	}
	a.signIn, err = signin.New(signin.Options{
		Providers: signInProviders{a}, Store: a.present(), Accounts: a.storage.store, Sealer: a.storage.keys,
		Ender: ender{a}, Refresher: a.refresher, Revoker: revoker{a}, Audit: a.trail, Logger: a.logger,
		Origin: a.cfg().PublicURL.String(), Terms: signInTerms(a.gen()), Moved: a.moved,
	})
	return err
}

// signInTerms are what sign-ins hang on that a reload may change.
func signInTerms(g *generation) signin.Terms {
	return signin.Terms{Limits: limitsOf(g.cfg), MaxAge: maxAges(g.cfg), Clients: g.clients.Marks(), Admission: g.admission, LinkByEmail: linksByEmail(g)}
}

// signOutTerms are what ends hang on that a reload may change.
func (a *App) signOutTerms(g *generation) signout.Terms {
	t := signout.Terms{Tried: g.cfg.Limits.OutboxRetry, Clients: g.clients, Absolute: limitsOf(g.cfg).Absolute}
	for _, c := range replayed(g.cfg) {
		t.Apps = append(t.Apps, c.ID)
	}
	t.Apps = append(t.Apps, a.reloads.departed.ids()...)
	return t
}

// limitsOf are a session's own: the widest of all apps, since they share it.
func limitsOf(cfg *config.Config) session.Limits {
	var l session.Limits
	for i, app := range cfg.Apps {
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
func maxAges(cfg *config.Config) map[string]time.Duration {
	m := map[string]time.Duration{}
	for i := range cfg.Providers {
		if p := &cfg.Providers[i]; p.MaxAge > 0 {
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
	if n := a.cut(a.gen(), s); n > 0 {
		a.logger.Info("connections closed: the rules no longer let them in", "session", s.ID, "closed", n)
	}
}

// cut closes the connections of a session that the rules of a generation do not let in
// where they are, whatever let them in, and returns how many that were.
func (a *App) cut(g *generation, s *session.Session) int {
	return a.live.Cut(string(s.ID), string(session.CauseAccessWithdrawn), func(c live.Conn) bool { return holds(g, c, s) })
}

// holds tells whether the rules of a generation let a session in where its connection is.
// A connection of the gateway's own pages is everywhere.
func holds(g *generation, c live.Conn, s *session.Session) bool {
	x, ok := c.(interface {
		Holds(at func(origin, path string) *guard.App, s *session.Session) bool
	})
	return !ok || x.Holds(g.face.RulesAt, s)
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
type admitter struct{ a *App }

func (x admitter) Admitted(s *session.Session) access.Decision { return admitted(x.a.gen(), s) }

func admitted(g *generation, s *session.Session) access.Decision {
	if g.admission == nil {
		return access.Decision{Allowed: true}
	}
	return g.admission.Evaluate(access.Subject{Profile: s.Profile, Claims: s.Claims})
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
