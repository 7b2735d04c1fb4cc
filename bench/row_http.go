package main

import (
	"context"
	"fmt"
	"time"
)

const (
	connections = 16
	checkBudget = 0.90
	proxyBudget = 0.93
	rounds      = 15
)

// candidate is a server in a comparison, the first of which is what others are measured by.
type candidate struct {
	name     string
	server   *child
	requests [][]byte // in place of the load's; nil: those
	all      []figures
}

// compare gives each candidate a leg per round, in alternating order.
func compare(ctx context.Context, l *lab, list []*candidate, work load) error {
	warm := work
	warm.leg = min(work.leg, 500*time.Millisecond)
	for _, c := range list {
		if _, err := leg(ctx, c.server, c.load(warm)); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range l.pick(rounds, 2) {
		for i := range list {
			c := list[i]
			if round%2 == 1 {
				c = list[len(list)-1-i]
			}
			f, err := leg(ctx, c.server, c.load(work))
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.all = append(c.all, f)
		}
	}
	return nil
}

func (c *candidate) load(work load) load {
	if c.requests != nil {
		work.requests = c.requests
	}
	return work
}

// ratio is what c reaches of base's requests, round by round.
func (c *candidate) ratio(base *candidate, of func(figures) float64) spread {
	var values []float64
	for i := range c.all {
		values = append(values, of(c.all[i])/of(base.all[i]))
	}
	return spreadOf(values)
}

func (c *candidate) note() string {
	of := func(pick func(figures) float64) spread {
		var values []float64
		for _, f := range c.all {
			values = append(values, pick(f))
		}
		return spreadOf(values)
	}
	return fmt.Sprintf("%s: %s, %s, %.1f allocations per request", c.name,
		of(figures.rate).text("%.0f", " requests/s"), of(figures.cpuRate).text("%.0f", " per CPU second"), of(figures.allocs).median)
}

func (f figures) rate() float64    { return f.perSecond }
func (f figures) cpuRate() float64 { return f.perCPU }
func (f figures) allocs() float64  { return f.mallocs }

// keepProfile writes a CPU profile of a server under load, where profiles are asked for.
func keepProfile(ctx context.Context, l *lab, c *candidate, work load) error {
	path, err := l.profilePath(c.name)
	if err != nil || path == "" {
		return err
	}
	if _, err := c.server.ask(order{Do: "profile", Path: path}); err != nil {
		return err
	}
	work.leg = max(work.leg, 5*time.Second)
	if _, err := leg(ctx, c.server, work); err != nil {
		return err
	}
	_, err = c.server.ask(order{Do: "profile"})
	return err
}

// checkRow: a revocable check against a handler that knows the answer.
func checkRow(ctx context.Context, l *lab) ([]result, error) {
	w, err := l.newWorld("check", "127.0.0.1:1", "http://127.0.0.1:1")
	if err != nil {
		return nil, err
	}
	seats, err := w.fill(ctx, connections)
	if err != nil {
		return nil, err
	}
	check, err := l.start(ctx, spec{Role: "check", Config: w.config})
	if err != nil {
		return nil, err
	}
	s := newSession(time.Now())
	bare, err := l.start(ctx, spec{Role: "bare", Answer: map[string]string{
		"X-Cardea-Account": s.Account, "X-Forwarded-User": s.Handle, "X-Forwarded-Email": s.Profile.Email, "X-Forwarded-Groups": s.Profile.Groups[0],
	}})
	if err != nil {
		return nil, err
	}
	work := load{requests: w.requests("/lab/tree", seats), leg: l.o.leg}
	if err := equal(nil, work.requests[0], check, bare); err != nil {
		return nil, err
	}
	list := []*candidate{{name: "bare-handler", server: bare}, {name: "check", server: check}}
	if err := compare(ctx, l, list, work); err != nil {
		return nil, err
	}
	for _, c := range list {
		if err := keepProfile(ctx, l, c, work); err != nil {
			return nil, err
		}
	}
	cpu, rate := list[1].ratio(list[0], figures.cpuRate), list[1].ratio(list[0], figures.rate)
	return []result{{
		what: "check, of a bare handler's requests per CPU second", budget: fmt.Sprintf("≥ %.2f", checkBudget),
		measured: cpu.text("%.3f", ""), ok: cpu.median >= checkBudget,
		notes: []string{
			"bytes on the wire compared before measuring: equal, requests and answers, but for the time of day",
			"requests per second: " + rate.text("%.3f", ""), list[0].note(), list[1].note(),
		},
	}}, nil
}

// equal compares what servers put on the wire for the same request.
func equal(app *child, request []byte, servers ...*child) error {
	var first wire
	for i, s := range servers {
		got, err := once(s, app, request)
		if err != nil {
			return err
		}
		if i == 0 {
			first = got
		} else if err := first.same(got); err != nil {
			return fmt.Errorf("not comparable: %w", err)
		}
	}
	return nil
}

// proxies are the gateway and plain reverse proxies that imitate it, in front of an app.
type proxies struct {
	world              *world
	seats              []string
	app, gateway, bare *child
	spec               spec // of bare
}

func (l *lab) startProxies(ctx context.Context, sessions int) (*proxies, error) {
	p := &proxies{}
	var err error
	if p.app, err = l.start(ctx, spec{Role: "upstream"}); err != nil {
		return nil, err
	}
	if p.world, err = l.newWorld("proxy", p.app.address, "http://127.0.0.1:1"); err != nil {
		return nil, err
	}
	if p.seats, err = p.world.fill(ctx, sessions); err != nil {
		return nil, err
	}
	if p.gateway, err = l.start(ctx, spec{Role: "gateway", Config: p.world.config}); err != nil {
		return nil, err
	}
	seen, err := once(p.gateway, p.app, p.world.request("/api/items", p.seats[0]))
	if err != nil {
		return nil, err
	}
	p.spec = spec{Role: "reverse", Upstream: p.app.address}
	if err := imitate(seen, &p.spec); err != nil {
		return nil, err
	}
	p.bare, err = l.start(ctx, p.spec)
	return p, err
}

// proxyRow: a small GET through the whole gateway against a bare reverse proxy.
func proxyRow(ctx context.Context, l *lab) ([]result, error) {
	p, err := l.startProxies(ctx, connections)
	if err != nil {
		return nil, err
	}
	p.spec.Pool = true
	pooled, err := l.start(ctx, p.spec)
	if err != nil {
		return nil, err
	}
	work := load{requests: p.world.requests("/api/items", p.seats), leg: l.o.leg}
	if err := equal(p.app, work.requests[0], p.gateway, p.bare, pooled); err != nil {
		return nil, err
	}
	list := []*candidate{
		{name: "bare-proxy", server: p.bare}, {name: "gateway", server: p.gateway}, {name: "bare-proxy-with-buffer-pool", server: pooled},
	}
	if err := compare(ctx, l, list, work); err != nil {
		return nil, err
	}
	for _, c := range list {
		if err := keepProfile(ctx, l, c, work); err != nil {
			return nil, err
		}
	}
	gateway := list[1]
	cpu := gateway.ratio(list[0], figures.cpuRate)
	return []result{{
		what: "proxied small GET, of a bare ReverseProxy's requests per CPU second", budget: fmt.Sprintf("≥ %.2f", proxyBudget),
		measured: cpu.text("%.3f", ""), ok: cpu.median >= proxyBudget,
		notes: []string{
			"bytes on the wire compared before measuring: equal, to the app and to the client",
			"requests per second: " + gateway.ratio(list[0], figures.rate).text("%.3f", ""),
			"against a ReverseProxy that was given a buffer pool, per CPU second: " + gateway.ratio(list[2], figures.cpuRate).text("%.3f", ""),
			list[0].note(), gateway.note(), list[2].note(),
		},
	}}, nil
}
