package admin

import (
	"context"
	"net/http"
	"strings"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

func (s server) providers(r *http.Request) (any, error) {
	list, err := s.providerViews(r)
	if err != nil {
		return nil, err
	}
	return ProviderList{Providers: list}, nil
}

func (s server) provider(r *http.Request) (any, error) {
	if !s.knownProvider(r.Context(), r.PathValue("id")) {
		return nil, s.noProvider(r.Context())
	}
	list, err := s.providerViews(r)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if p.ID == r.PathValue("id") {
			return p, nil
		}
	}
	return nil, s.noProvider(r.Context())
}

// providerViews completes what is known of providers by what the store knows.
func (s server) providerViews(r *http.Request) ([]Provider, error) {
	probe, err := flagOf(r, "probe")
	if err != nil {
		return nil, err
	}
	list := s.o.Providers(r.Context(), probe)
	for i := range list {
		p := &list[i]
		p.Discovery.Error, p.Keys.Error = bounded(p.Discovery.Error), bounded(p.Keys.Error)
		if p.Sessions, err = s.o.Store.CountSessions(r.Context(), session.Filter{Provider: p.ID}); err != nil {
			return nil, err
		}
		if err = s.addFailing(r.Context(), p); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// addFailing counts the deliveries to a provider that were tried in vain. An app's logout
// has the session's provider too, and says nothing of it.
func (s server) addFailing(ctx context.Context, p *Provider) error {
	for _, kind := range []outbox.Kind{outbox.KindRevoke, outbox.KindEndSession} {
		failing, err := s.o.Store.ListOutbox(ctx, outbox.Filter{Provider: p.ID, Kind: kind, Failing: true, Limit: maxPage})
		if err != nil {
			return err
		}
		p.Failing = min(p.Failing+len(failing), maxPage)
		if len(failing) > 0 {
			p.DeliveryError = bounded(failing[len(failing)-1].LastError)
		}
	}
	return nil
}

func (s server) knownProvider(ctx context.Context, id string) bool {
	for _, p := range s.o.Providers(ctx, false) {
		if p.ID == id {
			return true
		}
	}
	return false
}

func (s server) noProvider(ctx context.Context) error {
	var ids []string
	for _, p := range s.o.Providers(ctx, false) {
		ids = append(ids, p.ID)
	}
	return notFound("No such provider", "configured are "+strings.Join(ids, ", "))
}
