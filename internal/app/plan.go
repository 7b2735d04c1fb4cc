package app

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/session"
)

// plan is what a configuration would bring about in place of the one that holds.
type plan struct {
	next    *generation // a draft
	changes []config.Change
	restart []string // keys that are not taken over while running
	clients bool     // the gateway is another client somewhere

	reasons  []*reason
	ending   map[session.ID]bool
	stranded []stranded
}

// stranded are accounts that nobody can sign in to once a provider is gone: they have an
// identity of it, and none of a provider that is left. Those of two providers that go
// are counted for each.
type stranded struct {
	provider string
	accounts int
}

// Why sessions end.
const (
	whyProvider = "provider"
	whyApp      = "app"
	whyRule     = "rule"
)

// reason is something in a new configuration that ends sessions.
type reason struct {
	why, name, because string
	filters            []session.Filter
	// which tells whether a session that a filter found ends under a generation: the plan's,
	// or the one that holds when it is asked again.
	which    func(g *generation, f session.Filter, s *session.Session) bool
	counted  map[session.ID]bool // that are told of it
	sessions int
}

// String is the reason in the words of the audit trail.
func (r *reason) String() string { return r.why + " " + r.name + ": " + r.because }

func (p *plan) keys() string {
	list := make([]string, len(p.changes))
	for i, c := range p.changes {
		list[i] = c.Key
	}
	return strings.Join(list, ", ")
}

// plan finds out what cfg would bring about. It changes nothing.
func (a *App) plan(ctx context.Context, before *generation, cfg *config.Config) (*plan, error) {
	p := &plan{changes: config.Diff(before.cfg, cfg)}
	for _, c := range p.changes {
		if c.Restart {
			p.restart = append(p.restart, c.Key)
		}
	}
	var err error
	if p.next, err = a.draft(cfg, before); err != nil {
		return nil, err
	}
	p.clients = !reflect.DeepEqual(before.clients.Marks(), p.next.clients.Marks())
	if p.reasons, err = a.reasons(ctx, before, p.next); err != nil {
		return nil, fmt.Errorf("looking for the sessions that it ends: %w", err)
	}
	if p.ending, err = a.count(ctx, p.next, p.reasons); err != nil {
		return nil, fmt.Errorf("counting the sessions that it ends: %w", err)
	}
	if p.stranded, err = a.strand(ctx, before, p.next); err != nil {
		return nil, fmt.Errorf("counting the accounts that nobody could sign in to: %w", err)
	}
	return p, nil
}

// strand counts, for each provider that goes, the accounts that are stranded by it.
func (a *App) strand(ctx context.Context, before, next *generation) ([]stranded, error) {
	var providers, issuers []string
	for id, p := range next.providers {
		providers, issuers = append(providers, id), append(issuers, p.Issuer())
	}
	var list []stranded
	for i := range before.cfg.Providers {
		id := before.cfg.Providers[i].ID
		if slices.Contains(providers, id) {
			continue
		}
		n, err := a.storage.store.Stranded(ctx, id, providers, issuers)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			list = append(list, stranded{id, n})
		}
	}
	return list, nil
}

// reasons are why the next generation would end sessions that live under the one before.
func (a *App) reasons(ctx context.Context, before, next *generation) ([]*reason, error) {
	if err := next.clients.Recall(ctx); err != nil {
		return nil, err
	}
	withdrawn, err := next.clients.Opened(ctx)
	if err != nil {
		return nil, err
	}
	var list []*reason
	for _, x := range withdrawn {
		list = append(list, &reason{
			why: whyProvider, name: x.Provider, because: next.clients.Changed(x.Provider), filters: []session.Filter{{Provider: x.Provider}},
			which: func(_ *generation, _ session.Filter, s *session.Session) bool { return s.Client == x.Client },
		})
	}
	removed, err := a.removedApps(ctx, before, next)
	if err != nil {
		return nil, err
	}
	list = append(list, removed...)
	if next.admission != nil && !reflect.DeepEqual(before.admission, next.admission) {
		list = append(list, &reason{
			why: whyRule, name: "access", because: "no longer admits them", filters: []session.Filter{{}},
			which: func(g *generation, _ session.Filter, s *session.Session) bool { return !admitted(g, s).Allowed },
		})
	}
	return list, nil
}

// removedApps are the apps that the next generation serves no more: with the sessions that
// have a seat at an origin that nobody serves then, and those that cookies of the app are
// kept for.
func (a *App) removedApps(ctx context.Context, before, next *generation) ([]*reason, error) {
	var list []*reason
	origins, err := a.abandoned(ctx, before, next)
	if err != nil {
		return nil, err
	}
	for i := range before.cfg.Apps {
		c := &before.cfg.Apps[i]
		r := &reason{why: whyApp, name: c.ID, because: "no longer configured",
			which: func(g *generation, f session.Filter, _ *session.Session) bool { return gone(g.cfg, f) }}
		if gone(next.cfg, session.Filter{Jar: c.ID}) {
			r.filters = append(r.filters, session.Filter{Jar: c.ID})
		} else {
			r.because = "no longer at " + c.URL.Origin.String()
		}
		for _, o := range origins {
			if c.URL.Origin.Matches(o) {
				r.filters = append(r.filters, session.Filter{Origin: o})
			}
		}
		if len(r.filters) > 0 {
			list = append(list, r)
		}
	}
	return list, nil
}

// abandoned are the origins at which sessions have seats, and that are served by the
// generation before and not by the next one.
func (a *App) abandoned(ctx context.Context, before, next *generation) ([]string, error) {
	was, is := origins(before.cfg), origins(next.cfg)
	if !slices.ContainsFunc(was, func(o config.Origin) bool { return !slices.Contains(is, o) }) {
		return nil, nil
	}
	seats, err := a.storage.store.Origins(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(seats, func(at string) bool {
		serves := func(o config.Origin) bool { return o.Matches(at) }
		return !slices.ContainsFunc(was, serves) || slices.ContainsFunc(is, serves)
	}), nil
}

// gone tells whether a configuration has nothing that is what a filter asks for: the app
// whose cookies are kept, or what serves the origin of a seat.
func gone(cfg *config.Config, f session.Filter) bool {
	if f.Jar != "" {
		return !slices.ContainsFunc(cfg.Apps, func(c config.App) bool { return c.ID == f.Jar })
	}
	return !slices.ContainsFunc(origins(cfg), func(o config.Origin) bool { return o.Matches(f.Origin) })
}

// origins are those that a configuration serves.
func origins(cfg *config.Config) []config.Origin {
	list := []config.Origin{cfg.PublicURL}
	for i := range cfg.Apps {
		list = append(list, cfg.Apps[i].URL.Origin)
	}
	return list
}

const surveyPage = 500

// count fills in how many sessions each reason ends, each session counted for the first
// that does, and returns which they are.
func (a *App) count(ctx context.Context, g *generation, reasons []*reason) (map[session.ID]bool, error) {
	ending := map[session.ID]bool{}
	for _, r := range reasons {
		r.counted = map[session.ID]bool{}
		for _, f := range r.filters {
			f.Limit = surveyPage
			for {
				list, err := a.storage.store.List(ctx, f)
				if err != nil {
					return nil, err
				}
				for _, s := range list {
					if !ending[s.ID] && r.which(g, f, s) {
						ending[s.ID], r.counted[s.ID] = true, true
						r.sessions++
					}
				}
				if len(list) < surveyPage {
					break
				}
				f.After = list[len(list)-1].ID
			}
		}
	}
	return ending, nil
}
