package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/config"
)

// Source is where a configuration is read anew.
type Source struct {
	File     string
	Env      func(string) (string, bool)
	ReadFile func(string) ([]byte, error)
}

func (s *Source) load() (*config.Config, []config.Warning, error) {
	return config.Load(s.File, s.Env, s.ReadFile)
}

// recorder keeps events of the audit trail, durably when it returns nil.
type recorder interface {
	Record(ctx context.Context, now time.Time, e ...audit.Event) error
}

// reloads is what reloading remembers.
type reloads struct {
	source  *Source
	asked   <-chan os.Signal
	changed func(*config.Config)

	one      sync.Mutex                                // held by the reload under way
	refused  atomic.Bool                               // the last one was
	pause    func(context.Context, time.Duration) bool // sleep
	departed departed
	chores   chores
}

// Errors of a reload. Each leaves the configuration that holds as it is.
var (
	// ErrNoSource: the gateway was started without a file.
	ErrNoSource = errors.New("the configuration of this gateway stands in no file")
	// ErrStopping: the gateway is about to end.
	ErrStopping = errors.New("the gateway is stopping")
)

// RestartError says which keys another value of which counts only after a restart.
type RestartError struct{ Keys []string }

func (e *RestartError) Error() string {
	return "needs a restart: " + strings.Join(e.Keys, ", ")
}

// followReloads reloads whenever it is asked to, until ctx ends. Several requests that
// come during a reload are one more.
func (a *App) followReloads(ctx context.Context) {
	defer a.reloads.chores.wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.reloads.asked:
			_ = a.Reload(ctx) // it has logged what came of it
		}
	}
}

// Reload reads the configuration anew and makes it count as a whole, or not at all: what
// is wrong with it is logged and recorded, and the error says it too (*config.Faults,
// *RestartError, ErrNoSource, ErrStopping, or what the store says). Requests under way end
// under the configuration that they began under. When it returns nil the new one holds, it
// has been recorded, and the ends that it brings about have begun.
func (a *App) Reload(ctx context.Context) error {
	a.reloads.one.Lock()
	defer a.reloads.one.Unlock()
	if a.reloads.source == nil {
		a.logger.Error("configuration not reloaded", "err", ErrNoSource)
		return ErrNoSource
	}
	if a.stopping.Load() || ctx.Err() != nil {
		return ErrStopping
	}
	a.logger.Info("reading the configuration anew", "file", a.reloads.source.File)
	cfg, warnings, err := a.reloads.source.load()
	if err != nil {
		return a.refuse(ctx, nil, err)
	}
	for _, w := range warnings {
		a.logger.Warn("configuration", "warning", w.String())
	}
	before := a.gen()
	p, err := a.plan(ctx, before, cfg)
	if err != nil {
		return a.refuse(ctx, cfg, err)
	}
	if len(p.restart) > 0 {
		return a.refuse(ctx, cfg, &RestartError{p.restart})
	}
	if len(p.changes) == 0 {
		a.reloads.refused.Store(false)
		a.logger.Info("the configuration is the one that holds; nothing changes", "file", cfg.File, "sha256", shortDigest(cfg))
		return nil
	}
	if err := a.complete(p.next); err != nil {
		return a.refuse(ctx, cfg, err)
	}
	if err := a.record(ctx, a.storage.store, audit.ConfigChanged, cfg, map[string]string{"changes": p.keys(), "ends": strconv.Itoa(len(p.ending))}); err != nil {
		p.next.close()
		return a.refuse(ctx, cfg, fmt.Errorf("it could not be recorded in the audit trail: %w", err))
	}
	for _, c := range p.changes {
		a.logger.Info("configuration changes", "key", c.Key, "from", c.Old, "to", c.New)
	}
	for _, r := range p.reasons {
		if r.sessions == 0 {
			continue
		}
		a.logger.Warn("the new configuration ends sessions", "because_of", r.why, "name", r.name, "because", r.because, "sessions", r.sessions)
	}
	for _, x := range p.stranded {
		a.logger.Warn("the new configuration leaves accounts that nobody can sign in to", "provider", x.provider, "accounts", x.accounts)
	}
	a.replace(before, p)
	a.logger.Info("configuration reloaded", "file", cfg.File, "sha256", shortDigest(cfg), "changes", len(p.changes), "ends", len(p.ending))
	return nil
}

