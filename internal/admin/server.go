package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// Store lists what there is.
type Store interface {
	ByID(ctx context.Context, id session.ID) (*session.Session, error)
	List(ctx context.Context, f session.Filter) ([]*session.Session, error)
	ListOutbox(ctx context.Context, state outbox.State, limit int) ([]outbox.Entry, error)
}

// SignOut ends sessions and knows their receipts.
type SignOut interface {
	End(ctx context.Context, now time.Time, r signout.Request) (signout.Result, error)
	EndAll(ctx context.Context, now time.Time, f session.Filter, r signout.Request) (int, error)
	ReceiptOf(ctx context.Context, id session.ID) (signout.Receipt, error)
	Steps(ctx context.Context, r signout.Receipt) ([]signout.Step, error)
}

// Options are what a Server lives on; all are required.
type Options struct {
	Store       Store
	SignOut     SignOut
	Connections func(session.ID) int
	Logger      *slog.Logger
	Now         func() time.Time
}

type server struct{ o Options }

// New returns the API's handler.
func New(o Options) (http.Handler, error) {
	if o.Store == nil || o.SignOut == nil || o.Connections == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("admin: every option is required")
	}
	s := server{o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/sessions", s.list)
	mux.HandleFunc("GET /v1/sessions/{id}", s.show)
	mux.HandleFunc("POST /v1/sessions/end", s.end)
	mux.HandleFunc("GET /v1/outbox", s.outbox)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		httpx.WriteProblem(w, httpx.Problem{Type: "not-found", Title: "No such endpoint", Status: http.StatusNotFound}, 0)
	})
	return s.noBrowsers(mux), nil
}

// noBrowsers refuses what a web page made a browser send: on a TCP listener any page on
// this machine could otherwise end every session by a form. Programs send none of these
// headers, and no form can be JSON.
func (s server) noBrowsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
			httpx.WriteProblem(w, httpx.Problem{Type: "origin-refused", Title: "Not for browsers", Status: http.StatusForbidden}, 0)
			return
		}
		if r.Method == http.MethodPost {
			if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
				s.refuse(w, "the body must be sent as application/json")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

const maxPage = 1000

func (s server) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > maxPage {
		limit = 100
	}
	list, err := s.o.Store.List(r.Context(), session.Filter{
		Account: q.Get("account"), Provider: q.Get("provider"), After: session.ID(q.Get("after")), Limit: limit,
	})
	if err != nil {
		s.fail(w, err)
		return
	}
	page := SessionList{Sessions: make([]Session, 0, len(list))}
	for _, x := range list {
		page.Sessions = append(page.Sessions, s.view(x))
	}
	if len(list) == limit {
		page.Next = string(list[limit-1].ID)
	}
	answer(w, page)
}

func (s server) view(x *session.Session) Session {
	v := Session{
		ID: string(x.ID), Account: x.Account, Handle: x.Handle, Provider: x.Provider,
		Issuer: x.Identity.Issuer, Subject: x.Identity.Subject,
		CreatedAt: x.CreatedAt, SeenAt: x.SeenAt, AuthTime: x.AuthTime, ExpiresAt: x.AbsoluteUntil(),
		Address: x.Address, UserAgent: x.UserAgent, Refreshable: x.Grant.Tokens.RefreshToken != "",
		Grant: "good", Connections: s.o.Connections(x.ID),
	}
	switch {
	case x.Grant.State != session.GrantGood:
		v.Grant = string(x.Grant.State)
	case !x.Grant.FailingSince.IsZero():
		v.Grant = "failing"
	}
	return v
}

func (s server) show(w http.ResponseWriter, r *http.Request) {
	id := session.ID(r.PathValue("id"))
	x, err := s.o.Store.ByID(r.Context(), id)
	if err == nil {
		v := s.view(x)
		answer(w, Shown{Session: &v})
		return
	}
	ended, ok := errors.AsType[*session.EndedError](err)
	if !ok {
		s.fail(w, err)
		return
	}
	t := ended.Tombstone
	v := Ended{Session: string(id), Account: t.Account, Provider: t.Provider, Cause: string(t.Cause), EndedAt: t.EndedAt}
	if v.Steps, err = s.steps(r.Context(), id); err != nil {
		s.fail(w, err)
		return
	}
	answer(w, Shown{Ended: &v})
}

