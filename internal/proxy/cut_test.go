package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestEndOfTheSessionCutsWhatIsUnderWay(t *testing.T) {
	began := make(chan struct{}, 1)
	release := make(chan struct{})
	defer close(release)
	slow := func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/download":
			w.Header().Set("Content-Length", "1000000000")
			_, _ = io.CopyN(w, &patterned{left: 1 << 40}, 1<<20)
			began <- struct{}{}
			_, _ = io.Copy(w, &patterned{left: 1<<40 - 1})
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			began <- struct{}{}
			select {
			case <-q.Context().Done():
			case <-release:
			}
		case "/poll":
			began <- struct{}{}
			select {
			case <-q.Context().Done():
			case <-release:
			}
		}
	}
	upstream := app(t, slow)
	for _, path := range []string{"/download", "/events", "/poll"} {
		t.Run(path, func(t *testing.T) {
			r := newRig(t, upstream, nil)
			type result struct {
				status int
				err    error
			}
			done := make(chan result, 1)
			hold := make(chan struct{})
			go func() {
				res, err := http.Get(r.front.URL + path)
				if err != nil {
					done <- result{err: err}
					return
				}
				defer res.Body.Close()
				if path == "/download" {
					<-hold // the client does not read: the proxy is stuck in a write
				}
				_, err = io.Copy(io.Discard, res.Body)
				done <- result{res.StatusCode, err}
			}()
			<-began
			time.Sleep(20 * time.Millisecond)
			start := time.Now()
			r.live.Close("session1", "button")
			eventually(t, "nothing is open any more", func() bool {
				x := 0
				for range r.live.Sessions() {
					x++
				}
				return x == 0
			})
			close(hold)
			got := <-done
			if d := time.Since(start); d > time.Second {
				t.Errorf("cut after %v", d)
			}
			if path == "/poll" && got.status != http.StatusUnauthorized {
				t.Errorf("a request that waits is told %d (%v)", got.status, got.err)
			}
			if path != "/poll" && got.err == nil {
				t.Error("the client takes what was cut for the whole")
			}
			if r.get("/poll").StatusCode != http.StatusUnauthorized {
				t.Error("a request whose verdict came before the end was passed on after it")
			}
		})
	}
}

func TestEndOfOneSessionLeavesOthersAndThePublicAlone(t *testing.T) {
	arrived := make(chan struct{}, 1)
	release := make(chan struct{})
	r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "whole")
	}), nil)
	for _, v := range []guard.Verdict{{Public: true}, {Outcome: guard.Denied, Public: true, Session: alice()}} {
		r.setVerdict(v)
		done := make(chan string)
		go func() {
			res, err := http.Get(r.front.URL)
			if err != nil {
				done <- err.Error()
				return
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			done <- string(b)
		}()
		<-arrived
		r.live.Close("session1", "button")
		r.live.Close("other", "button")
		release <- struct{}{}
		if got := <-done; got != "whole" {
			t.Errorf("%q", got)
		}
	}
}

func TestLongRequestsCountAsLiveAndShortOnesDoNot(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		arrived <- struct{}{}
		<-release
		_ = http.NewResponseController(w).Flush()
		<-release
	}), nil)
	go func() {
		if res, err := http.Get(r.front.URL); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	}()
	<-arrived
	if _, conns := r.live.Count(); conns != 0 {
		t.Errorf("%d live connections while a request has just begun", conns)
	}
	release <- struct{}{}
	eventually(t, "the event stream counts", func() bool { return r.live.Open("session1") == 1 })
	close(release)
	eventually(t, "nothing is left", func() bool { return r.live.Open("session1") == 0 })
}

func TestEndOfTheSessionCutsStreamsOverHTTP2(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/flood" {
			_, _ = io.Copy(w, &patterned{left: 1 << 40})
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n")
		_ = http.NewResponseController(w).Flush()
		<-q.Context().Done()
	}), nil)
	h2 := httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	h2.EnableHTTP2 = true
	h2.StartTLS()
	defer h2.Close()
	for i, path := range []string{"/events", "/flood"} {
		s := alice()
		s.ID = session.ID(fmt.Sprint("h2-", i))
		r.setVerdict(guard.Verdict{Outcome: guard.Allow, Session: s})
		res, err := h2.Client().Get(h2.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // the flood fills the window and stands still
		start := time.Now()
		r.live.Close(string(s.ID), "button")
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Errorf("%s: the client takes what was cut for the whole", path)
		}
		_ = res.Body.Close()
		if d := time.Since(start); d > time.Second {
			t.Errorf("%s: cut after %v", path, d)
		}
	}
}

// X5: what is merely quiet outlives every timeout of the gateway.
func TestX5QuietStreamsAndSocketsOutliveTheTimeouts(t *testing.T) {
	next := make(chan struct{})
	r := newTimedRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-next
		_, _ = io.WriteString(w, "data: late\n")
	}), nil, 400*time.Millisecond)
	sockets := newTimedRig(t, newSocketApp(t).url, nil, 400*time.Millisecond)
	c := sockets.mustSocket()
	exchangeMessage(t, c, "hello")
	res := r.get("/")
	time.Sleep(900 * time.Millisecond)
	exchangeMessage(t, c, "still here")
	close(next)
	if got := body(t, res); got != "data: late\n" {
		t.Errorf("%q", got)
	}
}
