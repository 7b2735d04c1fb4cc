package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cardea-auth/cardea/internal/audit"
)

// errForeign: the file is not of this store.
var errForeign = errors.New("it is another gateway's trail, or that of a store that was replaced: no line of it is in this store")

// maxBack is how many lines are looked at for one that the store knows. Only a restore
// leaves any that it does not.
const maxBack = 200_000

// locate says after which event a file goes on, and cuts off what a crash left unfinished.
// The file's own last line decides. Where it has none yet, because it was just rotated,
// the files that it was rotated to decide, and what was noted, whichever is further.
func (w *writing) locate(ctx context.Context, f File, size int64, known place) (place, error) {
	tail, err := audit.NewTail(f, size)
	if err != nil {
		return place{}, fmt.Errorf("reading its last line: %w", err)
	}
	if tail.Whole() < size {
		if err := f.Truncate(tail.Whole()); err != nil {
			return place{}, fmt.Errorf("cutting off a line that was not finished: %w", err)
		}
		w.o.Logger.Warn("the audit file ended within a line, as after a crash; the line is written anew", "file", w.name, "bytes", size-tail.Whole())
	}
	own, found, err := w.match(ctx, tail)
	if err != nil || found {
		return own, err
	}
	best := place{}
	for _, p := range []place{known, readNote(w.o.Note)} {
		if yes, err := w.kept(ctx, p); err != nil {
			return place{}, err
		} else if yes && p.Seq > best.Seq {
			best = p
		}
	}
	for _, name := range rotated(w.name) {
		p, ok, err := w.matchFile(ctx, name)
		if err != nil {
			return place{}, err
		}
		if ok && p.Seq > best.Seq {
			best = p
		}
	}
	if tail.Whole() > 0 && best.Seq == 0 {
		return place{}, errForeign
	}
	return best, nil
}

// matchFile is match for a file that was rotated, which loses what a crash left unfinished
// in it. One that cannot be read, as a compressed one, says nothing.
func (w *writing) matchFile(ctx context.Context, name string) (place, bool, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.Open(name)
	}
	if err != nil {
		return place{}, false, nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return place{}, false, nil
	}
	tail, err := audit.NewTail(f, info.Size())
	if err != nil {
		return place{}, false, nil
	}
	p, ok, err := w.match(ctx, tail)
	if errors.Is(err, audit.ErrNotTrail) {
		return place{}, false, nil
	}
	if ok && tail.Whole() < info.Size() {
		if err := f.Truncate(tail.Whole()); err != nil {
			w.o.Logger.Warn("a rotated audit file ends within a line; the line stands in the next one", "file", name)
		}
	}
	return p, ok, err
}

// match finds the last line that tells of an event of this store. After a restore those
// behind it tell of what the restore forgot.
func (w *writing) match(ctx context.Context, tail *audit.Tail) (place, bool, error) {
	for n := range maxBack {
		e, err := tail.Prev()
		if errors.Is(err, io.EOF) {
			return place{}, false, nil
		}
		if err != nil {
			return place{}, false, fmt.Errorf("reading back: %w", err)
		}
		p := place{e.Seq, e.ID}
		yes, err := w.kept(ctx, p)
		if err != nil {
			return place{}, false, err
		}
		if !yes && n == 0 {
			yes, err = w.swept(ctx, p)
		}
		if yes || err != nil {
			return p, yes, err
		}
	}
	return place{}, false, nil
}

// kept tells whether the store has this very event.
func (w *writing) kept(ctx context.Context, p place) (bool, error) {
	if p.Seq < 1 {
		return false, nil
	}
	list, err := w.o.Store.AuditEvents(ctx, audit.Filter{After: p.Seq - 1, Before: p.Seq + 1, Limit: 1})
	if err != nil {
		return false, fmt.Errorf("%w: event %d: %w", errStore, p.Seq, err)
	}
	return len(list) == 1 && list[0].ID == p.ID, nil
}

// swept tells whether an event is older than all that the store has, and so cannot be
// compared: nothing was exported for longer than events are kept.
func (w *writing) swept(ctx context.Context, p place) (bool, error) {
	last, err := w.o.Store.LastAudit(ctx)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errStore, err)
	}
	if p.Seq > last {
		return false, nil
	}
	list, err := w.o.Store.AuditEvents(ctx, audit.Filter{Limit: 1})
	if err != nil {
		return false, fmt.Errorf("%w: the oldest event: %w", errStore, err)
	}
	if len(list) > 0 && list[0].Seq <= p.Seq {
		return false, nil
	}
	oldest := last + 1
	if len(list) > 0 {
		oldest = list[0].Seq
	}
	if oldest > p.Seq+1 {
		w.o.Logger.Warn("the audit file lacks events that were not exported and are no longer kept", "file", w.name, "after", p.Seq, "before", oldest)
	}
	return true, nil
}
