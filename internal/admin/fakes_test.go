package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// fake is the store and the sign-out of a gateway.
type fake struct {
	sessions []*session.Session
	ended    map[session.ID]session.Tombstone
	entries  []outbox.Entry
	err      error // of the store
	endErr   error // of End and EndAll
	asked    []signout.Request
	filters  []session.Filter
	noPaper  bool // receipts are gone
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

func (f *fake) ListOutbox(_ context.Context, state outbox.State, _ int) ([]outbox.Entry, error) {
	var list []outbox.Entry
	for _, e := range f.entries {
		if state == "" || e.State == state {
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

func (f *fake) EndAll(_ context.Context, _ time.Time, flt session.Filter, r signout.Request) (int, error) {
	f.filters, f.asked = append(f.filters, flt), append(f.asked, r)
	return len(f.sessions), f.endErr
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
		CreatedAt: now.Add(-time.Hour), SeenAt: now, AuthTime: now.Add(-time.Hour), Limits: session.Limits{Absolute: 2 * time.Hour},
		SID: "secret-sid", Claims: oidc.Claims{"email": "secret@claims.example"},
		Grant: session.Grant{Tokens: oidc.Tokens{AccessToken: "secret-at", RefreshToken: "secret-rt", IDToken: "secret-idt"}},
	}
}

// gateway serves f on a unix socket and returns a client of it.
func gateway(t *testing.T, f *fake) (*Client, string, *bytes.Buffer) {
	t.Helper()
	logs := &bytes.Buffer{}
	h, err := New(Options{
		Store: f, SignOut: f, Connections: func(session.ID) int { return 2 },
		Logger: slog.New(slog.NewTextHandler(logs, nil)), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
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
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
	srv.Start()
	t.Cleanup(srv.Close)
	return NewClient("unix", path), path, logs
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
