package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

// trail returns the whole audit trail, in short, and holds every event against the schema.
func (w *world) trail() (short []string, events []audit.Event) {
	w.t.Helper()
	events, err := w.gateway.app.storage.store.AuditEvents(w.t.Context(), audit.Filter{Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events {
		if err := audit.Check(e); err != nil {
			w.t.Error(err)
		}
		by, _, _ := strings.Cut(e.By, " ")
		short = append(short, strings.Join(strings.Fields(string(e.Type)+" "+e.Actor+" "+by+" "+e.Handle+" "+e.Cause+" "+e.Detail["verb"]), " "))
	}
	return short, events
}

// settled waits until no delivery is pending.
func (w *world) settled(deliveries int) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		_, events := w.trail()
		n := 0
		for _, e := range events {
			if strings.HasPrefix(string(e.Type), "delivery.") {
				n++
			}
		}
		if n >= deliveries {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d deliveries are told", n)
		}
	}
}

func TestTheTrailTellsADayInItsOrder(t *testing.T) {
	people := append(devprovider.DefaultPeople(), devprovider.Person{Username: "eve", Password: "apple", Email: "eve@elsewhere.example"})
	w := newWorld(t, devprovider.Options{People: people}, "access: {domains: [example.com]}\n")
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	alice.signOut()
	refused := w.browser("eve", "apple").visit("/")
	if refused.status != http.StatusForbidden {
		t.Fatalf("%d", refused.status)
	}
	op := w.operator()
	bob := w.browser("bob", "builder")
	bob.visit("/")
	if _, err := op.Disable(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if _, err := op.Disable(t.Context(), "bob"); err != nil { // changes nothing
		t.Fatal(err)
	}
	w.browser("bob", "builder").visit("/")
	if err := op.Backup(t.Context(), true, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := op.Delete(t.Context(), "bob", "bob"); err != nil {
		t.Fatal(err)
	}
	w.settled(2)
	short, events := w.trail()
	var got []string
	for i, line := range short {
		switch events[i].Type { // these come when they come
		case audit.DeliveryDone, audit.DeliveryCancelled, audit.BrowserReturned, audit.ProviderNotice, audit.AvatarChanged:
		default:
			got = append(got, line)
		}
	}
	want := []string{
		"config.loaded gateway",
		"account.created person alice", "session.opened person alice", "session.ended person alice button",
		"signin.refused person denied",
		"account.created person bob", "session.opened person bob",
		"admin.acted operator uid bob accounts.disable", "account.disabled operator uid bob", "session.ended operator uid bob account",
		"admin.acted operator uid bob accounts.disable",
		"signin.refused person bob disabled",
		"admin.acted operator uid backup", "backup.made operator uid",
		"admin.acted operator uid bob accounts.delete", "account.deleting operator uid bob", "account.deleted operator uid bob",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, e := range events {
		if e.Handle == "bob" && e.Personal != nil {
			t.Errorf("bob was deleted, and the trail has %+v", e)
		}
	}
	// The refusal and its page name each other.
	id := refused.reference(t)
	found, err := w.gateway.app.storage.store.AuditEvents(t.Context(), audit.Filter{Incident: id})
	if err != nil || len(found) != 1 || found[0].Cause != "denied" || found[0].Personal == nil || found[0].Personal.UserAgent == "" {
		t.Errorf("%+v, %v", found, err)
	}
	if why, problem := w.asked(id); why.Kind != "denied" {
		t.Errorf("%+v %+v", why, problem)
	}
}

func TestTheTrailHoldsNothingOfTheProtocol(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	var secrets []string
	for _, c := range alice.jar.Cookies(mustURL(t, w.url)) {
		secrets = append(secrets, c.Value)
	}
	list, err := w.gateway.app.storage.store.AuditEvents(t.Context(), audit.Filter{Types: []audit.Type{audit.SessionOpened}})
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	s, err := w.gateway.app.storage.store.ByID(t.Context(), session.ID(list[len(list)-1].Session))
	if err != nil {
		t.Fatal(err)
	}
	tokens := s.Grant.Tokens
	secrets = append(secrets, tokens.AccessToken, tokens.RefreshToken, tokens.IDToken)
	alice.signOut()
	w.settled(1)
	_, events := w.trail()
	for _, e := range events {
		line, err := audit.AppendLine(nil, e)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if len(secret) > 8 && strings.Contains(string(line), secret) {
				t.Errorf("%s", line)
			}
		}
	}
	if len(secrets) < 4 || len(events) < 4 {
		t.Errorf("%d secrets, %d events", len(secrets), len(events))
	}
}
