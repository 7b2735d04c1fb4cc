package storetest

import (
	"context"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
)

// Record is the store's, as the faults allow.
func (f *Faulty) Record(ctx context.Context, now time.Time, e ...audit.Event) error {
	return f.call(ctx, "Record", func() error { return f.store.Record(ctx, now, e...) })
}

// AuditEvents is the store's, as the faults allow.
func (f *Faulty) AuditEvents(ctx context.Context, filter audit.Filter) ([]audit.Event, error) {
	return called(ctx, f, "AuditEvents", func() ([]audit.Event, error) { return f.store.AuditEvents(ctx, filter) })
}

// SweepAudit is the store's, as the faults allow.
func (f *Faulty) SweepAudit(ctx context.Context, before time.Time, keepAfterSeq int64, limit int) (int, error) {
	return called(ctx, f, "SweepAudit", func() (int, error) { return f.store.SweepAudit(ctx, before, keepAfterSeq, limit) })
}

// LastAudit is the store's, as the faults allow.
func (f *Faulty) LastAudit(ctx context.Context) (int64, error) {
	return called(ctx, f, "LastAudit", func() (int64, error) { return f.store.LastAudit(ctx) })
}