// replace makes a generation count. New requests come under it from the first store on;
// what remembers is told then, and what must not live on under it is ended.
func (a *App) replace(before *generation, p *plan) {
	g := p.next
	a.reloads.departed.update(before, g, a.clock.Now())
	a.reloads.refused.Store(false)
	g.serve()
	a.current.Store(g)
	a.signIn.Reconfigure(signInTerms(g))
	a.refresher.Reconfigure(g.cfg.Limits.RefreshFailing)
	a.guard.Reconfigure(g.cfg.Limits.StoreWait)
	if p.clients {
		a.guard.DropAll() // what is cached was not compared with these clients
	}
	a.signOut.Reconfigure(a.signOutTerms(g))
	a.trailed.Configure(g.cfg.Audit.Keep, g.cfg.Audit.File)
	before.close()
	if a.reloads.changed != nil {
		a.reloads.changed(g.cfg)
	}
	a.followUp(before, p)
}

// refuse logs and records why a configuration does not count, and returns err.
func (a *App) refuse(ctx context.Context, cfg *config.Config, err error) error {
	a.reloads.refused.Store(true)
	detail := map[string]string{"reason": err.Error()}
	if needs, ok := errors.AsType[*RestartError](err); ok {
		detail["restart"] = strings.Join(needs.Keys, ", ")
	}
	if faults, ok := errors.AsType[*config.Faults](err); ok {
		detail["faults"], detail["reason"] = strconv.Itoa(len(faults.List)), faults.List[0].String()
		for _, f := range faults.List {
			a.logger.Error("fault in the configuration", "file", faults.File, "line", f.Line, "key", f.Path, "fault", f.Message, "fix", f.Fix)
		}
		a.logger.Error("configuration not reloaded; the one that held before holds on", "faults", len(faults.List))
	} else {
		a.logger.Error("configuration not reloaded; the one that held before holds on", "err", err)
	}
	if cfg == nil {
		cfg = &config.Config{File: a.reloads.source.File}
	}
	if rerr := a.record(ctx, a.trail, audit.ConfigRefused, cfg, detail); rerr != nil {
		a.logger.Warn("the refusal of a configuration is not in the audit trail yet", "err", rerr)
	}
	return err
}

// recordWithin bounds how long a reload waits for the audit trail.
const recordWithin = 5 * time.Second

// record writes what became of a configuration into the audit trail: into the store, where
// it must be durable, or through what keeps it until then.
func (a *App) record(ctx context.Context, to recorder, t audit.Type, cfg *config.Config, detail map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	detail["file"] = cfg.File
	if cfg.Digest != "" {
		detail["sha256"] = shortDigest(cfg)
	}
	e := audit.Event{Type: t, Actor: audit.ActorGateway, Detail: detail}
	if t != audit.ConfigLoaded {
		e.Actor, e.By = audit.ActorOperator, "SIGHUP"
	}
	return to.Record(ctx, a.clock.Now(), e)
}

func shortDigest(cfg *config.Config) string { return cfg.Digest[:min(len(cfg.Digest), 16)] }

// chores are what goes on after a reload: they end with the gateway.
type chores struct {
	mu   sync.Mutex
	ctx  context.Context //nolint:containedctx // of the run that they belong to
	work sync.WaitGroup
}

// begin says until when chores may run.
func (c *chores) begin(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx = ctx
}

func (c *chores) start(do func(context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx := c.ctx; ctx != nil && ctx.Err() == nil {
		c.work.Go(func() { do(ctx) })
	}
}

func (c *chores) wait() {
	c.mu.Lock()
	c.ctx = nil
	c.mu.Unlock()
	c.work.Wait()
}
