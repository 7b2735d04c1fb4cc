package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// fake is the store and the sign-out of a gateway.
type fake struct {
	planned   []string
	planFails error

	sessions []*session.Session
	ended    map[session.ID]session.Tombstone
	entries  []outbox.Entry
	err      error // of the store
	endErr   error // of End and EndAll
	asked    []signout.Request
	filters  []session.Filter
	noPaper  bool // receipts are gone
	slow     bool // ending many takes as long as there is between two lines
	shelf    shelf

	people   []account.Person
	erased   []account.Ref
	acts     []string // of People
	actErr   error
	listed   []account.Filter
	boxes    []outbox.Filter
	requeued []string
	gone     map[string]bool // entries that nobody is left for
	kicks    int
	probes   int
	backups  func(w io.Writer) error
	trail    *trail
}

// trail is an audit trail in memory.
type trail struct {
	mu      sync.Mutex
	events  []audit.Event
	last    int64
	filters []audit.Filter
	grown   chan struct{}
	waits   []int64 // after which place somebody waits, or did
	err     error
}

// awaited are the places after which somebody has waited.
func (t *trail) awaited() []int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.waits)
}

func (t *trail) add(e ...audit.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range e {
		t.last++
		e = audit.Fitted(e, now)
		e.Seq = t.last
		t.events = append(t.events, e)
	}
	if t.grown != nil {
		close(t.grown)
		t.grown = nil
	}
}

func (t *trail) Record(_ context.Context, at time.Time, e ...audit.Event) error {
	if t.err != nil {
		return t.err
	}
	for _, e := range e {
		if err := audit.Check(audit.Fitted(e, at)); err != nil {
			return err
		}
	}
	t.add(e...)
	return nil
}

func (t *trail) LastAudit(context.Context) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last, t.err
}

func (t *trail) AuditEvents(_ context.Context, f audit.Filter) ([]audit.Event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.filters = append(t.filters, f)
	list := slices.Clone(t.events)
	if f.Newest {
		slices.Reverse(list)
	}
	list = slices.DeleteFunc(list, func(e audit.Event) bool {
		return e.Seq <= f.After || f.Before > 0 && e.Seq >= f.Before || len(f.Types) > 0 && !slices.Contains(f.Types, e.Type) ||
			f.Account != "" && e.Account != f.Account || f.Provider != "" && e.Provider != f.Provider || f.Incident != "" && e.Incident != f.Incident
	})
	return list[:min(len(list), f.Limit)], t.err
}

