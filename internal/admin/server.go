package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// Store lists what there is.
type Store interface {
	Sessions
	Accounts
	Pictures
	Outbox
}

// Sessions are live sessions.
type Sessions interface {
	ByID(ctx context.Context, id session.ID) (*session.Session, error)
	List(ctx context.Context, f session.Filter) ([]*session.Session, error)
	CountSessions(ctx context.Context, f session.Filter) (int, error)
}

// Accounts are people.
type Accounts interface {
	ListAccounts(ctx context.Context, f account.Filter) ([]account.Summary, error)
	FindAccounts(ctx context.Context, name string) ([]account.Ref, error)
	Person(ctx context.Context, id string) (account.Person, error)
}

// Pictures are people's.
type Pictures interface {
	PictureOf(ctx context.Context, accountID string) (account.Picture, error)
	PictureTry(ctx context.Context, accountID string) (account.PictureTry, error)
}

// Outbox is what must still be told, and what has been.
type Outbox interface {
	ListOutbox(ctx context.Context, f outbox.Filter) ([]outbox.Entry, error)
	Requeue(ctx context.Context, now time.Time, id string) error
}

// SignOut ends sessions and knows their receipts.
type SignOut interface {
	End(ctx context.Context, now time.Time, r signout.Request) (signout.Result, error)
	EndSummed(ctx context.Context, now time.Time, f session.Filter, r signout.Request, progress func(int)) (signout.Sum, error)
	ReceiptOf(ctx context.Context, id session.ID) (signout.Receipt, error)
	Steps(ctx context.Context, r signout.Receipt) ([]signout.Step, error)
	Deliverable(e outbox.Entry) error
}

// People shuts, opens and deletes accounts (package people). An error that wraps
// Options.Unfinished says that the account is shut and the rest follows by itself.
type People interface {
	Disable(ctx context.Context, id, by string) (changed bool, sum signout.Sum, err error)
	Enable(ctx context.Context, id, by string) (changed bool, err error)
	Delete(ctx context.Context, id, by string) (sum signout.Sum, err error)
	// Unlink takes an identity, named by its key, from an account. It returns
	// account.ErrLast and account.ErrNotLinked.
	Unlink(ctx context.Context, id, key, actor, by string) (account.Identity, signout.Sum, error)
}

// Incidents explains what was refused.
type Incidents interface {
	Note(i incident.Incident)
	Why(ctx context.Context, id string) (incident.Answer, error)
}

// Options are what a Server lives on; all but Credential are required.
type Options struct {
	Backups     Backups
	Configs     Configs
	Incidents   Incidents
	Store       Store
	Trail       Trail
	SignOut     SignOut
	People      People
	Unfinished  error
	Connections func(session.ID) int
	// Providers returns the configured ones, asked anew or as they are known.
	Providers func(ctx context.Context, probe bool) []Provider
	Apps      map[string]string // origins by app id; a host may begin with "*."
	Kick      func()            // wakes the outbox
	Logger    *slog.Logger
	Now       func() time.Time

	// Credential is demanded of every request; nil where the listener itself keeps
	// strangers out.
	Credential *Credential
}

type server struct{ o Options }

// route is one method of one path.
type route struct {
	method, path string
	params       []string // of the query
	do           http.HandlerFunc
}

func (s server) routes() []route {
	return []route{
		{"GET", "/v1/accounts", []string{"handle", "email", "provider", "disabled", "after", "limit"}, s.json(s.listAccounts)},
		{"GET", "/v1/accounts/{account}", nil, s.json(s.showAccount)},
		{"POST", "/v1/accounts/{account}/disable", nil, s.json(s.disable)},
		{"POST", "/v1/accounts/{account}/enable", nil, s.json(s.enable)},
		{"POST", "/v1/accounts/{account}/delete", nil, s.json(s.delete)},
		{"POST", "/v1/accounts/{account}/unlink", nil, s.json(s.unlink)},
		{"GET", "/v1/sessions", []string{"account", "provider", "app", "after", "limit"}, s.json(s.list)},
		{"GET", "/v1/sessions/{id}", nil, s.json(s.show)},
		{"POST", "/v1/sessions/end", nil, s.end},
		{"GET", "/v1/outbox", []string{"state", "kind", "provider", "session", "failing", "after", "limit"}, s.json(s.outbox)},
		{"GET", "/v1/outbox/{id}", nil, s.json(s.delivery)},
		{"POST", "/v1/outbox/retry", nil, s.json(s.retry)},
		{"GET", "/v1/providers", []string{"probe"}, s.json(s.providers)},
		{"GET", "/v1/providers/{id}", []string{"probe"}, s.json(s.provider)},
		{"GET", "/v1/incidents/{id}", nil, s.why},
		{"GET", "/v1/audit", []string{"after", "before", "type", "account", "session", "provider", "email", "reference", "since", "until", "newest", "limit", "wait"}, s.json(s.audit)},
		{"GET", "/v1/config", nil, s.json(s.configuration)},
		{"POST", "/v1/config/plan", nil, s.planConfig},
		{"POST", "/v1/backup", nil, s.backup},
		{"GET", "/v1/backup", nil, s.backupProgress},
		{"GET", "/v1/openapi.json", nil, s.openapi},
	}
}

