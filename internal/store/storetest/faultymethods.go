package storetest

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// OpenSession is the store's, as the faults allow.
func (f *Faulty) OpenSession(ctx context.Context, now time.Time, s *session.Session, seat session.Seat, replaces session.ID) error {
	return f.call(ctx, "OpenSession", func() error { return f.store.OpenSession(ctx, now, s, seat, replaces) })
}

// BySeat is the store's, as the faults allow.
func (f *Faulty) BySeat(ctx context.Context, hash session.SeatHash) (one *session.Session, two session.Seat, err error) {
	err = f.call(ctx, "BySeat", func() (err error) {
		one, two, err = f.store.BySeat(ctx, hash)
		return err
	})
	return one, two, err
}

// AddSeat is the store's, as the faults allow.
func (f *Faulty) AddSeat(ctx context.Context, now time.Time, id session.ID, seat session.Seat) error {
	return f.call(ctx, "AddSeat", func() error { return f.store.AddSeat(ctx, now, id, seat) })
}

// UpdateSession is the store's, as the faults allow.
func (f *Faulty) UpdateSession(ctx context.Context, now time.Time, s *session.Session) (*session.Session, error) {
	return called(ctx, f, "UpdateSession", func() (*session.Session, error) { return f.store.UpdateSession(ctx, now, s) })
}

// Touch is the store's, as the faults allow.
func (f *Faulty) Touch(ctx context.Context, touches []session.Touch) error {
	return f.call(ctx, "Touch", func() error { return f.store.Touch(ctx, touches) })
}

// LoadVault is the store's, as the faults allow.
func (f *Faulty) LoadVault(ctx context.Context, id session.ID, app string) (data []byte, version int64, err error) {
	err = f.call(ctx, "LoadVault", func() (err error) {
		data, version, err = f.store.LoadVault(ctx, id, app)
		return err
	})
	return data, version, err
}

// SaveVault is the store's, as the faults allow.
func (f *Faulty) SaveVault(ctx context.Context, now time.Time, id session.ID, app string, version int64, data []byte) (int64, error) {
	return called(ctx, f, "SaveVault", func() (int64, error) { return f.store.SaveVault(ctx, now, id, app, version, data) })
}

// EndedVault is the store's, as the faults allow.
func (f *Faulty) EndedVault(ctx context.Context, id session.ID, app string) ([]byte, error) {
	return called(ctx, f, "EndedVault", func() ([]byte, error) { return f.store.EndedVault(ctx, id, app) })
}

// DropVault is the store's, as the faults allow.
func (f *Faulty) DropVault(ctx context.Context, id session.ID, app string) error {
	return f.call(ctx, "DropVault", func() error { return f.store.DropVault(ctx, id, app) })
}

// ByID is the store's, as the faults allow.
func (f *Faulty) ByID(ctx context.Context, id session.ID) (*session.Session, error) {
	return called(ctx, f, "ByID", func() (*session.Session, error) { return f.store.ByID(ctx, id) })
}

// List is the store's, as the faults allow.
func (f *Faulty) List(ctx context.Context, filter session.Filter) ([]*session.Session, error) {
	return called(ctx, f, "List", func() ([]*session.Session, error) { return f.store.List(ctx, filter) })
}

// CountSessions is the store's, as the faults allow.
func (f *Faulty) CountSessions(ctx context.Context, filter session.Filter) (int, error) {
	return called(ctx, f, "CountSessions", func() (int, error) { return f.store.CountSessions(ctx, filter) })
}

// Expired is the store's, as the faults allow.
func (f *Faulty) Expired(ctx context.Context, now time.Time, limit int) ([]*session.Session, error) {
	return called(ctx, f, "Expired", func() ([]*session.Session, error) { return f.store.Expired(ctx, now, limit) })
}

// SharesProviderSession is the store's, as the faults allow.
func (f *Faulty) SharesProviderSession(ctx context.Context, iss, sid string) (bool, error) {
	return called(ctx, f, "SharesProviderSession", func() (bool, error) { return f.store.SharesProviderSession(ctx, iss, sid) })
}

// End is the store's, as the faults allow.
func (f *Faulty) End(ctx context.Context, now time.Time, e signout.Ending) (session.Tombstone, error) {
	return called(ctx, f, "End", func() (session.Tombstone, error) { return f.store.End(ctx, now, e) })
}

// Tombstones is the store's, as the faults allow.
func (f *Faulty) Tombstones(ctx context.Context, afterSeq int64, limit int) ([]session.Tombstone, error) {
	return called(ctx, f, "Tombstones", func() ([]session.Tombstone, error) { return f.store.Tombstones(ctx, afterSeq, limit) })
}

// Sweep is the store's, as the faults allow.
func (f *Faulty) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return called(ctx, f, "Sweep", func() (int, error) { return f.store.Sweep(ctx, now, limit) })
}

// Receipt is the store's, as the faults allow.
func (f *Faulty) Receipt(ctx context.Context, state session.SeatHash) (signout.Receipt, error) {
	return called(ctx, f, "Receipt", func() (signout.Receipt, error) { return f.store.Receipt(ctx, state) })
}

