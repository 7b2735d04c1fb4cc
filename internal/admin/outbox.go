package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

func (s server) outbox(r *http.Request) (any, error) {
	f, err := outboxFilter(r)
	if err != nil {
		return nil, err
	}
	entries, err := s.o.Store.ListOutbox(r.Context(), f)
	if err != nil {
		return nil, err
	}
	page := DeliveryList{Deliveries: make([]Delivery, 0, len(entries))}
	for _, e := range entries {
		page.Deliveries = append(page.Deliveries, s.deliveryView(e))
	}
	if len(entries) == f.Limit {
		last := entries[len(entries)-1]
		page.Next = strconv.FormatInt(last.CreatedAt.UnixMicro(), 10) + "." + last.ID
	}
	return page, nil
}

func outboxFilter(r *http.Request) (outbox.Filter, error) {
	q := r.URL.Query()
	f := outbox.Filter{State: outbox.State(q.Get("state")), Kind: outbox.Kind(q.Get("kind")), Provider: q.Get("provider"), Session: q.Get("session")}
	states := []outbox.State{"", outbox.Pending, outbox.Done, outbox.Cancelled, outbox.Failed}
	if !slices.Contains(states, f.State) {
		return f, badRequest("state must be pending, done, cancelled or failed")
	}
	kinds := []outbox.Kind{"", outbox.KindRevoke, outbox.KindEndSession, outbox.KindAppLogout}
	if !slices.Contains(kinds, f.Kind) {
		return f, badRequest("kind must be revoke-token, end-session or app-logout")
	}
	var err error
	if f.Failing, err = flagOf(r, "failing"); err != nil {
		return f, err
	}
	if f.Limit, err = limitOf(r); err != nil {
		return f, err
	}
	if after := q.Get("after"); after != "" {
		at, id, ok := strings.Cut(after, ".")
		us, err := strconv.ParseInt(at, 10, 64)
		if err != nil || !ok {
			return f, badRequest("after must be the next of an earlier page")
		}
		f.After = outbox.Place{CreatedAt: time.UnixMicro(us).UTC(), ID: id}
	}
	return f, nil
}

const maxError = 300

func (s server) deliveryView(e outbox.Entry) Delivery {
	d := Delivery{
		ID: e.ID, Kind: string(e.Kind), Session: e.Session, Provider: e.Provider, App: e.App, State: string(e.State),
		CreatedAt: e.CreatedAt, GivenUpAt: e.Deadline, Attempts: e.Attempts, LastError: bounded(e.LastError),
	}
	switch e.State {
	case outbox.Pending:
		d.NextAt, d.Retryable = e.NextAt, true
	case outbox.Failed:
		d.Retryable = len(e.Payload) > 0
	}
	if d.Retryable && errors.Is(s.o.SignOut.Deliverable(e), outbox.ErrPermanent) {
		d.Retryable = false
	}
	return d
}

// bounded masks before it cuts: half a secret has no shape.
func bounded(text string) string {
	text = audit.Mask(text)
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError], "") + "…"
	}
	return text
}

func (s server) entry(ctx context.Context, id string) (outbox.Entry, error) {
	list, err := s.o.Store.ListOutbox(ctx, outbox.Filter{ID: id, Limit: 1})
	if err == nil && len(list) == 0 {
		err = notFound("No such delivery", "what is finished is kept for a day, and as long as a receipt speaks of it; \"cardea outbox list\" shows what there is")
	}
	if err != nil {
		return outbox.Entry{}, err
	}
	return list[0], nil
}

func (s server) delivery(r *http.Request) (any, error) {
	e, err := s.entry(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.deliveryView(e), nil
}

func (s server) retry(r *http.Request) (any, error) {
	var req RetryRequest
	if err := decode(nil, r, &req); err != nil || (req.ID != "") == req.Failing {
		return nil, badRequest("the body is a JSON object with either id or failing: true")
	}
	if req.Failing {
		if err := s.asked(r.Context(), actRetry, audit.Event{Detail: map[string]string{"filter": "failing"}}); err != nil {
			return nil, err
		}
		return s.retryFailing(r.Context())
	}
	e, err := s.entry(r.Context(), req.ID)
	if err != nil {
		return nil, err
	}
	if err := s.asked(r.Context(), actRetry, audit.Event{Session: e.Session, Provider: e.Provider, App: e.App, Detail: map[string]string{"entry": e.ID}}); err != nil {
		return nil, err
	}
	if err := s.requeue(r.Context(), e); err != nil {
		return nil, err
	}
	s.o.Kick()
	return RetryAnswer{Retried: 1}, nil
}

// requeue makes an entry due now, or says why that is of no use.
func (s server) requeue(ctx context.Context, e outbox.Entry) error {
	const kind, title = "not-retryable", "Cannot be retried"
	switch {
	case e.State == outbox.Done || e.State == outbox.Cancelled:
		return conflict(kind, title, "it is "+string(e.State)+": there is nothing to tell any more")
	case errors.Is(s.o.SignOut.Deliverable(e), outbox.ErrPermanent):
		return conflict(kind, title, "nobody is left to be told: the provider, the client or the app is not configured as it was, or nothing is left to tell it with")
	}
	err := s.o.Store.Requeue(ctx, s.o.Now(), e.ID)
	if errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrNotFound) {
		return conflict(kind, title, "nothing is left to tell it with")
	}
	if err == nil {
		s.o.Logger.Info("delivery is retried", "entry", e.ID, "kind", e.Kind, "session", e.Session, "by", operator(ctx))
	}
	return err
}

// retryFailing makes everything due that was tried in vain.
func (s server) retryFailing(ctx context.Context) (any, error) {
	var v RetryAnswer
	f := outbox.Filter{Failing: true, Limit: maxPage}
	defer s.o.Kick()
	for {
		list, err := s.o.Store.ListOutbox(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			err := s.requeue(ctx, e)
			if _, refused := errors.AsType[refusal](err); refused {
				v.Refused++
				continue
			}
			if err != nil {
				return nil, err
			}
			v.Retried++
		}
		if len(list) < f.Limit {
			return v, nil
		}
		last := list[len(list)-1]
		f.After = outbox.Place{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}
