package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// CallTimeout bounds every call whose context has no sooner deadline.
const CallTimeout = 2 * time.Second

const (
	maxBatch     = 256                  // writes committed together
	queueLength  = 1024                 // writes waiting; more wait outside, within their deadline
	lockInterval = 5 * time.Millisecond // between attempts to begin while another holds the lock
)

// States of a write. The caller moves it to abandoned, the writer along the other way;
// both by compare and swap, so that exactly one of "the caller gave up" and "it goes
// into a COMMIT" happens.
const (
	waiting int32 = iota
	applying
	committing
	abandoned
)

type write struct {
	apply  func(*conn) error // may run more than once, each time in a new transaction
	err    error             // apply's last answer
	state  atomic.Int32
	result chan error // buffered: the writer never waits for a caller
}

// giveUp is called by the caller when its time is over.
func (w *write) giveUp() {
	for {
		s := w.state.Load()
		if s == abandoned || w.state.CompareAndSwap(s, abandoned) {
			return
		}
	}
}

// writer runs all writes on one connection, from one goroutine, in groups.
type writer struct {
	db    *sql.DB
	limit time.Duration // of a call
	queue chan *write
	empty chan chan<- error // asks that the write-ahead log be emptied
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
	conn  *conn // nil until needed, and after a failure
}

func newWriter(db *sql.DB, limit time.Duration) *writer {
	w := &writer{db: db, limit: limit, queue: make(chan *write, queueLength), empty: make(chan chan<- error), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// do runs apply in a transaction and returns when it is on disk, with apply's own
// answer, or with an error that wraps session.ErrUnavailable when the store or the time
// did not allow it. Variables that apply sets are only read after a nil error or an
// answer of apply: an abandoned apply may still be running.
func (w *writer) do(ctx context.Context, doing string, apply func(*conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, w.limit)
	defer cancel()
	job := &write{apply: apply, result: make(chan error, 1)}
	select {
	case <-w.stop:
		return &failure{doing, errClosed}
	default:
	}
	select {
	case w.queue <- job:
	case <-w.stop:
		return &failure{doing, errClosed}
	case <-ctx.Done():
		return unavailable(ctx, doing)
	}
	var late error // where there is no result either
	select {
	case err := <-job.result:
		return as(doing, err)
	case <-ctx.Done():
		job.giveUp()
		late = unavailable(ctx, doing)
	case <-w.done:
		late = &failure{doing, errClosed}
	}
	select { // whoever was not served for a while finds both
	case err := <-job.result:
		return as(doing, err)
	default:
		return late
	}
}

// as says of a failure what could not be done.
func as(doing string, err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return &failure{doing, f.err}
	}
	return err
}

// close lets queued writes finish, for at most the time that their callers wait.
func (w *writer) close() {
	w.once.Do(func() { close(w.stop) })
	select {
	case <-w.done:
	case <-time.After(w.limit + time.Second):
	}
}

func (w *writer) run() {
	defer close(w.done)
	defer w.drop()
	batch := make([]*write, 0, maxBatch)
	for {
		select {
		case job := <-w.queue:
			batch = append(batch[:0], job)
		case answer := <-w.empty:
			answer <- w.emptyLog() // buffered
			continue
		case <-w.stop:
			if len(w.queue) == 0 {
				return
			}
			batch = batch[:0]
		}
		for more := true; more && len(batch) < maxBatch; {
			select {
			case job := <-w.queue:
				batch = append(batch, job)
			default:
				more = false
			}
		}
		w.commit(batch)
		clear(batch)
	}
}

// commit applies a batch, again without those whose caller gave up meanwhile, until it
// is on disk or the store fails.
func (w *writer) commit(batch []*write) {
	for {
		batch = claim(batch)
		if len(batch) == 0 {
			return
		}
		committed, err := w.try(batch)
		switch {
		case committed:
			for _, job := range batch {
				job.result <- job.err
			}
			return
		case err == nil: // somebody gave up before the commit
		case waits(err):
			time.Sleep(lockInterval)
		default:
			w.drop()
			for _, job := range batch {
				job.result <- err
			}
			return
		}
	}
}

// claim returns the writes that are still wanted, marked as being applied.
func claim(batch []*write) []*write {
	kept := batch[:0]
	for _, job := range batch {
		s := job.state.Load()
		if s != abandoned && job.state.CompareAndSwap(s, applying) {
			kept = append(kept, job)
		}
	}
	return kept
}

// sealBatch marks the whole batch as going into a COMMIT, or reports that a caller gave up.
func sealBatch(batch []*write) bool {
	for _, job := range batch {
		if !job.state.CompareAndSwap(applying, committing) {
			return false
		}
	}
	return true
}

// open has a connection: the one there is, or a new one.
func (w *writer) open() (err error) {
	if w.conn == nil {
		w.conn, err = openConn(w.db)
	}
	return err
}

// try runs one transaction. It reports whether it was committed; neither committed nor
// an error means that it was rolled back because a caller gave up.
func (w *writer) try(batch []*write) (committed bool, err error) {
	if err := w.open(); err != nil {
		return false, err
	}
	c := w.conn
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return false, err
	}
	for _, job := range batch {
		if job.state.Load() == abandoned {
			break
		}
		if job.err, err = applyOne(c, job.apply); err != nil {
			w.drop()
			return false, err
		}
	}
	if !sealBatch(batch) {
		if _, err := c.exec("ROLLBACK"); err != nil {
			w.drop()
		}
		return false, nil
	}
	if _, err := c.exec("COMMIT"); err != nil {
		w.drop()
		return false, &failure{"committing", errors.New(err.Error())} // final: a lock error here is no reason to retry
	}
	return true, nil
}

// applyOne runs one write. An answer other than nil undoes its changes; a failure is
// returned apart, because it ends the transaction.
func applyOne(c *conn, apply func(*conn) error) (answer, fail error) {
	if _, err := c.exec("SAVEPOINT one"); err != nil {
		return nil, err
	}
	answer = apply(c)
	if isFailure(answer) {
		return nil, answer
	}
	if answer != nil {
		if _, err := c.exec("ROLLBACK TO one"); err != nil {
			return nil, err
		}
	}
	_, err := c.exec("RELEASE one")
	return answer, err
}

// drop closes the connection, and with it whatever was begun on it.
func (w *writer) drop() {
	if w.conn != nil {
		w.conn.discard()
		w.conn = nil
	}
}
