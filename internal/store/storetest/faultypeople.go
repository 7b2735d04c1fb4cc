package storetest

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
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
func (f *Faulty) SetDisabled(ctx context.Context, now time.Time, id string, disabled bool) (bool, error) {
	return called(ctx, f, "SetDisabled", func() (bool, error) { return f.store.SetDisabled(ctx, now, id, disabled) })
}

// MarkErasing is the store's, as the faults allow.
func (f *Faulty) MarkErasing(ctx context.Context, now time.Time, id string) error {
	return f.call(ctx, "MarkErasing", func() error { return f.store.MarkErasing(ctx, now, id) })
}

// Unfinished is the store's, as the faults allow.
func (f *Faulty) Unfinished(ctx context.Context, limit int) ([]account.Account, error) {
	return called(ctx, f, "Unfinished", func() ([]account.Account, error) { return f.store.Unfinished(ctx, limit) })
}

// Erase is the store's, as the faults allow.
func (f *Faulty) Erase(ctx context.Context, now time.Time, id string) error {
	return f.call(ctx, "Erase", func() error { return f.store.Erase(ctx, now, id) })
}

// AccountOf is the store's, as the faults allow.
func (f *Faulty) AccountOf(ctx context.Context, id oidc.Identity) (account.Account, error) {
	return called(ctx, f, "AccountOf", func() (account.Account, error) { return f.store.AccountOf(ctx, id) })
}

// AdmitByEmail is the store's, as the faults allow.
func (f *Faulty) AdmitByEmail(ctx context.Context, now time.Time, a account.Admission, t account.Trusts) (account.Admitted, error) {
	return called(ctx, f, "AdmitByEmail", func() (account.Admitted, error) { return f.store.AdmitByEmail(ctx, now, a, t) })
}

// Link is the store's, as the faults allow.
func (f *Faulty) Link(ctx context.Context, now time.Time, l account.Linking) (bool, error) {
	return called(ctx, f, "Link", func() (bool, error) { return f.store.Link(ctx, now, l) })
}

// Unlink is the store's, as the faults allow.
func (f *Faulty) Unlink(ctx context.Context, now time.Time, id string, of oidc.Identity, by string, configured account.Configured) error {
	return f.call(ctx, "Unlink", func() error { return f.store.Unlink(ctx, now, id, of, by, configured) })
}

// Unlinkings is the store's, as the faults allow.
func (f *Faulty) Unlinkings(ctx context.Context, limit int) ([]account.Identity, error) {
	return called(ctx, f, "Unlinkings", func() ([]account.Identity, error) { return f.store.Unlinkings(ctx, limit) })
}

// Settle is the store's, as the faults allow.
func (f *Faulty) Settle(ctx context.Context, id string, of oidc.Identity) error {
	return f.call(ctx, "Settle", func() error { return f.store.Settle(ctx, id, of) })
}