// steps returns the lines of an ended session's receipt; none once the receipt is gone.
func (s server) steps(ctx context.Context, id session.ID) ([]Step, error) {
	list := []Step{}
	receipt, err := s.o.SignOut.ReceiptOf(ctx, id)
	if errors.Is(err, signout.ErrNoReceipt) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	steps, err := s.o.SignOut.Steps(ctx, receipt)
	if err != nil {
		return nil, err
	}
	for _, st := range steps {
		list = append(list, Step{What: string(st.What), State: string(st.State), Count: st.Count})
	}
	return list, nil
}

func (s server) end(w http.ResponseWriter, r *http.Request) {
	var req EndRequest
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10))
	dec.DisallowUnknownFields()
	err := dec.Decode(&req)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		s.refuse(w, "the body is not a JSON object with id, account, provider or all")
		return
	}
	selected := 0
	for _, set := range []bool{req.ID != "", req.Account != "", req.Provider != "", req.All} {
		if set {
			selected++
		}
	}
	if selected != 1 {
		s.refuse(w, "exactly one of id, account, provider and all selects what to end")
		return
	}
	out := signout.Request{Cause: session.CauseAdmin, By: "operator"}
	if req.ID != "" {
		s.endOne(w, r, req.ID, out)
		return
	}
	n, err := s.o.SignOut.EndAll(r.Context(), s.o.Now(), session.Filter{Account: req.Account, Provider: req.Provider}, out)
	if err != nil && !errors.Is(err, signout.ErrNotDurable) {
		s.fail(w, err)
		return
	}
	answer(w, EndAnswer{Ended: n, NotDurable: err != nil})
}

func (s server) endOne(w http.ResponseWriter, r *http.Request, id string, out signout.Request) {
	out.Session = session.ID(id)
	known, err := s.o.Store.ByID(r.Context(), out.Session)
	if _, ended := errors.AsType[*session.EndedError](err); ended {
		answer(w, EndAnswer{Already: true})
		return
	}
	if err == nil {
		out.Known = known
	}
	_, err = s.o.SignOut.End(r.Context(), s.o.Now(), out)
	if err != nil && !errors.Is(err, signout.ErrNotDurable) {
		s.fail(w, err)
		return
	}
	answer(w, EndAnswer{Ended: 1, NotDurable: err != nil})
}

func (s server) outbox(w http.ResponseWriter, r *http.Request) {
	state := outbox.State(r.URL.Query().Get("state"))
	entries, err := s.o.Store.ListOutbox(r.Context(), state, maxPage)
	if err != nil {
		s.fail(w, err)
		return
	}
	list := make([]Delivery, 0, len(entries))
	for _, e := range entries {
		list = append(list, Delivery{
			ID: e.ID, Kind: string(e.Kind), Session: e.Session, Provider: e.Provider, State: string(e.State),
			CreatedAt: e.CreatedAt, NextAt: e.NextAt, Attempts: e.Attempts, LastError: e.LastError,
		})
	}
	answer(w, list)
}

func (s server) refuse(w http.ResponseWriter, detail string) {
	httpx.WriteProblem(w, httpx.Problem{Type: "bad-request", Title: "Bad request", Status: http.StatusBadRequest, Detail: detail}, 0)
}

func (s server) fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, session.ErrNotFound):
		httpx.WriteProblem(w, httpx.Problem{Type: "not-found", Title: "No such session", Status: http.StatusNotFound}, 0)
	case errors.Is(err, session.ErrUnavailable):
		httpx.WriteProblem(w, httpx.Problem{Type: "store-unavailable", Title: "The store does not answer", Status: http.StatusServiceUnavailable}, 5*time.Second)
	default:
		id := httpx.NewIncident()
		s.o.Logger.Error("administration request failed", "incident", id, "err", err)
		httpx.WriteProblem(w, httpx.Problem{Type: "internal", Title: "Internal error", Status: http.StatusInternalServerError, Instance: id}, 0)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}
