package app

import (
	"context"
	"net/url"
	"time"

	"github.com/cardea-auth/cardea/internal/avatar"
	"github.com/cardea-auth/cardea/internal/signin"
)

// makeAvatars makes what fetches and keeps people's pictures.
func (a *App) makeAvatars(context.Context) error {
	var err error
	a.avatars, err = avatar.New(avatar.Options{
		Store: a.storage.store, Logger: a.logger, Now: a.clock.Now, Settings: func() avatar.Settings { return pictureSettings(a.gen()) },
	})
	return err
}

// pictureSettings are what a generation says of pictures.
func pictureSettings(g *generation) avatar.Settings {
	s := avatar.Settings{Fetch: g.cfg.Avatars.Fetch, MaxBytes: int64(g.cfg.Avatars.MaxBytes), Sources: map[string]avatar.Source{}}
	for i := range g.cfg.Providers {
		c := &g.cfg.Providers[i]
		if issuer, err := url.Parse(g.providers[c.ID].Issuer()); err == nil {
			s.Sources[c.ID] = avatar.Source{Issuer: issuer, Roots: c.CA}
		}
	}
	return s
}

// noticing tells the avatars what a provider said of the picture of whoever a callback
// proved. The sign-in, or the link, is durable by then and does not wait.
type noticing struct {
	*signin.SignIn
	avatars *avatar.Avatars
}

func (n noticing) Finish(ctx context.Context, now time.Time, cb signin.Callback) (signin.Result, error) {
	res, err := n.SignIn.Finish(ctx, now, cb)
	if err == nil && res.Session != nil && res.Picture != nil {
		n.avatars.Found(res.Session.Account, cb.Provider, *res.Picture)
	}
	return res, err
}
