package signout

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

// ClientStore remembers who the gateway was at each provider, and knows what live
// sessions were opened as.
type ClientStore interface {
	Clients(ctx context.Context) ([]session.Client, error)
	// SetClients replaces what is stored, durably.
	SetClients(ctx context.Context, clients []session.Client) error
	OpenedAs(ctx context.Context) ([]session.OpenedAs, error)
}

// Clients are who the gateway is at each provider. They tell, without the store, which
// sessions were opened at a provider or as a client that the configuration names no
// longer: such a session is refused from the first request on, and ended by Run. It is
// safe for concurrent use; a nil *Clients refuses nothing.
type Clients struct {
	store      ClientStore
	configured []session.Client
	byProvider map[string]session.Client
	marks      map[string]string
	// before is who the gateway was when that was last written: it stands for sessions
	// that do not say what they were opened as. Nil until it has been read.
	before atomic.Pointer[map[string]session.Client]
}

// NewClients returns the Clients of a configuration that names each provider once.
func NewClients(store ClientStore, configured []session.Client) *Clients {
	c := &Clients{store: store, configured: configured, byProvider: map[string]session.Client{}, marks: map[string]string{}}
	for _, x := range configured {
		c.byProvider[x.Provider], c.marks[x.Provider] = x, x.Mark()
	}
	return c
}

// Marks returns, by provider, what new sessions are opened as.
func (c *Clients) Marks() map[string]string { return c.marks }

// Recall reads who the gateway was. Until it has succeeded once, sessions from before
// the store kept what they were opened as are answered with session.ErrUnavailable. Run
// calls it again.
func (c *Clients) Recall(ctx context.Context) error {
	if c.before.Load() != nil {
		return nil
	}
	list, err := c.store.Clients(ctx)
	if err != nil {
		return fmt.Errorf("reading who the gateway was at its providers: %w", err)
	}
	before := make(map[string]session.Client, len(list))
	for _, x := range list {
		before[x.Provider] = x
	}
	c.before.CompareAndSwap(nil, &before)
	return nil
}

// Refuse returns the *session.EndedError of a session whose provider or client has been
// withdrawn, whether or not its end has been written yet, and nil for any other. With
// session.ErrUnavailable it cannot be told yet.
func (c *Clients) Refuse(now time.Time, s *session.Session) error {
	gone, err := c.withdrawn(s.Provider, s.Client)
	if err != nil || !gone {
		return err
	}
	return &session.EndedError{Tombstone: session.Tombstone{
		Session: s.ID, Account: s.Account, Provider: s.Provider, Identity: s.Identity, SID: s.SID,
		Cause: session.CauseProvider, Fresh: RuleOf(session.CauseProvider, ModeProvider).Fresh, EndedAt: now,
	}}
}

// withdrawn tells whether what was opened at a provider as the client with this mark
// has nobody there any more.
func (c *Clients) withdrawn(provider, mark string) (bool, error) {
	if c == nil {
		return false, nil
	}
	now, configured := c.byProvider[provider]
	switch {
	case !configured:
		return true, nil
	case mark != "":
		return mark != c.marks[provider], nil
	}
	before := c.before.Load()
	if before == nil {
		return false, fmt.Errorf("who the gateway was at provider %s is not known yet: %w", provider, session.ErrUnavailable)
	}
	was, written := (*before)[provider]
	return written && was != now, nil
}

// Opened returns what live sessions were opened as that is withdrawn now.
func (c *Clients) Opened(ctx context.Context) ([]session.OpenedAs, error) {
	all, err := c.store.OpenedAs(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for sessions of withdrawn providers: %w", err)
	}
	var list []session.OpenedAs
	for _, x := range all {
		gone, err := c.withdrawn(x.Provider, x.Client)
		if err != nil {
			return nil, err
		}
		if gone {
			list = append(list, x)
		}
	}
	return list, nil
}

// Changed tells, for operators, what became of a provider. Recall must
// have succeeded.
func (c *Clients) Changed(provider string) string {
	now, configured := c.byProvider[provider]
	if !configured {
		return "no longer configured"
	}
	was, written := (*c.before.Load())[provider]
	switch {
	case written && was.Issuer != now.Issuer:
		return fmt.Sprintf("issuer was %s and is %s", was.Issuer, now.Issuer)
	case written && was.ID != now.ID:
		return fmt.Sprintf("client_id was %s and is %s", was.ID, now.ID)
	}
	return "issuer or client_id is another"
}