// New returns the API's handler.
func New(o Options) (http.Handler, error) {
	if o.Backups == nil || o.Configs == nil || o.Incidents == nil || o.Store == nil || o.Trail == nil || o.SignOut == nil || o.People == nil || o.Unfinished == nil ||
		o.Connections == nil || o.Providers == nil || o.Apps == nil || o.Kick == nil || o.Logger == nil || o.Now == nil {
		return nil, errors.New("admin: every option but Credential is required")
	}
	s := server{o}
	h := s.identified(s.known(s.mux()))
	if o.Credential != nil {
		g, err := newGate(*o.Credential, o.Logger, o.Now)
		if err != nil {
			return nil, err
		}
		h = g.keep(h)
	}
	return s.noBrowsers(h), nil
}

func (s server) mux() http.Handler {
	mux, paths := http.NewServeMux(), http.NewServeMux()
	methods := map[string][]string{}
	for _, r := range s.routes() {
		mux.HandleFunc(r.method+" "+r.path, s.withParams(r.params, r.do))
		methods[r.path] = append(methods[r.path], r.method)
	}
	for p, list := range methods {
		slices.Sort(list)
		paths.HandleFunc(p, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", strings.Join(list, ", "))
			httpx.WriteProblem(w, httpx.Problem{Type: "method-not-allowed", Title: "Not by this method", Status: http.StatusMethodNotAllowed,
				Detail: "this path takes " + strings.Join(list, ", ")}, 0)
		})
	}
	paths.HandleFunc("/", noEndpoint)
	mux.Handle("/", paths)
	return mux
}

// known keeps from the mux what it would answer by a redirect.
func (s server) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; p == "" || p[0] != '/' || path.Clean(p) != p {
			noEndpoint(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func noEndpoint(w http.ResponseWriter, _ *http.Request) {
	httpx.WriteProblem(w, httpx.Problem{Type: "not-found", Title: "No such endpoint", Status: http.StatusNotFound,
		Detail: "GET /v1/openapi.json describes what there is"}, 0)
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

// withParams refuses parameters that the endpoint does not know: a filter that is
// misspelt would select everything.
func (s server) withParams(known []string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// Query would leave out what it cannot read.
		params, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			s.refuse(w, "the query cannot be read; a percent sign is written %25, a semicolon %3B")
			return
		}
		for name, values := range params {
			switch {
			case !slices.Contains(known, name) && len(known) == 0:
				s.refuse(w, "there is no parameter "+strconv.Quote(name)+", and none is taken here")
				return
			case !slices.Contains(known, name):
				s.refuse(w, "there is no parameter "+strconv.Quote(name)+"; there are "+strings.Join(known, ", "))
				return
			case len(values) > 1:
				s.refuse(w, "the parameter "+name+" stands more than once")
				return
			}
		}
		next(w, r)
	}
}

// json answers with what do returns.
func (s server) json(do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := do(r)
		if err != nil {
			s.fail(w, err)
			return
		}
		answer(w, v)
	}
}

const (
	maxPage     = 1000
	defaultPage = 100
	maxBody     = 16 << 10
)

// limitOf reads how many are asked for.
func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxPage {
		return 0, badRequest("limit must be a number from 1 to " + strconv.Itoa(maxPage))
	}
	return limit, nil
}

// flagOf reads a parameter that is true or false.
func flagOf(r *http.Request, name string) (bool, error) {
	switch r.URL.Query().Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, badRequest(name + " must be true or false")
}

// decode reads a body that is one JSON object and has no unknown members.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	return decodeUpTo(w, r, into, maxBody)
}

func decodeUpTo(w http.ResponseWriter, r *http.Request, into any, limit int64) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	return err
}

// refusal is an answer that is an error.
type refusal httpx.Problem

func (r refusal) Error() string { return r.Title + ": " + r.Detail }

func badRequest(detail string) error {
	return refusal{Type: "bad-request", Title: "Bad request", Status: http.StatusBadRequest, Detail: detail}
}

func notFound(title, detail string) error {
	return refusal{Type: "not-found", Title: title, Status: http.StatusNotFound, Detail: detail}
}

func conflict(kind, title, detail string) error {
	return refusal{Type: kind, Title: title, Status: http.StatusConflict, Detail: detail}
}

func (s server) refuse(w http.ResponseWriter, detail string) { s.fail(w, badRequest(detail)) }

func (s server) fail(w http.ResponseWriter, err error) {
	p, wait := s.problem(err)
	httpx.WriteProblem(w, p, wait)
}

// problem is what is told of an error, and when to ask again.
func (s server) problem(err error) (httpx.Problem, time.Duration) {
	if r, ok := errors.AsType[refusal](err); ok {
		return httpx.Problem(r), 0
	}
	switch {
	case errors.Is(err, session.ErrNotFound):
		return httpx.Problem{Type: "not-found", Title: "No such session", Status: http.StatusNotFound}, 0
	case errors.Is(err, session.ErrUnavailable):
		return httpx.Problem{Type: "store-unavailable", Title: "The store does not answer", Status: http.StatusServiceUnavailable}, 5 * time.Second
	}
	id := httpx.NewIncident()
	s.o.Incidents.Note(incident.Incident{
		ID: id, Kind: "internal", Status: http.StatusInternalServerError, Shown: "Internal error", Step: incident.StepAdministration, Cause: err.Error(),
	})
	s.o.Logger.Error("administration request failed", "incident", id, "err", err)
	return httpx.Problem{Type: "internal", Title: "Internal error", Status: http.StatusInternalServerError, Instance: id}, 0
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}
