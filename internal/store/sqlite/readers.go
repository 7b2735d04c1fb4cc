package sqlite

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// maxReaders bounds the read connections, and so the goroutines that can be stuck
// inside SQLite when it hangs.
const maxReaders = 4

// readers runs reads on a few goroutines with a connection each, started when needed.
type readers struct {
	db    *sql.DB
	limit time.Duration // of a call
	queue chan func(*reader)
	stop  chan struct{}
	once  sync.Once
	wg    sync.WaitGroup

	mu      sync.Mutex
	running int
	closed  bool
}

// reader is one of the goroutines.
type reader struct {
	db   *sql.DB
	conn *conn // nil until needed, and after a failure
}

func newReaders(db *sql.DB, limit time.Duration) *readers {
	return &readers{db: db, limit: limit, queue: make(chan func(*reader)), stop: make(chan struct{})}
}

// submit hands a read to a goroutine that is free, starts one, or waits for one.
func (r *readers) submit(ctx context.Context, job func(*reader)) error {
	select {
	case r.queue <- job:
		return nil
	default:
	}
	if r.start(job) {
		return nil
	}
	select {
	case r.queue <- job:
		return nil
	case <-r.stop:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *readers) start(first func(*reader)) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.running == maxReaders {
		return false
	}
	r.running++
	r.wg.Go(func() {
		one := &reader{db: r.db}
		defer one.drop()
		first(one)
		for {
			select {
			case job := <-r.queue:
				job(one)
			case <-r.stop:
				return
			}
		}
	})
	return true
}

// close waits for reads that are running, unless they hang.
func (r *readers) close(wait <-chan struct{}) {
	r.once.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		close(r.stop)
	})
	done := make(chan struct{})
	go func() { r.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-wait:
	}
}

func (r *reader) drop() {
	if r.conn != nil {
		r.conn.discard()
		r.conn = nil
	}
}

// run calls query with a connection, which is closed when it failed.
func (r *reader) run(query func(*conn) error) error {
	if r.conn == nil {
		c, err := openConn(r.db)
		if err != nil {
			return err
		}
		r.conn = c
	}
	err := query(r.conn)
	if isFailure(err) && !waits(err) {
		r.drop()
	}
	return err
}

type answer[T any] struct {
	value T
	err   error
}

// read runs query on a reader and returns its answer, or an error that wraps
// session.ErrUnavailable when there was none in time. query may go on running after its
// caller was released; it shares nothing with it but its arguments.
func read[T any](ctx context.Context, r *readers, doing string, query func(*conn) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	result := make(chan answer[T], 1)
	var none T
	if err := ctx.Err(); err != nil {
		return none, unavailable(ctx, doing)
	}
	err := r.submit(ctx, func(one *reader) {
		if ctx.Err() != nil {
			return
		}
		var a answer[T]
		for {
			a.err = one.run(func(c *conn) (err error) {
				a.value, err = query(c)
				return err
			})
			if !waits(a.err) || ctx.Err() != nil {
				break
			}
			time.Sleep(lockInterval) // somebody else's lock
		}
		result <- a
	})
	if err != nil {
		return none, &failure{doing, err}
	}
	var a answer[T]
	select {
	case a = <-result:
	case <-ctx.Done():
		select { // whoever was not served for a while finds both
		case a = <-result:
		default:
			return none, unavailable(ctx, doing)
		}
	}
	if isFailure(a.err) {
		return none, as(doing, a.err)
	}
	return a.value, a.err
}
