package app

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// recallClients learns which sessions were opened at a provider or as a client that the
// configuration names no longer. A store that does not answer now is asked again.
func (a *App) recallClients(ctx context.Context) {
	var list []session.Client
	for i := range a.cfg.Providers {
		c := &a.cfg.Providers[i]
		list = append(list, session.Client{Provider: c.ID, Issuer: a.providers[c.ID].Issuer(), ID: c.ClientID})
	}
	a.clients = signout.NewClients(a.storage.store, list)
	if err := a.clients.Recall(ctx); err != nil {
		a.logger.Warn("sessions from before an upgrade wait for the store", "err", err)
	}
}

// present is the store as those see it who let people in: what belongs to a withdrawn
// provider or client has ended there, though its end may not be written yet.
type present struct {
	*sqlite.Store
	clients *signout.Clients
	now     func() time.Time
}

func (a *App) present() present { return present{a.storage.store, a.clients, a.clock.Now} }

func (p present) BySeat(ctx context.Context, hash session.SeatHash) (*session.Session, session.Seat, error) {
	s, seat, err := p.Store.BySeat(ctx, hash)
	if err == nil {
		err = p.clients.Refuse(p.now(), s)
	}
	if err != nil {
		return nil, session.Seat{}, err
	}
	return s, seat, nil
}

func (p present) ByID(ctx context.Context, id session.ID) (*session.Session, error) {
	s, err := p.Store.ByID(ctx, id)
	if err == nil {
		err = p.clients.Refuse(p.now(), s)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}
