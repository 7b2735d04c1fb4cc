package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

const socketsBudget = 1.15

// socketRequest asks for a WebSocket as a browser does.
func (w *world) socketRequest(seat string) []byte {
	return fmt.Appendf(nil, "GET /ws HTTP/1.1\r\nHost: %s\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: %s\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: theme=dark; %s=%s\r\n\r\n",
		strings.TrimPrefix(w.origin, "http://"), w.origin, w.cookie, seat)
}

// openSockets opens one WebSocket per request, some at once.
func openSockets(ctx context.Context, address string, requests [][]byte) ([]net.Conn, error) {
	open := make([]net.Conn, len(requests))
	work := make(chan int)
	errs := make(chan error, 32)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() {
			for i := range work {
				c, err := openSocket(address, requests[i])
				if err != nil {
					errs <- fmt.Errorf("socket %d: %w", i, err)
					return
				}
				open[i] = c
			}
		})
	}
	var err error
	for i := 0; i < len(requests) && err == nil; i++ {
		select {
		case work <- i:
		case err = <-errs:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	close(work)
	wg.Wait()
	if err == nil && len(errs) > 0 {
		err = <-errs
	}
	if err != nil {
		closeSockets(open)
		return nil, err
	}
	return open, nil
}

func openSocket(address string, request []byte) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		return nil, err
	}
	if err := agree(c, request); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// agree does the handshake; the app sends nothing after it.
func agree(c net.Conn, request []byte) error {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	head := make([]byte, 0, 1024)
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		if len(head) == cap(head) {
			return errors.New("the handshake's answer is too long")
		}
		n, err := c.Read(head[len(head):cap(head)])
		if err != nil {
			return err
		}
		head = head[:len(head)+n]
		if len(head) > 12 && !strings.HasPrefix(string(head), "HTTP/1.1 101 ") {
			return fmt.Errorf("the handshake was answered %q", head)
		}
	}
	return c.SetDeadline(time.Time{})
}

func closeSockets(open []net.Conn) {
	for _, c := range open {
		if c != nil {
			_ = c.Close()
		}
	}
}

// growth is what each socket adds to a server, in bytes.
type growth struct {
	rss   float64 // resident set, once the sessions are known
	inUse float64 // heap and stacks
	all   float64 // resident set since the start, the sessions' records and all caches with it
}

// socketsRow: what an idle WebSocket holds in the gateway and in a bare reverse proxy.
func socketsRow(ctx context.Context, l *lab) ([]result, error) {
	n := l.pick(3000, 200)
	var rss, inUse, whole []float64
	var each [2][]float64
	for range l.pick(3, 1) {
		p, err := l.startProxies(ctx, n)
		if err != nil {
			return nil, err
		}
		var g [2]growth
		for i, s := range []*child{p.bare, p.gateway} {
			profile, err := l.profilePath([]string{"bare-proxy-sockets", "gateway-sockets"}[i])
			if err != nil {
				return nil, err
			}
			if g[i], err = perSocket(ctx, s, p, n, profile); err != nil {
				return nil, err
			}
			each[i] = append(each[i], g[i].rss/1024)
		}
		rss, inUse, whole = append(rss, g[1].rss/g[0].rss), append(inUse, g[1].inUse/g[0].inUse), append(whole, g[1].all/g[0].all)
		l.stopAll()
	}
	r := spreadOf(rss)
	return []result{{
		what: "memory per idle WebSocket, of a bare ReverseProxy's", budget: fmt.Sprintf("≤ %.2f times", socketsBudget),
		measured: r.text("%.2f", ""), ok: r.median <= socketsBudget,
		notes: []string{
			fmt.Sprintf("%d sockets of as many sessions, each idle after 1 KiB in either direction; growth of the resident set after a collection", n),
			"KiB per socket: bare " + spreadOf(each[0]).text("%.1f", "") + ", gateway " + spreadOf(each[1]).text("%.1f", ""),
			"heap and stacks in use, touched or not: " + spreadOf(inUse).text("%.2f", " times"),
			"since the start, with the sessions' records and the caches: " + spreadOf(whole).text("%.2f", " times"),
		},
	}}, nil
}

// perSocket is how much a server grows by each of n sockets; a heap profile of them
// goes to profile, if set. The last two thirds are measured: what a server holds once,
// however many sockets there are, is there when they come.
func perSocket(ctx context.Context, s *child, p *proxies, n int, profile string) (growth, error) {
	start, err := s.ask(order{Do: "settle"})
	if err != nil {
		return growth{}, err
	}
	if err := askOnce(s.address, p.world.requests("/api/items", p.seats[:n])); err != nil {
		return growth{}, err
	}
	requests := make([][]byte, n)
	for i := range requests {
		requests[i] = p.world.socketRequest(p.seats[i])
	}
	some, low, err := settleWith(ctx, s, requests[:n/3])
	defer closeSockets(some)
	if err != nil {
		return growth{}, err
	}
	rest, high, err := settleWith(ctx, s, requests[n/3:])
	defer closeSockets(rest)
	if err != nil {
		return growth{}, err
	}
	if profile != "" {
		if _, err := s.ask(order{Do: "heap", Path: profile}); err != nil {
			return growth{}, err
		}
	}
	for _, c := range append(some, rest...) { // still open, all of them
		if err := silent(c); err != nil {
			return growth{}, err
		}
	}
	return growth{
		rss:   float64(high.RSS-low.RSS) / float64(len(rest)),
		inUse: float64(high.InUse-low.InUse) / float64(len(rest)),
		all:   float64(high.RSS-start.Usage.RSS) / float64(n),
	}, nil
}

// askOnce sends requests one after another on one connection.
func askOnce(address string, requests [][]byte) error {
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, r := range requests {
		answer, err := c.first(r)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(answer, good) {
			return fmt.Errorf("a request was answered %q", answer[:min(len(answer), 200)])
		}
	}
	return nil
}

// settleWith opens sockets, has each carry a message, and returns what the server uses
// when they are idle.
func settleWith(ctx context.Context, s *child, requests [][]byte) ([]net.Conn, usage, error) {
	open, err := openSockets(ctx, s.address, requests)
	if err != nil {
		return nil, usage{}, err
	}
	for i, c := range open {
		if err := exchange(c); err != nil {
			return open, usage{}, fmt.Errorf("socket %d: %w", i, err)
		}
	}
	if err := sleep(ctx, 1500*time.Millisecond); err != nil {
		return open, usage{}, err
	}
	r, err := s.ask(order{Do: "settle"})
	return open, r.Usage, err
}

// exchange has a socket carry a message in either direction.
func exchange(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write(question); err != nil {
		return err
	}
	got := make([]byte, len(reply1K))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, reply1K) {
		return errors.New("another message came back")
	}
	return c.SetDeadline(time.Time{})
}

// silent returns an error unless the socket is open and nothing came on it.
func silent(c net.Conn) error {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var rerr error
	if err := raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, rerr = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	}); err != nil {
		return err
	}
	switch {
	case errors.Is(rerr, syscall.EAGAIN):
		return nil
	case rerr != nil:
		return rerr
	case n == 0:
		return io.EOF
	}
	return errors.New("something came on a silent socket")
}
