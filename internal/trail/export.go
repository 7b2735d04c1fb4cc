package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
)

const (
	exportBatch = 500
	exportIdle  = time.Second            // how often a file that nothing is written to is looked after
	firstPause  = time.Second            // after a failure
	longestWait = 30 * time.Second       // between two tries
	remindEvery = 5 * time.Minute        // of a file that cannot be written
	lastExport  = 3 * time.Second        // after the end
	waitSlice   = 250 * time.Millisecond // at most this much later than recorded
)

// errStore: the store could not be read. The file is not at fault.
var errStore = errors.New("reading the trail")

// writing is the export as far as it is now.
type writing struct {
	*Trail
	name string // of the file
	f    File   // nil: to be opened, and its end to be read
	size int64
	at   place
	seen int64 // up to here there is nothing more to write

	refused    fs.FileInfo // a file that is something else's
	refusedFor error

	pause  time.Duration // after failures; zero while all is well
	since  time.Time     // of the first of them
	toldAt time.Time
}

// export keeps the file in step with the store until ctx ends, and then once more.
func (t *Trail) export(ctx context.Context) {
	w := &writing{Trail: t}
	defer w.close()
	for ctx.Err() == nil {
		w.follow()
		if w.name == "" {
			sleep(ctx, exportIdle)
			continue
		}
		more, err := w.step(ctx)
		switch {
		case err == nil:
			w.fine() // also when ctx has just ended: what is recorded by then is still to be written
			if !more {
				w.idle(ctx)
			}
		case ctx.Err() != nil:
		case errors.Is(err, errStore):
			sleep(ctx, firstPause) // the store's own alarm tells of an outage
		default:
			w.failed(err)
			sleep(ctx, w.pause)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastExport)
	defer cancel()
	for w.name != "" && w.pause == 0 {
		if more, err := w.step(last); err != nil || !more {
			return
		}
	}
}

// follow takes up what Configure says.
func (w *writing) follow() {
	_, name := w.settings()
	if name == w.name {
		return
	}
	w.close()
	w.name, w.at, w.seen, w.pause = name, place{}, 0, 0
	w.since, w.toldAt = time.Time{}, time.Time{}
}

// idle waits for the next event, and no longer than a rotation may go unnoticed.
func (w *writing) idle(ctx context.Context) {
	some, cancel := context.WithTimeout(ctx, exportIdle)
	defer cancel()
	if err := w.watch.wait(some, max(w.at.Seq, w.seen)); errors.Is(err, ErrStopped) {
		sleep(ctx, waitSlice) // requests that are under way may still record
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// step writes a batch and reports whether there may be more.
func (w *writing) step(ctx context.Context) (more bool, err error) {
	if err := w.ready(ctx); err != nil {
		return false, err
	}
	last, err := w.o.Store.LastAudit(ctx)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errStore, err)
	}
	list, err := w.o.Store.AuditEvents(ctx, audit.Filter{After: w.at.Seq, Limit: exportBatch})
	if err != nil {
		return false, fmt.Errorf("%w: %w", errStore, err)
	}
	if len(list) == 0 { // places that no event has are passed over
		w.seen = last
		w.reached(w.name, max(w.at.Seq, w.seen), false)
		return false, nil
	}
	if err := w.append(list); err != nil {
		w.close() // how much of it is written is read from the file
		return false, err
	}
	end := list[len(list)-1]
	w.at = place{end.Seq, end.ID}
	w.reached(w.name, w.at.Seq, false)
	return len(list) == exportBatch, keepNote(w.o.Note, w.at)
}

func (w *writing) append(list []audit.Event) error {
	var lines []byte
	for _, e := range list {
		var err error
		if lines, err = audit.AppendLine(lines, e); err != nil {
			return err
		}
	}
	n, err := w.f.Write(lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := w.f.Sync(); err != nil {
		return fmt.Errorf("writing to the disk: %w", err)
	}
	w.size += int64(n)
	return nil
}

// ready has the file open that the name leads to, and knows after which event it goes on.
func (w *writing) ready(ctx context.Context) error {
	if w.f != nil {
		info, err := w.f.Stat()
		switch {
		case err != nil || replaced(w.name, info):
			w.o.Logger.Info("the audit file was moved away; a new one is begun", "file", w.name)
			w.close()
		case info.Size() < w.size:
			w.o.Logger.Error("the audit file was cut short, as copytruncate does: what was written while it was copied is in no file; "+
				"let it be moved away instead (logrotate: create or nocreate)", "file", w.name, "bytes", w.size-info.Size())
			w.close()
		default:
			return nil
		}
	}
	f, err := w.o.Open(w.name)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("opening: %w", err)
	}
	if w.refused != nil && os.SameFile(info, w.refused) && info.Size() == w.refused.Size() && info.ModTime().Equal(w.refused.ModTime()) {
		f.Close()
		return w.refusedFor // looking through all of it again would find the same
	}
	w.refused = nil
	at, err := w.locate(ctx, f, info.Size(), w.at)
	if isForeign(err) {
		w.refused, w.refusedFor = info, err
	}
	if err == nil {
		info, err = f.Stat()
	}
	if err != nil {
		f.Close()
		return err
	}
	w.f, w.size, w.at = f, info.Size(), at
	w.o.Logger.Info("the audit trail is written to a file", "file", w.name, "after", at.Seq)
	return nil
}

func (w *writing) close() {
	if w.f != nil {
		_ = w.f.Close()
		w.f = nil
	}
}

// failed tells of a failure at once, and then every few minutes.
func (w *writing) failed(err error) {
	w.pause = min(max(2*w.pause, firstPause), longestWait)
	w.reached(w.name, w.at.Seq, true)
	now := w.o.Now()
	if w.since.IsZero() {
		w.since = now
	}
	if !w.toldAt.IsZero() && now.Sub(w.toldAt) < remindEvery {
		return
	}
	w.toldAt = now
	w.o.Logger.Error("the audit trail is not written to its file; nothing is lost, it stays in the store until it can be", "file", w.name,
		"since", w.since.UTC().Format(time.RFC3339), "err", err, "fix", fixOf(w.name, err))
}

// isForeign tells whether the file is something else's.
func isForeign(err error) bool {
	return errors.Is(err, errForeign) || errors.Is(err, audit.ErrNotTrail)
}

// fixOf says what an operator can do.
func fixOf(name string, err error) string {
	if isForeign(err) {
		return "move the file away, or name another in audit.file; a new one goes on after what this gateway has exported, and cardea audit export writes all that is kept"
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "make the folder: mkdir -p " + filepath.Dir(name) + ", writable by the gateway's user"
	}
	return "let the gateway's user write the file and its folder (audit.file), and make room on its disk"
}

func (w *writing) fine() {
	if w.pause != 0 {
		w.o.Logger.Info("the audit trail is written to its file again", "file", w.name, "since", w.since.UTC().Format(time.RFC3339), "after", w.at.Seq)
	}
	w.pause, w.since, w.toldAt = 0, time.Time{}, time.Time{}
}
