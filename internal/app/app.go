package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/avatar"
	"github.com/cardea-auth/cardea/internal/clock"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/live"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/pagescript"
	"github.com/cardea-auth/cardea/internal/people"
	"github.com/cardea-auth/cardea/internal/proxy"
	"github.com/cardea-auth/cardea/internal/refresh"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/trail"
	"github.com/cardea-auth/cardea/internal/vault"
)

// Options are what an App is made of.
type Options struct {
	Config *config.Config
	Logger *slog.Logger
	// Version is the program's, for backups to say.
	Version string
	// Ready, if set, is called once all listeners answer.
	Ready func()
	// Source is where Config was read; nil: there is no reload.
	Source *Source
	// Reload asks for a reload with every value that it brings.
	Reload <-chan os.Signal
	// ProbeWithin is how long a sign-out waits for a provider to answer at all; a second
	// when zero.
	ProbeWithin time.Duration
	// StoreWithin is how long one call of the store may take; what the store allows by itself
	// when zero.
	StoreWithin time.Duration
	// Changed, if set, is told of every configuration that a reload has made count.
	Changed func(*config.Config)
}

// App is a gateway: everything wired, nothing listening until Run.
type App struct {
	first  *config.Config // of the start; what holds now is cfg()
	logger *slog.Logger
	clock  *clock.Clock
	ready  func()
	copies copies
	probe  time.Duration

	current   atomic.Pointer[generation]
	reloads   reloads
	strangers proxy.Strangers

	storage   *storage
	incidents *incident.Ledger
	trail     *audit.Keeper
	trailed   *trail.Trail
	live      *live.Register
	guard     *guard.Guard
	refresher *refresh.Refresher
	signIn    *signin.SignIn
	signOut   *signout.SignOut
	worker    *outbox.Worker
	vault     *vault.Vault
	script    *pagescript.Script
	identity  *proxy.IdentityKeys
	people    *people.People
	personal  personal
	avatars   *avatar.Avatars

	late            late
	web, ops, admin http.Handler
	stopping        atomic.Bool
}

// New opens the store and connects all parts. It asks no provider and no app, so that
// one that is down does not stop the start.
func New(ctx context.Context, o Options) (*App, error) {
	if o.Config == nil || o.Logger == nil {
		return nil, errors.New("app: Config and Logger are required")
	}
	a := &App{first: o.Config, logger: o.Logger, clock: clock.New(o.Logger), ready: o.Ready, copies: copies{version: cmp.Or(o.Version, "unknown")}, live: live.NewRegister()}
	a.probe = o.ProbeWithin
	a.reloads.source, a.reloads.asked, a.reloads.changed = o.Source, o.Reload, o.Changed
	a.reloads.pause = sleep
	a.web = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.gen().face.ServeHTTP(w, r) })
	a.admin = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.gen().admin.ServeHTTP(w, r) })
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"opening the store", func(ctx context.Context) error { return a.openStore(ctx, o.StoreWithin) }},
		{"incidents", a.makeIncidents},
		{"audit trail", a.makeTrail},
		{"what carries the audit trail on", a.makeTrailed},
		{"apps' cookies", a.makeVault},
		{"configuration", a.begin},
		{"people's own pages", a.makePersonal},
		{"acts", a.makeActs},
		{"people", a.makePeople},
		{"pictures", a.makeAvatars},
		{"configuration", a.finish},
		{"operators' listeners", a.makeOps},
	}
	for _, s := range steps {
		if err := s.do(ctx); err != nil {
			a.Close()
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return a, nil
}

// Close releases what New opened. Run does it by itself.
func (a *App) Close() {
	if g := a.gen(); g != nil {
		g.close()
	}
	a.reloads.departed.close()
	if a.storage != nil {
		if err := a.storage.db.Close(); err != nil {
			a.logger.Error("closing the store", "err", err)
		}
	}
}

// Run serves until ctx ends, then lets requests finish for the configured time, closes
// what is still open, and writes what is still in memory.
func (a *App) Run(ctx context.Context) error {
	defer a.Close()
	listeners, err := a.listen(ctx)
	if err != nil {
		return err
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	for _, run := range []func(context.Context){
		a.guard.Run, a.signOut.Run, a.worker.Run, a.vault.Run, a.storage.refreshKeys, a.incidents.Run, a.trail.Run, a.trailed.Run, a.people.Run, a.avatars.Run,
		func(ctx context.Context) { a.refresher.Run(ctx, a.liveSessions) },
		a.cutOff, a.followReloads,
		func(ctx context.Context) { a.late.run(ctx, a.storage.store.Add, a.worker.Kick) },
	} {
		background.Go(func() { run(work) })
	}
	a.reloads.chores.begin(work)
	if err := a.record(ctx, a.trail, audit.ConfigLoaded, a.first, map[string]string{}); err != nil {
		a.logger.Warn("the start is not in the audit trail yet", "err", err)
	}
	if a.ready != nil {
		a.ready()
	}
	err = a.serve(ctx, listeners)
	// Requests are over. A refresh that is under way is waited for, so that its answer is
	// not lost; then comes what is left to be told and written.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshGrace)
	defer cancel()
	if werr := a.refresher.Wait(last); werr != nil {
		a.logger.Warn("a refresh was still under way; its outcome will be found out at the next start")
	}
	stopWork()
	background.Wait()
	flush, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	if ferr := a.guard.Flush(flush); ferr != nil {
		a.logger.Warn("last activity could not be written", "err", ferr)
	}
	return err
}

// refreshGrace is how long a stop waits for a provider's answer to a refresh.
const refreshGrace = 10 * time.Second

func (a *App) liveSessions() []session.ID {
	names := a.live.Sessions()
	ids := make([]session.ID, len(names))
	for i, n := range names {
		ids[i] = session.ID(n)
	}
	return ids
}
