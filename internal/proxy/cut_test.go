package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestEndOfTheSessionCutsWhatIsUnderWayWithinASecond(t *testing.T) {
	slow := func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/download":
			w.Header().Set("Content-Length", "1000000000")
			_, _ = io.Copy(w, &patterned{left: 1 << 40})
			return
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		<-q.Context().Done()
	}
	for _, path := range []string{"/download", "/events", "/poll"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newPipedRig(t, slow, 0, nil)
				type result struct {
					status int
					err    error
				}
				done := make(chan result, 1)
				hold := make(chan struct{})
				go func() {
					res, err := r.client.Get(pipedURL + path)
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
				synctest.Wait()
				if n := r.under.Load(); n != 1 {
					t.Fatalf("%d requests are under way", n)
				}
				start := time.Now()
				r.live.Close("session1", "button")
				if d := time.Since(start); d != 0 {
					t.Errorf("closing blocked for %v", d)
				}
				for r.under.Load() != 0 {
					if time.Sleep(10 * time.Millisecond); time.Since(start) > time.Second {
						t.Fatal("still under way after a second")
					}
				}
				close(hold)
				got := <-done
				if path == "/poll" && got.status != http.StatusUnauthorized {
					t.Errorf("a request that waits is told %d (%v)", got.status, got.err)
				}
				if path != "/poll" && got.err == nil {
					t.Error("the client takes what was cut for the whole")
				}
				res, err := r.client.Get(pipedURL + "/poll")
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusUnauthorized {
					t.Error("a request whose verdict came before the end was passed on after it")
				}
			})
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
	synctest.Test(t, func(t *testing.T) {
		next := make(chan struct{})
		r := newPipedRig(t, func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/events" {
				w.Header().Set("Content-Type", "text/event-stream")
				_ = http.NewResponseController(w).Flush()
			}
			<-next
		}, 0, nil)
		counted := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			if sessions, conns := r.live.Count(); conns != want || sessions != min(want, 1) || r.live.Open("session1") != want {
				t.Errorf("%s: %d live connections of %d sessions", what, conns, sessions)
			}
		}
		get := func(path string) {
			go func() {
				if res, err := r.client.Get(pipedURL + path); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			}()
		}
		get("/poll")
		counted("a request that has just begun", 0)
		time.Sleep(briefFor - time.Millisecond)
		counted("one that is brief still", 0)
		get("/events")
		counted("an event stream", 1)
		time.Sleep(time.Millisecond)
		counted("a stream and a request that lasts", 2)
		next <- struct{}{}
		counted("one of both", 1)
		close(next)
		counted("nothing", 0)
	})
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
		r.live.Close(string(s.ID), "button")
		late := time.AfterFunc(patience, func() {
			t.Errorf("%s: not cut", path)
			h2.CloseClientConnections()
		})
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Errorf("%s: the client takes what was cut for the whole", path)
		}
		late.Stop()
		_ = res.Body.Close()
	}
}

// X5: what is merely quiet outlives every timeout of the gateway.
func TestX5QuietStreamsAndSocketsOutliveTheTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := make(chan struct{})
		r := newPipedRig(t, func(w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("Upgrade") != "" {
				switching(func(c net.Conn) { _, _ = io.Copy(c, c) })(w, q)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-next
			_, _ = io.WriteString(w, "data: late\n")
		}, 400*time.Millisecond, nil)
		c := r.upgraded()
		echo := func() {
			t.Helper()
			frame := []byte{0x81, 0x85, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'}
			if _, err := c.Write(frame); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(frame))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, frame) {
				t.Fatalf("%x %v", got, err)
			}
		}
		echo()
		res, err := r.client.Get(pipedURL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		time.Sleep(24 * time.Hour)
		echo()
		close(next)
		if got := body(t, res); got != "data: late\n" {
			t.Errorf("%q", got)
		}
		_ = c.Close()
	})
}
