package app

import (
	"context"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// clientsOf are who the gateway is at the providers of a configuration. They tell which
// sessions were opened at a provider or as a client that it names no longer.
func (a *App) clientsOf(g *generation) *signout.Clients {
	var list []session.Client
	for i := range g.cfg.Providers {
		c := &g.cfg.Providers[i]
		list = append(list, session.Client{Provider: c.ID, Issuer: g.providers[c.ID].Issuer(), ID: c.ClientID})
	}
	return signout.NewClients(a.storage.store, list)
}

// present is the store as those see it who let people in: what belongs to a withdrawn
// provider or client has ended there, though its end may not be written yet.
type present struct {
	*sqlite.Store
	a *App
}

func (a *App) present() present { return present{a.storage.store, a} }

func (p present) refuse(s *session.Session) error {
	return p.a.gen().clients.Refuse(p.a.clock.Now(), s)
}

func (p present) BySeat(ctx context.Context, hash session.SeatHash) (*session.Session, session.Seat, error) {
	s, seat, err := p.Store.BySeat(ctx, hash)
	if err == nil {
		err = p.refuse(s)
	}
	if err != nil {
		return nil, session.Seat{}, err
	}
	return s, seat, nil
}

func (p present) ByID(ctx context.Context, id session.ID) (*session.Session, error) {
	s, err := p.Store.ByID(ctx, id)
	if err == nil {
		err = p.refuse(s)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}
