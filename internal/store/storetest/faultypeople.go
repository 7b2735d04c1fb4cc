package storetest

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
)

// ListAccounts is the store's, as the faults allow.
func (f *Faulty) ListAccounts(ctx context.Context, filter account.Filter) ([]account.Summary, error) {
	return called(ctx, f, "ListAccounts", func() ([]account.Summary, error) { return f.store.ListAccounts(ctx, filter) })
}

// FindAccounts is the store's, as the faults allow.
func (f *Faulty) FindAccounts(ctx context.Context, name string) ([]account.Ref, error) {
	return called(ctx, f, "FindAccounts", func() ([]account.Ref, error) { return f.store.FindAccounts(ctx, name) })
}

// Person is the store's, as the faults allow.
func (f *Faulty) Person(ctx context.Context, id string) (account.Person, error) {
	return called(ctx, f, "Person", func() (account.Person, error) { return f.store.Person(ctx, id) })
}

// SetDisabled is the store's, as the faults allow.
func (f *Faulty) SetDisabled(ctx context.Context, id string, disabled bool) (bool, error) {
	return called(ctx, f, "SetDisabled", func() (bool, error) { return f.store.SetDisabled(ctx, id, disabled) })
}

// MarkErasing is the store's, as the faults allow.
func (f *Faulty) MarkErasing(ctx context.Context, id string) error {
	return f.call(ctx, "MarkErasing", func() error { return f.store.MarkErasing(ctx, id) })
}

// Unfinished is the store's, as the faults allow.
func (f *Faulty) Unfinished(ctx context.Context, limit int) ([]account.Account, error) {
	return called(ctx, f, "Unfinished", func() ([]account.Account, error) { return f.store.Unfinished(ctx, limit) })
}

// Erase is the store's, as the faults allow.
func (f *Faulty) Erase(ctx context.Context, now time.Time, id string) error {
	return f.call(ctx, "Erase", func() error { return f.store.Erase(ctx, now, id) })
}