// ReceiptBySession is the store's, as the faults allow.
func (f *Faulty) ReceiptBySession(ctx context.Context, id session.ID) (signout.Receipt, error) {
	return called(ctx, f, "ReceiptBySession", func() (signout.Receipt, error) { return f.store.ReceiptBySession(ctx, id) })
}

// MarkReturned is the store's, as the faults allow.
func (f *Faulty) MarkReturned(ctx context.Context, now time.Time, state session.SeatHash) (signout.Receipt, error) {
	return called(ctx, f, "MarkReturned", func() (signout.Receipt, error) { return f.store.MarkReturned(ctx, now, state) })
}

// Admit is the store's, as the faults allow.
func (f *Faulty) Admit(ctx context.Context, now time.Time, a account.Admission) (one account.Account, two bool, err error) {
	err = f.call(ctx, "Admit", func() (err error) {
		one, two, err = f.store.Admit(ctx, now, a)
		return err
	})
	return one, two, err
}

// Account is the store's, as the faults allow.
func (f *Faulty) Account(ctx context.Context, id string) (account.Account, error) {
	return called(ctx, f, "Account", func() (account.Account, error) { return f.store.Account(ctx, id) })
}

// Due is the store's, as the faults allow.
func (f *Faulty) Due(ctx context.Context, now time.Time, limit int) ([]outbox.Entry, error) {
	return called(ctx, f, "Due", func() ([]outbox.Entry, error) { return f.store.Due(ctx, now, limit) })
}

// Finish is the store's, as the faults allow.
func (f *Faulty) Finish(ctx context.Context, now time.Time, id string, state outbox.State, lastErr string) error {
	return f.call(ctx, "Finish", func() error { return f.store.Finish(ctx, now, id, state, lastErr) })
}

// Retry is the store's, as the faults allow.
func (f *Faulty) Retry(ctx context.Context, id string, next time.Time, lastErr string) error {
	return f.call(ctx, "Retry", func() error { return f.store.Retry(ctx, id, next, lastErr) })
}

// Add is the store's, as the faults allow.
func (f *Faulty) Add(ctx context.Context, entries []outbox.Entry) error {
	return f.call(ctx, "Add", func() error { return f.store.Add(ctx, entries) })
}

// BySession is the store's, as the faults allow.
func (f *Faulty) BySession(ctx context.Context, session string) ([]outbox.Entry, error) {
	return called(ctx, f, "BySession", func() ([]outbox.Entry, error) { return f.store.BySession(ctx, session) })
}

// ListOutbox is the store's, as the faults allow.
func (f *Faulty) ListOutbox(ctx context.Context, filter outbox.Filter) ([]outbox.Entry, error) {
	return called(ctx, f, "ListOutbox", func() ([]outbox.Entry, error) { return f.store.ListOutbox(ctx, filter) })
}

// Requeue is the store's, as the faults allow.
func (f *Faulty) Requeue(ctx context.Context, now time.Time, id string) error {
	return f.call(ctx, "Requeue", func() error { return f.store.Requeue(ctx, now, id) })
}

// Clients is the store's, as the faults allow.
func (f *Faulty) Clients(ctx context.Context) ([]session.Client, error) {
	return called(ctx, f, "Clients", func() ([]session.Client, error) { return f.store.Clients(ctx) })
}

// SetClients is the store's, as the faults allow.
func (f *Faulty) SetClients(ctx context.Context, clients []session.Client) error {
	return f.call(ctx, "SetClients", func() error { return f.store.SetClients(ctx, clients) })
}

// OpenedAs is the store's, as the faults allow.
func (f *Faulty) OpenedAs(ctx context.Context) ([]session.OpenedAs, error) {
	return called(ctx, f, "OpenedAs", func() ([]session.OpenedAs, error) { return f.store.OpenedAs(ctx) })
}

// SaveIncidents is the store's, as the faults allow.
func (f *Faulty) SaveIncidents(ctx context.Context, now time.Time, list []incident.Incident, keep incident.Keep) error {
	return f.call(ctx, "SaveIncidents", func() error { return f.store.SaveIncidents(ctx, now, list, keep) })
}

// Incident is the store's, as the faults allow.
func (f *Faulty) Incident(ctx context.Context, id string) (incident.Incident, error) {
	return called(ctx, f, "Incident", func() (incident.Incident, error) { return f.store.Incident(ctx, id) })
}

// IncidentHeads is the store's, as the faults allow.
func (f *Faulty) IncidentHeads(ctx context.Context, limit int) ([]incident.Head, error) {
	return called(ctx, f, "IncidentHeads", func() ([]incident.Head, error) { return f.store.IncidentHeads(ctx, limit) })
}

// Use is the store's, as the faults allow.
func (f *Faulty) Use(ctx context.Context, now time.Time, key session.SeatHash, until time.Time) error {
	return f.call(ctx, "Use", func() error { return f.store.Use(ctx, now, key, until) })
}

// Ping is the store's, as the faults allow.
func (f *Faulty) Ping(ctx context.Context) error {
	return f.call(ctx, "Ping", func() error { return f.store.Ping(ctx) })
}
