package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a kept HTTP/1.1 connection that sends ready-made bytes. Answers to the same
// request have the same length, so that reading one costs a single call.
type conn struct {
	net.Conn
	buf    []byte
	length int // of an answer; 0 until the first
}

func dial(address string) (*conn, error) {
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, buf: make([]byte, 64<<10)}, nil
}

// first sends a request and learns how long its answer is.
func (c *conn) first(request []byte) ([]byte, error) {
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	n := 0
	for {
		k, err := c.Read(c.buf[n:])
		n += k
		if total, ok := answerLength(c.buf[:n]); ok && n >= total {
			c.length = total
			return bytes.Clone(c.buf[:total]), nil
		}
		if err != nil {
			return nil, fmt.Errorf("after %d bytes of an answer: %w", n, err)
		}
		if n == len(c.buf) {
			return nil, errors.New("the answer is too long to be measured with")
		}
	}
}

// answerLength is how long an answer is whose head is complete.
func answerLength(b []byte) (int, bool) {
	i := bytes.Index(b, []byte("\r\n\r\n"))
	if i < 0 {
		return 0, false
	}
	text, ok := headerIn(b[:i], "Content-Length")
	if !ok {
		return i + 4, true
	}
	n, err := strconv.Atoi(text)
	return i + 4 + n, err == nil
}

var good = []byte("HTTP/1.1 200 ")

// again sends a request whose answer is as long as the first was.
func (c *conn) again(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	b := c.buf[:c.length]
	if _, err := io.ReadFull(c.Conn, b); err != nil {
		return err
	}
	if !bytes.HasPrefix(b, good) {
		return fmt.Errorf("an answer begins %q", b[:min(len(b), 60)])
	}
	return nil
}

// load keeps a server busy.
type load struct {
	address  string
	requests [][]byte // one for each connection, which repeats it
	leg      time.Duration
}

// run sends requests for the time of a leg and returns how many were answered.
func (l load) run(ctx context.Context) (int, time.Duration, error) {
	conns := make([]*conn, len(l.requests))
	for i, request := range l.requests {
		c, err := dial(l.address)
		if err != nil {
			return 0, 0, err
		}
		defer c.Close()
		answer, err := c.first(request)
		if err != nil {
			return 0, 0, err
		}
		if !bytes.HasPrefix(answer, good) {
			return 0, 0, fmt.Errorf("the first answer is %q", answer[:min(len(answer), 300)])
		}
		conns[i] = c
	}
	var done atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, len(conns))
	began := time.Now()
	end := began.Add(l.leg)
	for i, c := range conns {
		wg.Go(func() {
			n := 0
			for ; ctx.Err() == nil && time.Now().Before(end); n++ {
				if err := c.again(l.requests[i]); err != nil {
					errs <- err
					break
				}
			}
			done.Add(int64(n))
		})
	}
	wg.Wait()
	took := time.Since(began)
	select {
	case err := <-errs:
		return 0, 0, err
	default:
		return int(done.Load()), took, ctx.Err()
	}
}

// figures are what a leg gave.
type figures struct {
	perSecond float64 // requests
	perCPU    float64 // requests per CPU second of the server
	mallocs   float64 // per request
}

// leg loads a server and asks it what that cost.
func leg(ctx context.Context, s *child, l load) (figures, error) {
	l.address = s.address
	before, err := s.usage()
	if err != nil {
		return figures{}, err
	}
	n, took, err := l.run(ctx)
	if err != nil {
		return figures{}, err
	}
	after, err := s.usage()
	if err != nil {
		return figures{}, err
	}
	if n == 0 || after.CPU <= before.CPU {
		return figures{}, errors.New("nothing was answered")
	}
	return figures{
		perSecond: float64(n) / took.Seconds(),
		perCPU:    float64(n) / (after.CPU - before.CPU).Seconds(),
		mallocs:   float64(after.Mallocs-before.Mallocs) / float64(n),
	}, nil
}