func (t *trail) Wait(ctx context.Context, after int64) error {
	t.mu.Lock()
	t.waits = append(t.waits, after)
	t.mu.Unlock()
	for {
		t.mu.Lock()
		if t.last > after {
			t.mu.Unlock()
			return nil
		}
		if t.grown == nil {
			t.grown = make(chan struct{})
		}
		grown := t.grown
		t.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errUnfinished = errors.New("the rest follows")

// Disable, Enable and Delete are those of people.
func (f *fake) Disable(_ context.Context, id, by string) (bool, signout.Sum, error) {
	f.acts = append(f.acts, "disable "+id+" by "+by)
	return true, ended(3), f.actErr
}

func (f *fake) Enable(_ context.Context, id, by string) (bool, error) {
	f.acts = append(f.acts, "enable "+id+" by "+by)
	return true, f.actErr
}

func (f *fake) Delete(_ context.Context, id, by string) (signout.Sum, error) {
	f.acts = append(f.acts, "delete "+id+" by "+by)
	return ended(3), f.actErr
}

func (f *fake) Unlink(_ context.Context, id, key, actor, by string) (account.Identity, signout.Sum, error) {
	f.acts = append(f.acts, "unlink "+key+" of "+id+" by "+actor+" "+by)
	return account.Identity{}, ended(3), f.actErr
}

// ended is the sum of n receipts.
func ended(n int) signout.Sum {
	return signout.Sum{Ended: n, Steps: []signout.Summed{
		{What: signout.WhatConnections, State: signout.StepDone, Sessions: 1, Count: 4}, {What: signout.WhatTokens, State: signout.StepRetrying, Sessions: n},
	}}
}

func (f *fake) ListAccounts(_ context.Context, flt account.Filter) ([]account.Summary, error) {
	f.listed = append(f.listed, flt)
	var list []account.Summary
	for _, p := range f.people {
		if p.Handle > flt.After && len(list) < flt.Limit {
			list = append(list, account.Summary{Account: p.Account, Providers: []string{"main"}, Sessions: 1, LastUsed: now})
		}
	}
	return list, f.err
}

func (f *fake) FindAccounts(_ context.Context, name string) ([]account.Ref, error) {
	var list []account.Ref
	for _, p := range f.people {
		if p.ID == name || p.Handle == name {
			list = append(list, account.Ref{ID: p.ID, Handle: p.Handle})
		}
	}
	for _, r := range f.erased {
		if r.ID == name || r.Handle == name {
			list = append(list, r)
		}
	}
	return list, f.err
}

func (f *fake) Person(_ context.Context, id string) (account.Person, error) {
	for _, p := range f.people {
		if p.ID == id {
			return p, f.err
		}
	}
	return account.Person{}, account.ErrErased
}

func (f *fake) PictureOf(_ context.Context, id string) (account.Picture, error) {
	if id == "acc-a" {
		return account.Picture{Source: account.PictureUpload, UpdatedAt: now}, f.err
	}
	return account.Picture{}, f.err
}

func (f *fake) PictureTry(_ context.Context, id string) (account.PictureTry, error) {
	if id == "acc-a" {
		return account.PictureTry{Provider: "main", Address: "hash", At: now, Error: "timed out"}, f.err
	}
	return account.PictureTry{}, f.err
}

func (f *fake) CountSessions(_ context.Context, flt session.Filter) (int, error) {
	n := 0
	for _, s := range f.sessions {
		if (flt.Account == "" || s.Account == flt.Account) && (flt.Provider == "" || s.Provider == flt.Provider) {
			n++
		}
	}
	return n, f.err
}

func (f *fake) Requeue(_ context.Context, at time.Time, id string) error {
	f.requeued = append(f.requeued, id)
	if !at.Equal(now) {
		return errors.New("at another time")
	}
	return f.err
}

func (f *fake) Deliverable(e outbox.Entry) error {
	if f.gone[e.ID] {
		return outbox.ErrPermanent
	}
	return nil
}

func (f *fake) WriteBackup(_ context.Context, w io.Writer, _ bool) error { return f.backups(w) }

func (f *fake) Configuration() Configuration {
	return Configuration{File: "/etc/cardea/cardea.yaml", SHA256: strings.Repeat("ab", 32), LoadedAt: now}
}

func (f *fake) PlanConfig(_ context.Context, folder string, text []byte) (ConfigPlan, error) {
	f.planned = append(f.planned, folder+": "+string(text))
	return ConfigPlan{
		Faults: []ConfigFault{{Line: 1, Column: 2, Key: "apps", Message: "is missing", Fix: "write it"}}, Warnings: []ConfigWarning{{Line: 3, Key: "a", Message: "b"}},
		Changes:      []ConfigChange{{Key: "listen", From: ":1", To: ":2", NeedsRestart: true}, {Key: "apps[chat]", To: "removed"}},
		NeedsRestart: []string{"listen"}, Ends: []ConfigEnd{{Why: "app", Name: "chat", Because: "no longer configured", Sessions: 2}}, Sessions: 2, Connections: 1,
		Stranded: []ConfigStranded{{Provider: "acme", Accounts: 3}},
	}, f.planFails
}

func (f *fake) BackupProgress() BackupProgress { return BackupProgress{Running: true, Done: 3, Of: 5} }

func (f *fake) providers(_ context.Context, probe bool) []Provider {
	p := Provider{
		ID: "main", Name: "Acme", Kind: "keycloak", Issuer: "https://idp.example", ClientID: "cardea", Callback: "https://gate.example/.cardea/callback/main",
		Reachable: "unknown", Discovery: Fetched{TriedAt: now, Error: "discovery: no route, code=hush"}, Keys: Fetched{At: now, TriedAt: now}, KeyIDs: []string{"k1"},
	}
	if probe {
		f.probes++
		p.Reachable, p.AskedAt = "yes", now
	}
	return []Provider{p, {ID: "second", Name: "Second", Kind: "oidc", Reachable: "no", AskedAt: now, KeyIDs: []string{}}}
}

func (f *fake) ByID(_ context.Context, id session.ID) (*session.Session, error) {
	if f.err != nil {
		return nil, f.err
	}
	if t, ok := f.ended[id]; ok {
		return nil, &session.EndedError{Tombstone: t}
	}
	for _, s := range f.sessions {
		if s.ID == id {
			return s, nil
		}
	}
	return nil, session.ErrNotFound
}

func (f *fake) List(_ context.Context, flt session.Filter) ([]*session.Session, error) {
	f.filters = append(f.filters, flt)
	var list []*session.Session
	for _, s := range f.sessions {
		if s.ID > flt.After && (flt.Account == "" || s.Account == flt.Account) && len(list) < flt.Limit {
			list = append(list, s)
		}
	}
	return list, f.err
}

func (f *fake) ListOutbox(_ context.Context, flt outbox.Filter) ([]outbox.Entry, error) {
	f.boxes = append(f.boxes, flt)
	var list []outbox.Entry
	for _, e := range f.entries {
		failing := e.State == outbox.Failed || e.State == outbox.Pending && e.Attempts > 0
		if (flt.ID == "" || e.ID == flt.ID) && (flt.State == "" || e.State == flt.State) && (!flt.Failing || failing) &&
			(flt.Kind == "" || e.Kind == flt.Kind) && (flt.Provider == "" || e.Provider == flt.Provider) && e.ID > flt.After.ID && len(list) < flt.Limit {
			list = append(list, e)
		}
	}
	return list, f.err
}

func (f *fake) End(ctx context.Context, _ time.Time, r signout.Request) (signout.Result, error) {
	f.asked = append(f.asked, r)
	if f.endErr != nil {
		return signout.Result{}, f.endErr
	}
	_, err := f.ByID(ctx, r.Session)
	return signout.Result{}, err
}

func (f *fake) EndSummed(_ context.Context, _ time.Time, flt session.Filter, r signout.Request, progress func(int)) (signout.Sum, error) {
	f.filters, f.asked = append(f.filters, flt), append(f.asked, r)
	if progress != nil {
		progress(1)
		if f.slow {
			time.Sleep(lineEvery)
		}
		progress(len(f.sessions))
	}
	return ended(len(f.sessions)), f.endErr
}

func (f *fake) ReceiptOf(_ context.Context, id session.ID) (signout.Receipt, error) {
	if f.noPaper {
		return signout.Receipt{}, signout.ErrNoReceipt
	}
	return signout.Receipt{Session: id}, f.endErr
}

func (f *fake) Steps(context.Context, signout.Receipt) ([]signout.Step, error) {
	return []signout.Step{{What: signout.WhatSession, State: signout.StepDone}, {What: signout.WhatConnections, State: signout.StepDone, Count: 2}}, f.endErr
}

func one(id session.ID) *session.Session {
	return &session.Session{
		ID: id, Account: "acc-" + string(id), Handle: "ada", Provider: "main", Identity: oidc.Identity{Issuer: "https://idp.example", Subject: "sub"},
		CreatedAt: now.Add(-time.Hour), SeenAt: now, AuthTime: now.Add(-time.Hour), ACR: "gold", Limits: session.Limits{Absolute: 2 * time.Hour},
		SID: "secret-sid", Claims: oidc.Claims{"email": "secret@claims.example"},
		Grant: session.Grant{Tokens: oidc.Tokens{AccessToken: "secret-at", RefreshToken: "secret-rt", IDToken: "secret-idt"}},
	}
}

// gateway serves f on a unix socket and returns a client of it.
func gateway(t *testing.T, f *fake) (*Client, string, *bytes.Buffer) {
	t.Helper()
	logs := &bytes.Buffer{}
	h, err := New(options(f, logs))
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, described(t, h), logs)
}

// options are those of a gateway on f.
func options(f *fake, logs io.Writer) Options {
	if f.trail == nil {
		f.trail = &trail{}
	}
	return Options{
		Store: f, Trail: f.trail, SignOut: f, People: f, Unfinished: errUnfinished, Incidents: &f.shelf, Backups: f, Configs: f, Connections: func(session.ID) int { return 2 },
		Providers: f.providers, Apps: map[string]string{"chat": "https://chat.example", "hub": "https://*.apps.example"}, Kick: func() { f.kicks++ },
		Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: func() time.Time { return now },
	}
}

func serve(t *testing.T, h http.Handler, logs *bytes.Buffer) (*Client, string, *bytes.Buffer) {
	t.Helper()
	dir, err := os.MkdirTemp("", "adm") // t.TempDir can be longer than a socket's path may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "admin.sock")
	l, err := httpx.ListenUnix(t.Context(), path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: h, ConnContext: ConnContext}}
	srv.Start()
	t.Cleanup(srv.Close)
	return NewClient(Endpoint{Network: "unix", Address: path}), path, logs
}

// direct hands requests to a handler without a connection, so that a bubble's time passes
// between them.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func client(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
}

func get(t *testing.T, path, target string) *http.Response {
	t.Helper()
	resp, err := client(path).Get("http://admin" + target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func post(t *testing.T, path, body string, h http.Header) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://admin/v1/sessions/end", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = h
	resp, err := client(path).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func problem(t *testing.T, resp *http.Response) httpx.Problem {
	t.Helper()
	var p httpx.Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("no problem document: %v", err)
	}
	return p
}
