package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

const emptyAgain = 20 * time.Millisecond

// emptyWithin bounds how long an erasure waits for readers that need the log.
func (d *DB) emptyWithin() time.Duration { return d.limit / 2 }

// errHeld: a reader needs the log yet.
var errHeld = errors.New("a reader holds the write-ahead log")

// emptied asks the writer to write the log back into the database file and to cut it to
// nothing: what was overwritten in the file stands in the log as it was. It is asked
// again while readers hold the log; what cannot be done in time the next sweep does.
func (d *DB) emptied(ctx context.Context) {
	d.remains.Store(true)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.emptyWithin())
	defer cancel()
	for {
		err := d.empty(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(emptyAgain):
		case <-ctx.Done():
			d.remains.Store(true) // whatever another erasure has found meanwhile
			d.log.LogAttrs(ctx, slog.LevelWarn, "the write-ahead log still holds what was erased; the next sweep tries again", slog.Any("error", err))
			return
		}
	}
}

// empty tries once.
func (d *DB) empty(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case d.writer.empty <- answer:
	case <-d.writer.stop:
		return errClosed // closing empties it too
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		if err == nil {
			d.remains.Store(false)
		}
		return err
	case <-d.writer.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sweepLog empties the log where that is still to be done.
func (d *DB) sweepLog(ctx context.Context) {
	if !d.remains.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.emptyWithin())
	defer cancel()
	if err := d.empty(ctx); err != nil {
		d.log.LogAttrs(ctx, slog.LevelDebug, "the write-ahead log cannot be emptied yet", slog.Any("error", err))
	}
}

// emptyLog runs on the writer's goroutine, between transactions. SQLite answers by a row
// whether somebody was in the way.
func (w *writer) emptyLog() error {
	if err := w.open(); err != nil {
		return err
	}
	var held bool
	var frames, written int64
	_, err := w.conn.one([]any{&held, &frames, &written}, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err != nil {
		if !waits(err) {
			w.drop()
		}
		return err
	}
	if held {
		return errHeld
	}
	return nil
}
