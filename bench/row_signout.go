package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cardea-auth/cardea/internal/freeport"
)

const (
	signoutBudget = 100 * time.Millisecond
	perSession    = 10
)

// signoutRow: how long after a person's POST their sockets are closed, while many
// sockets of many sessions are open.
func signoutRow(ctx context.Context, l *lab) ([]result, error) {
	sessions, err := sessionsWithin(l.pick(1000, 50))
	if err != nil {
		return nil, err
	}
	crowd, err := l.openCrowd(ctx, sessions)
	if err != nil {
		return nil, err
	}
	defer crowd.close()
	// One person after another, as on a busy morning; then everybody left at once.
	single := sessions * 3 / 10
	paced, answers, err := crowd.signOut(ctx, 0, single, 1)
	if err != nil {
		return nil, err
	}
	storm, _, err := crowd.signOut(ctx, single, sessions, 64)
	if err != nil {
		return nil, err
	}
	p99 := percentile(paced, 0.99)
	return []result{{
		what:   fmt.Sprintf("sign-out to socket closed, %d open sockets of %d sessions", sessions*perSession, sessions),
		budget: "p99 < 100 ms", ok: p99 < signoutBudget,
		measured: fmt.Sprintf("p99 %s (p50 %s, max %s)", millis(p99), millis(percentile(paced, 0.5)), millis(percentile(paced, 1))),
		notes: []string{
			fmt.Sprintf("%d people sign out one after another; from sending the POST to the close frame at each of their %d sockets", single, perSession),
			fmt.Sprintf("the answer to the POST: p50 %s, p99 %s", millis(percentile(answers, 0.5)), millis(percentile(answers, 0.99))),
			fmt.Sprintf("everybody else, %d people, 64 at a time: p50 %s, p99 %s, max %s", sessions-single,
				millis(percentile(storm, 0.5)), millis(percentile(storm, 0.99)), millis(percentile(storm, 1))),
			"the client that holds the sockets shares the machine with the gateway and the app",
		},
	}}, nil
}

// sessionsWithin is how many of the wanted sessions the limit on open files allows: a
// gateway holds two descriptors per socket.
func sessionsWithin(want int) (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("asking for the limit on open files: %w", err)
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return 0, fmt.Errorf("raising the limit on open files: %w", err)
		}
	}
	const spare = 200
	able := (int(min(limit.Max, 1<<20)) - spare) / (2 * perSession)
	if able < 10 {
		return 0, errors.New("the limit on open files is too low")
	}
	return min(want, able), nil
}

// crowd is many sessions with their sockets.
type crowd struct {
	p      *proxies
	open   []net.Conn // those of session i from i*perSession on
	closed []time.Time
	done   []chan struct{} // closed when the socket is
}

func (l *lab) openCrowd(ctx context.Context, sessions int) (*crowd, error) {
	app, err := l.start(ctx, spec{Role: "upstream"})
	if err != nil {
		return nil, err
	}
	listen, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	provider, err := l.startProvider(ctx, originAt(listen))
	if err != nil {
		return nil, err
	}
	p := &proxies{app: app}
	if p.world, err = l.newWorldAt("signout", listen, app.address, provider.Issuer()); err != nil {
		return nil, err
	}
	if p.seats, err = p.world.fill(ctx, sessions); err != nil {
		return nil, err
	}
	if p.gateway, err = l.start(ctx, spec{Role: "gateway", Config: p.world.config}); err != nil {
		return nil, err
	}
	var requests [][]byte
	for _, seat := range p.seats {
		for range perSession {
			requests = append(requests, p.world.socketRequest(seat))
		}
	}
	c := &crowd{p: p, closed: make([]time.Time, len(requests)), done: make([]chan struct{}, len(requests))}
	if c.open, err = openSockets(ctx, p.gateway.address, requests); err != nil {
		return nil, err
	}
	for i := range c.open {
		c.done[i] = make(chan struct{})
		go c.watch(i)
	}
	return c, sleep(ctx, time.Second)
}

func (c *crowd) close() { closeSockets(c.open) }

// watch waits for the end of a socket: a close frame, or the end of the connection.
func (c *crowd) watch(i int) {
	var b [64]byte
	n, err := c.open[i].Read(b[:])
	c.closed[i] = time.Now()
	if err == nil && (n == 0 || b[0] != closeFrame) {
		c.closed[i] = time.Time{} // something else came: not closed
	}
	close(c.done[i])
}

// signOut signs sessions out, some at a time, and returns how long after its POST each
// of their sockets was closed, and how long the answers took.
func (c *crowd) signOut(ctx context.Context, from, to, atOnce int) (sockets, answers []time.Duration, err error) {
	type ended struct {
		sockets []time.Duration
		answer  time.Duration
		err     error
	}
	work := make(chan int)
	results := make(chan ended, to-from+atOnce)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			k, err := dial(c.p.gateway.address)
			if err != nil {
				results <- ended{err: err}
				return
			}
			defer k.Close()
			for i := range work {
				var e ended
				e.sockets, e.answer, e.err = c.signOutOne(ctx, k, i)
				results <- e
				if e.err != nil {
					return
				}
			}
		})
	}
	for i := from; i < to && err == nil; i++ {
		select {
		case work <- i:
		case e := <-results:
			sockets, answers, err = append(sockets, e.sockets...), append(answers, e.answer), e.err
			i--
		}
	}
	close(work)
	wg.Wait()
	close(results)
	for e := range results {
		sockets, answers, err = append(sockets, e.sockets...), append(answers, e.answer), errors.Join(err, e.err)
	}
	return sockets, answers, err
}

func (c *crowd) signOutOne(ctx context.Context, k *conn, i int) ([]time.Duration, time.Duration, error) {
	w := c.p.world
	host := strings.TrimPrefix(w.origin, "http://")
	request := fmt.Appendf(nil, "POST /.cardea/sign-out HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nSec-Fetch-Site: same-origin\r\n"+
		"Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n"+
		"Cookie: theme=dark; %s=%s\r\n\r\n", host, w.origin, w.cookie, c.p.seats[i])
	began := time.Now()
	answer, err := k.first(request)
	took := time.Since(began)
	if err != nil {
		return nil, took, err
	}
	if !strings.HasPrefix(string(answer), string(good)) || !strings.Contains(string(answer), `"signed_out":true`) {
		return nil, took, fmt.Errorf("a sign-out was answered %q", answer[:min(len(answer), 300)])
	}
	var all []time.Duration
	for j := i * perSession; j < (i+1)*perSession; j++ {
		late := time.NewTimer(30 * time.Second)
		select {
		case <-c.done[j]:
			late.Stop()
		case <-late.C:
			return nil, took, errors.New("a socket outlives its session by 30 seconds")
		case <-ctx.Done():
			return nil, took, ctx.Err()
		}
		if c.closed[j].IsZero() {
			return nil, took, errors.New("something else than an end came on a socket")
		}
		all = append(all, max(0, c.closed[j].Sub(began)))
	}
	return all, took, nil
}
