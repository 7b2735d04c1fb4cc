package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// people is a store with one person, whose sessions and events are what a test says.
type people struct {
	mu       sync.Mutex
	person   account.Person
	sessions []*session.Session
	ended    map[session.ID]session.Tombstone
	events   []audit.Event
	filter   audit.Filter
	err      error // of everything
	trail    error // of the events

	unlinked []string // account, key, actor, by

	unlinkedIn string // session
	unlinkErr  error
	others     []signout.Request
	othersErr  error
	but        []session.ID
	pictures   []string
	pictErr    error
	cleared    int
	shown      account.Picture
}

func (p *people) Person(_ context.Context, id string) (account.Person, error) {
	if id != p.person.ID {
		return account.Person{}, session.ErrNotFound
	}
	return p.person, p.err
}

func (p *people) ByID(_ context.Context, id session.ID) (*session.Session, error) {
	if t, ok := p.ended[id]; ok {
		return nil, &session.EndedError{Tombstone: t}
	}
	for _, s := range p.sessions {
		if s.ID == id {
			return s, p.err
		}
	}
	return nil, fmt.Errorf("reading: %w", session.ErrNotFound)
}

func (p *people) List(_ context.Context, f session.Filter) ([]*session.Session, error) {
	var out []*session.Session
	for _, s := range p.sessions {
		if s.Account == f.Account && s.ID > f.After && len(out) < f.Limit {
			out = append(out, s)
		}
	}
	return out, p.err
}

func (p *people) AuditEvents(_ context.Context, f audit.Filter) ([]audit.Event, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.filter = f
	return slices.Clone(p.events), p.trail
}

func (p *people) Unlink(ctx context.Context, id, key, actor, by string) (account.Identity, signout.Sum, error) {
	p.unlinkedIn = audit.SessionOf(ctx)
	p.unlinked = append(p.unlinked, id, key, actor, by)
	return account.Identity{}, signout.Sum{}, p.unlinkErr
}

func (p *people) EndOthers(_ context.Context, _ time.Time, id string, but session.ID, r signout.Request) (int, error) {
	p.others, p.but = append(p.others, r), append(p.but, but, session.ID(id))
	return 2, p.othersErr
}

func (p *people) Set(_ context.Context, _ time.Time, id string, upload io.Reader) (account.Picture, error) {
	b, err := io.ReadAll(upload)
	if err == nil {
		err = p.pictErr
	}
	p.pictures = append(p.pictures, id+" "+string(b[:min(len(b), 20)]))
	return account.Picture{}, err
}

func (p *people) Clear(context.Context, time.Time, string) error {
	p.cleared++
	return p.pictErr
}

func (p *people) Of(context.Context, string) (hash, source string, err error) {
	return p.shown.Hash, p.shown.Source, nil
}

func (p *people) ByHash(context.Context, string) (account.Picture, error) { return p.shown, nil }

var (
	mainIdentity   = oidc.Identity{Issuer: "https://idp.example", Subject: "ada-1"}
	secondIdentity = oidc.Identity{Issuer: "https://two.example", Subject: "subject-that-is-rather-long-and-opaque"}
)

// mine is a face with the page of a person who is signed in.
type mine struct {
	*face
	people *people
	live   *session.Session
	watch  *Watchers
}

// newMine returns one. recent says that the person authenticated a minute ago.
func newMine(t *testing.T, recent bool, change ...func(*Options, *people)) *mine {
	t.Helper()
	me := person("live")
	me.Identity, me.UserAgent, me.Address = mainIdentity, "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "203.0.113.7"
	if recent {
		me.AuthTime = now.Add(-time.Minute)
	}
	phone := person("phone")
	phone.Identity, phone.Provider, phone.UserAgent, phone.Address = secondIdentity, "second", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Version/18.6 Mobile/15E148 Safari/604.1", "192.0.2.1"
	phone.SeenAt = now.Add(-7 * time.Minute)
	stranger := person("stranger")
	stranger.Account = "somebody else"
	p := &people{
		person: account.Person{
			Account: account.Account{ID: "acc", Handle: "ada", Name: "Ada Lovelace", Email: "ada@example.com"},
			Identities: []account.Identity{
				{Identity: secondIdentity, Account: "acc", Provider: "second", LinkedAt: now.Add(-time.Hour), LastUsed: now},
				{Identity: mainIdentity, Account: "acc", Provider: "main", LinkedAt: now.Add(-9 * 24 * time.Hour), LastUsed: now, Email: "ada@idp.example"},
			},
		},
		sessions: []*session.Session{me, phone, stranger},
		ended: map[session.ID]session.Tombstone{
			"gone": {Session: "gone", Account: "acc"}, "theirs": {Session: "theirs", Account: "somebody else"},
		},
	}
	m := &mine{people: p, live: me, watch: NewWatchers()}
	m.face = newFace(t, func(o *Options) {
		o.Account = &PersonalPage{
			Store: p, People: p, Others: p, Pictures: p, MaxPicture: 1 << 20, FormKey: bytes.Repeat([]byte("k"), 32), Watch: m.watch,
		}
		o.Avatars = p
		for _, c := range change {
			c(o, p)
		}
	})
	m.guard.bySeat[seatLive] = guard.Verdict{Outcome: guard.Allow, Session: me}
	return m
}

const gate = "https://gate.example"

// page asks for a page of the account.
func (m *mine) page(query string, more ...string) *httptest.ResponseRecorder {
	m.t.Helper()
	return m.ask("GET", gate+"/.cardea/account"+query, within(append(seat(seatLive), more...)...)...)
}

// token is one that the page would bring.
func (m *mine) token(act, of string) string {
	return m.forms().token(now, m.live.ID, act, of)
}

// post sends a form of the page, with its token.
func (m *mine) post(act, field, of string) *httptest.ResponseRecorder {
	m.t.Helper()
	v := url.Values{"token": {m.token(act, of)}}
	if field != "" {
		v.Set(field, of)
	}
	return m.form(gate+"/.cardea/account/"+act, gate, v, seat(seatLive)...)
}

// untouched fails when anything was done.
func (m *mine) untouched() {
	m.t.Helper()
	if len(m.signOut.ended)+len(m.people.unlinked)+len(m.people.others)+len(m.people.pictures)+m.people.cleared+len(m.signIn.started) != 0 {
		m.t.Errorf("something was done: %v %v %v %v %d %v", m.signOut.ended, m.people.unlinked, m.people.others, m.people.pictures, m.people.cleared, m.signIn.started)
	}
}

// noticed is the notice that a redirect back to the page brings.
func noticed(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	u := location(t, w)
	if u.Path != "/.cardea/account" {
		t.Fatalf("leads to %s", u)
	}
	return u.Query().Get("done")
}

var errTrail = errors.New("the trail is out of reach")

func hasAll(t *testing.T, w *httptest.ResponseRecorder, status int, wants ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d", w.Code, status)
	}
	for _, want := range wants {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page does not say %q\n%s", want, w.Body)
		}
	}
	if w.Code == http.StatusOK && w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the page may be kept")
	}
}
