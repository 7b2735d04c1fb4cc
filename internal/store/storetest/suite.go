package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// Run runs the whole suite. open returns an empty store each time and closes it at the
// end of its test.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, group := range [][]promise{
		sessionPromises(), seatPromises(), endPromises(), racePromises(), listPromises(),
		receiptPromises(), accountPromises(), outboxPromises(), sweepPromises(), vaultPromises(), remainsPromises(), clientPromises(),
		incidentPromises(), picturePromises(), auditPromises(), peoplePromises(), peopleRaces(), linkingPromises(), emailPromises(), linkingRaces(),
	} {
		for _, p := range group {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				b := &bench{T: t, Store: open(t), ctx: t.Context()}
				p.check(b)
				b.auditHolds()
			})
		}
	}
}

// promise is one thing that every store keeps.
type promise struct {
	name  string
	check func(*bench)
}

// bench is one promise's store, with what the checks share.
type bench struct {
	*testing.T
	Store
	ctx context.Context
}

// epoch is the time that the checks live in; stores keep microseconds.
var epoch = time.Date(2026, 11, 2, 9, 30, 0, 123456000, time.UTC)

const origin = "https://chat.example.com"

// newSession returns a session with every field set.
func newSession(name string) *session.Session {
	return &session.Session{
		ID: session.NewID(), Account: "acc-" + name, Handle: name, Provider: "main",
		Identity:  oidc.Identity{Issuer: "https://id.example.com/realms/acme", Subject: "sub-" + name},
		SID:       "sid-" + name,
		Client:    "mark-of-main",
		CreatedAt: epoch, AuthTime: epoch.Add(-time.Minute), SeenAt: epoch,
		Limits:    session.Limits{Idle: time.Hour, Absolute: 24 * time.Hour},
		UserAgent: "Mozilla/5.0 (Ünïcode)", Address: "2001:db8::1", Version: 1, ACR: "urn:example:gold",
		Claims: oidc.Claims{"sub": "sub-" + name, "groups": []any{"a", "b"}, "n": json.Number("12345678901234567890"),
			"nested": map[string]any{"deep": true}},
		Profile: oidc.Profile{PreferredUsername: name, Name: "Ann 安 " + name, Email: name + "@example.com", EmailBelieved: true, Groups: []string{"x"}},
		Grant: session.Grant{
			Tokens: oidc.Tokens{AccessToken: "at-" + name, TokenType: "Bearer", RefreshToken: "rt-" + name, IDToken: "id-" + name, Expiry: epoch.Add(5 * time.Minute)},
			State:  session.GrantInteraction, RefreshMark: epoch.Add(time.Second), Retried: true, CheckedAt: epoch,
		},
	}
}

func newSeat() session.Seat {
	_, hash := session.NewSeatValue()
	return session.Seat{Hash: hash, Origin: origin, CreatedAt: epoch}
}

// opened opens a session with one seat.
func (b *bench) opened(name string, change ...func(*session.Session)) (*session.Session, session.Seat) {
	b.Helper()
	s, seat := newSession(name), newSeat()
	for _, c := range change {
		c(s)
	}
	b.ok(b.OpenSession(b.ctx, epoch, s, seat, ""))
	return s, seat
}

// ending is the end of s as signout would write it.
func ending(s *session.Session, cause session.Cause) signout.Ending {
	_, state := session.NewSeatValue()
	at := epoch.Add(time.Minute)
	return signout.Ending{
		Session: s.ID, Version: s.Version,
		Tombstone: session.Tombstone{
			Session: s.ID, Account: s.Account, Provider: s.Provider, Identity: s.Identity, SID: s.SID,
			Cause: cause, Fresh: true, EndedAt: at, Until: at.Add(48 * time.Hour),
		},
		Receipt: signout.Receipt{
			State: state, Session: s.ID, Account: s.Account, Provider: s.Provider, Cause: cause, Mode: signout.ModeProvider,
			EndedAt: at, Until: at.Add(24 * time.Hour), Closed: 3, Browser: true, ReturnURL: origin, Others: 2,
		},
		Entries: []outbox.Entry{entry(s, outbox.KindRevoke), entry(s, outbox.KindEndSession)},
	}
}

func entry(s *session.Session, kind outbox.Kind) outbox.Entry {
	return outbox.Entry{
		ID: string(session.NewID()), Kind: kind, Session: string(s.ID), Provider: s.Provider,
		Payload: []byte(`{"token":"rt-` + s.Handle + `"}`), State: outbox.Pending,
		CreatedAt: epoch, NextAt: epoch.Add(time.Minute), Deadline: epoch.Add(72 * time.Hour),
	}
}

// end ends s.
func (b *bench) end(s *session.Session, cause session.Cause) signout.Ending {
	b.Helper()
	e := ending(s, cause)
	_, err := b.End(b.ctx, epoch, e)
	b.ok(err)
	return e
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("unexpected error: %v", err)
	}
}

func (b *bench) is(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got error %v, want %v", err, want)
	}
}

// ended demands an *session.EndedError of this session and cause.
func (b *bench) ended(err error, id session.ID, cause session.Cause) {
	b.Helper()
	e, ok := errors.AsType[*session.EndedError](err)
	if !ok {
		b.Fatalf("got error %v, want *session.EndedError", err)
	}
	if e.Tombstone.Session != id || e.Tombstone.Cause != cause || e.Tombstone.Seq == 0 {
		b.Fatalf("ended by %+v, want session %s, cause %s", e.Tombstone, id, cause)
	}
}

func (b *bench) equal(got, want any) {
	b.Helper()
	if diff := diff(want, got); diff != "" {
		b.Fatalf("(-want +got)\n%s", diff)
	}
}

func names(list []*session.Session) []string {
	out := []string{}
	for _, s := range list {
		out = append(out, s.Handle)
	}
	return out
}

func named(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%02d", prefix, i)
	}
	return out
}
