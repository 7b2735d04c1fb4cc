package avatar

import (
	"context"
	"slices"
	"sync"
)

const (
	maxQueued     = 256      // accounts
	maxQueuedData = 16 << 20 // bytes of addresses: a data: URL is one
)

// job is a picture that may have to be had.
type job struct {
	account  string
	provider string
	address  string // https:, data:, or "" where the provider named none
}

// queue holds what is to be fetched, the oldest first, one for an account. What does not
// fit pushes the oldest out: at that account's next sign-in it comes again.
type queue struct {
	mu   sync.Mutex
	jobs []job
	data int
	busy map[string]bool // accounts that are worked on
	wake chan struct{}
}

func newQueue() *queue {
	return &queue{busy: map[string]bool{}, wake: make(chan struct{}, 1)}
}

// put never waits.
func (q *queue) put(j job) {
	if len(j.address) > maxQueuedData {
		return
	}
	q.mu.Lock()
	if i := slices.IndexFunc(q.jobs, func(x job) bool { return x.account == j.account }); i >= 0 {
		q.drop(i)
	}
	for len(q.jobs) >= maxQueued || q.data+len(j.address) > maxQueuedData {
		q.drop(0)
	}
	q.jobs = append(q.jobs, j)
	q.data += len(j.address)
	q.mu.Unlock()
	q.rouse()
}

func (q *queue) drop(i int) {
	q.data -= len(q.jobs[i].address)
	q.jobs = slices.Delete(q.jobs, i, i+1)
}

func (q *queue) rouse() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for a job of an account that nobody works on, and reports false when ctx
// ends. done must follow.
func (q *queue) take(ctx context.Context) (job, bool) {
	for {
		if j, ok := q.next(); ok {
			return j, true
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return job{}, false
		}
	}
}

func (q *queue) next() (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.jobs, func(x job) bool { return !q.busy[x.account] })
	if i < 0 {
		return job{}, false
	}
	j := q.jobs[i]
	q.drop(i)
	q.busy[j.account] = true
	if len(q.jobs) > 0 {
		q.rouse() // for the other workers
	}
	return j, true
}

func (q *queue) done(accountID string) {
	q.mu.Lock()
	delete(q.busy, accountID)
	q.mu.Unlock()
	q.rouse()
}
