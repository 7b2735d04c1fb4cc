package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	startBudget = 300 * time.Millisecond
	idleBudget  = 40 << 20
	idleFor     = 3 * time.Second
)

// startRow: the built binary from exec to its first answer, and what it holds when
// nothing happens.
func startRow(ctx context.Context, l *lab) ([]result, error) {
	binary, err := l.cardea(ctx)
	if err != nil {
		return nil, err
	}
	var first, again, idle []float64
	for i := range l.pick(10, 2) {
		w, err := l.newWorld("start", "127.0.0.1:1", "http://127.0.0.1:1")
		if err != nil {
			return nil, err
		}
		// At the first start the root key, the database and its tables are made.
		took, _, err := startOnce(ctx, binary, w, 0)
		if err != nil {
			return nil, err
		}
		first = append(first, took.Seconds()*1e3)
		rest := time.Duration(0)
		if i < l.pick(3, 1) {
			rest = idleFor
		}
		took, resident, err := startOnce(ctx, binary, w, rest)
		if err != nil {
			return nil, err
		}
		again = append(again, took.Seconds()*1e3)
		if rest > 0 {
			idle = append(idle, float64(resident)/(1<<20))
		}
	}
	f, a, m := spreadOf(first), spreadOf(again), spreadOf(idle)
	limit := startBudget.Seconds() * 1e3
	return []result{
		{
			what: "start to first answer", budget: "< 300 ms", measured: a.text("%.0f", " ms"), ok: a.median < limit && f.median < limit,
			notes: []string{"very first start, which makes the root key and the database: " + f.text("%.0f", " ms")},
		},
		{
			what: "idle memory of the binary", budget: "< 40 MB", measured: m.text("%.1f", " MB"), ok: m.median*(1<<20) < idleBudget,
			notes: []string{fmt.Sprintf("resident set (VmRSS) %s after the first answer", idleFor)},
		},
	}, nil
}

// startOnce starts the binary, asks until it answers, lets it rest, and ends it.
func startOnce(ctx context.Context, binary string, w *world, rest time.Duration) (took time.Duration, resident int64, err error) {
	errs := &tail{}
	cmd := exec.CommandContext(ctx, binary, "serve", "--config", w.config)
	cmd.Env = append(os.Environ(), secretVariable+"="+clientSecret)
	cmd.Stderr = errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if werr := cmd.Wait(); werr != nil && err == nil {
			err = fmt.Errorf("cardea ended badly: %w: %s", werr, errs)
		}
	}()
	request := w.request("/", "none")
	for !answers(w.listen, request) {
		if time.Since(began) > 10*time.Second {
			return 0, 0, errors.New("cardea does not answer: " + errs.String())
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
	took = time.Since(began)
	if rest == 0 {
		return took, 0, nil
	}
	if err := sleep(ctx, rest); err != nil {
		return took, 0, err
	}
	resident, err = residentOf(cmd.Process.Pid)
	return took, resident, err
}

// answers tells whether the gateway answers a request without a session as it should.
func answers(address string, request []byte) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	k := &conn{Conn: c, buf: make([]byte, 16<<10)}
	defer k.Close()
	answer, err := k.first(request)
	return err == nil && bytes.HasPrefix(answer, []byte("HTTP/1.1 401 "))
}
