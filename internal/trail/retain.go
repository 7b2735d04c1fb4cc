package trail

import (
	"context"
	"strconv"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
)

const (
	retainEvery = 6 * time.Hour
	retainFirst = time.Minute // after the start, which has other things to do
	retainBatch = 500
	retainRest  = 50 * time.Millisecond // between batches: people's writes go first
)

// retain removes what was kept long enough, until ctx ends.
func (t *Trail) retain(ctx context.Context) {
	for pause := retainFirst; ; pause = retainEvery {
		sleep(ctx, pause)
		if ctx.Err() != nil {
			return
		}
		if err := t.sweep(ctx); err != nil && ctx.Err() == nil {
			t.o.Logger.Warn("old events of the audit trail could not be removed; it will be tried again", "err", err)
		}
	}
}

// sweep removes in batches, and leaves one event that says what went.
func (t *Trail) sweep(ctx context.Context) error {
	now := t.o.Now()
	keep, _ := t.settings()
	before := now.Add(-keep)
	first, err := t.oldest(ctx)
	if err != nil {
		return err
	}
	removed := 0
	for {
		n, err := t.o.Store.SweepAudit(ctx, before, t.sweepable(), retainBatch)
		removed += n
		if err != nil || n < retainBatch {
			return t.tellSwept(context.WithoutCancel(ctx), removed, first, before, err)
		}
		sleep(ctx, retainRest)
	}
}

// oldest is the place of the first event that is kept; one after the last where none is.
func (t *Trail) oldest(ctx context.Context) (int64, error) {
	last, err := t.o.Store.LastAudit(ctx)
	if err != nil {
		return 0, err
	}
	list, err := t.o.Store.AuditEvents(ctx, audit.Filter{Limit: 1})
	if err != nil || len(list) == 0 {
		return last + 1, err
	}
	return list[0].Seq, nil
}

func (t *Trail) tellSwept(ctx context.Context, removed int, first int64, before time.Time, failed error) error {
	if removed == 0 {
		return failed
	}
	next, err := t.oldest(ctx)
	if err != nil {
		next = first + int64(removed)
	}
	t.o.Logger.Info("old events of the audit trail were removed", "count", removed, "first", first, "last", next-1, "older_than", before.UTC().Format(time.RFC3339))
	err = t.o.Store.Record(ctx, t.o.Now(), audit.Event{Type: audit.AuditSwept, Actor: audit.ActorGateway, Detail: map[string]string{
		"count": strconv.Itoa(removed), "first": strconv.FormatInt(first, 10), "last": strconv.FormatInt(next-1, 10), "older_than": before.UTC().Format(time.RFC3339),
	}})
	if failed != nil {
		return failed
	}
	return err
}
