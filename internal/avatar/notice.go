package avatar

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/session"
)

// Settings are what a configuration says of pictures.
type Settings struct {
	Fetch    bool              // pictures at an address are fetched; those in a data: URL need no fetching
	MaxBytes int64             // of an upload and of a provider's picture; zero is DefaultLimits'
	Sources  map[string]Source // by provider; pictures of any other are not fetched
}

// Source is a provider as far as it decides where its pictures may be fetched.
type Source struct {
	Issuer *url.URL
	Roots  []byte // certificates trusted beside the system's, PEM
}

func (s Settings) limits() Limits { return Limits{Bytes: s.MaxBytes}.orDefault() }

const (
	workers     = 2
	fetchWithin = 10 * time.Second
	// again is how long a picture is taken for unchanged while its address is, and
	// afterFailure how long one that could not be had is left alone.
	again        = 24 * time.Hour
	afterFailure = time.Hour
)

// Noticed has the picture of a session's profile fetched in the background. It never
// blocks and never fails.
func (a *Avatars) Noticed(s *session.Session) {
	if s != nil && s.Profile.Picture != "" {
		a.Found(s.Account, s.Provider, s.Profile.Picture)
	}
}

// Found says what a provider named as the picture of somebody who was proven to be an
// account's person: an https address, a data: URL, or "" for none, which takes away what
// the same provider named before. It never blocks and never fails.
func (a *Avatars) Found(accountID, provider, address string) {
	if accountID != "" && provider != "" {
		a.queue.put(job{account: accountID, provider: provider, address: address})
	}
}

// Run fetches until ctx ends. What is queued then comes again at the next sign-ins.
func (a *Avatars) Run(ctx context.Context) {
	var w sync.WaitGroup
	for range workers {
		w.Go(func() {
			for {
				j, ok := a.queue.take(ctx)
				if !ok {
					return
				}
				a.obtain(ctx, j)
				a.queue.done(j.account)
			}
		})
	}
	w.Wait()
}

// obtain has one picture, if it is due, and keeps what came of it.
func (a *Avatars) obtain(ctx context.Context, j job) {
	last, err := a.o.Store.PictureTry(ctx, j.account)
	if err != nil {
		a.o.Logger.Debug("a provider's picture is left alone: the store does not answer", "account", j.account, "err", err)
		return
	}
	now := a.o.Now()
	if !due(last, j, now) {
		return
	}
	try := account.PictureTry{Provider: j.provider, At: now}
	p := &Picture{}
	if j.address != "" {
		try.Address = hashOf([]byte(j.address))
		got, err := a.have(ctx, j)
		switch {
		case ctx.Err() != nil || errors.Is(err, errNotAsked):
			return
		case err != nil:
			try.Error, p = reason(err), nil
		default:
			p = &got
		}
	}
	if p != nil {
		p.Source, p.UpdatedAt = account.PictureProvider, now
	}
	a.keep(ctx, try, j, p)
}

func (a *Avatars) keep(ctx context.Context, try account.PictureTry, j job, p *Picture) {
	_, err := a.o.Store.TriedPicture(ctx, try.At, j.account, try, p)
	switch {
	case errors.Is(err, account.ErrDisabled), errors.Is(err, session.ErrNotFound): // the account went meanwhile
	case err != nil:
		a.o.Logger.Info("a provider's picture could not be kept", "account", j.account, "provider", j.provider, "err", err)
	case try.Error != "":
		a.o.Logger.Info("a provider's picture could not be had; sign-ins do not depend on it", "account", j.account, "provider", j.provider,
			"from", origin(j.address), "err", try.Error)
	default:
		a.o.Logger.Debug("a provider's picture is kept", "account", j.account, "provider", j.provider, "there_is_one", len(p.Bytes) > 0)
	}
}

// due tells whether a picture has to be had now.
func due(last account.PictureTry, j job, now time.Time) bool {
	switch {
	case j.address == "":
		return last.Address != "" && last.Provider == j.provider
	case last.Address != hashOf([]byte(j.address)):
		return true
	case now.Before(last.At): // the clock went back
		return true
	case last.Error != "":
		return now.Sub(last.At) >= afterFailure
	}
	return now.Sub(last.At) >= again
}

// errNotAsked: pictures of this provider are not fetched.
var errNotAsked = errors.New("not fetched")

// have returns the picture at a job's address.
func (a *Avatars) have(ctx context.Context, j job) (Picture, error) {
	settings := a.o.Settings()
	l := settings.limits()
	if isData(j.address) {
		raw, err := dataURL(j.address, l.Bytes)
		if err != nil {
			return Picture{}, err
		}
		return a.decoded(ctx, raw, l)
	}
	from, known := settings.Sources[j.provider]
	if !settings.Fetch || !known || from.Issuer == nil {
		return Picture{}, errNotAsked
	}
	within, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	raw, err := fetcher{net: a.o.Net, from: from, most: l.Bytes}.get(within, j.address)
	if err != nil {
		return Picture{}, err
	}
	return a.decoded(ctx, raw, l)
}

// origin is what a log line says of an address: the rest may name a person.
func origin(address string) string {
	if isData(address) {
		return "data:"
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}
