package provider

import (
	"context"
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// Fetched is how a document of the provider was last had. A zero time says: not yet.
type Fetched struct {
	At    time.Time // of the copy at hand
	Tried time.Time
	Err   error // of the last try; nil when it went well
}

// Status is what this process knows of a provider.
type Status struct {
	Metadata  Fetched
	Keys      Fetched
	KeyIDs    []string // of the copy at hand, sorted; keys without a name are left out
	HasKeys   bool     // the provider signs ID tokens, so that keys are needed
	Asked     time.Time
	Reachable bool // when it was last asked
}

// Status returns what is known of the provider without asking it.
func (p *Provider) Status() Status {
	s := Status{Metadata: p.metadata.fetchedAt(), Keys: p.keys.fetchedAt(), HasKeys: p.record.Claims.IDToken != record.No}
	keys, _ := p.keys.kept()
	for _, k := range keys {
		if k.id != "" {
			s.KeyIDs = append(s.KeyIDs, k.id)
		}
	}
	slices.Sort(s.KeyIDs)
	p.probe.Lock()
	defer p.probe.Unlock()
	s.Asked, s.Reachable = p.probe.at, p.probe.up
	return s
}

// Probe asks the provider for what this process keeps of it, as far as that is not fresh,
// and whether it can be reached, and returns the Status after that.
func (p *Provider) Probe(ctx context.Context) Status {
	p.Reachable(ctx)
	if _, err := p.metadata.get(ctx); err == nil && p.record.Claims.IDToken != record.No {
		_, _ = p.keys.get(ctx) // the Status tells of an error
	}
	return p.Status()
}

// fetchedAt tells how the document was last had.
func (c *cached[T]) fetchedAt() Fetched {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Fetched{At: c.fetched, Tried: c.tried, Err: c.err}
}
