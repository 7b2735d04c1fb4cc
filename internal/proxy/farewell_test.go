package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// masked is a client's text frame; a mask of zeros leaves it readable.
func masked(text string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
}

// A client that never closes, and one that has not even read that its socket is open,
// hold nothing up.
func TestStuckClientsAreClosedWithinASecond(t *testing.T) {
	for _, name := range []string{"never closes", "has not read the switch"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newPipedRig(t, switching(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), 0, nil)
				var c net.Conn
				if name == "never closes" {
					c = r.upgraded()
					go func() { _, _ = io.Copy(io.Discard, c) }()
				} else {
					c = r.dial()
					_, _ = io.WriteString(c, upgradeRequest)
				}
				synctest.Wait()
				if n := r.live.Open("session1"); n != 1 {
					t.Fatalf("%d sockets are open", n)
				}
				before := time.Now()
				r.live.Close("session1", "button")
				if d := time.Since(before); d != 0 {
					t.Errorf("closing blocked for %v", d)
				}
				// Writes fail once the gateway has closed the connection altogether.
				_ = c.SetWriteDeadline(before.Add(time.Minute))
				for {
					if _, err := c.Write(masked("")); err != nil {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				synctest.Wait()
				if d := time.Since(before); d > time.Second || r.under.Load() != 0 || strings.Contains(r.log.String(), "hijacked") {
					t.Errorf("closed after %v, %d handlers go on; %s", d, r.under.Load(), r.log)
				}
			})
		})
	}
}

func TestAClientThatGoesAwayDuringTheSwitchIsNoFaultOfTheApps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPipedRig(t, switching(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), 0, nil)
		c := r.dial()
		_, _ = io.WriteString(c, upgradeRequest)
		synctest.Wait()
		_ = c.Close()
		synctest.Wait()
		if r.under.Load() != 0 || r.live.Open("session1") != 0 || len(r.failed) != 0 || strings.Contains(r.log.String(), "hijacked") {
			t.Errorf("%d handlers go on; told of %v; %s", r.under.Load(), r.failed, r.log)
		}
	})
}

func TestAClientThatReadsNothingIsClosed(t *testing.T) {
	var sent atomic.Int64
	r := newRig(t, app(t, switching(func(c net.Conn) {
		for frame := append([]byte{0x82, 0x7e, 0x10, 0}, make([]byte, 4096)...); ; {
			n, err := c.Write(frame)
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	})), nil)
	c := r.dial()
	_, _ = io.WriteString(c, upgradeRequest)
	eventually(t, "the socket is open", func() bool { return r.live.Open("session1") == 1 && sent.Load() > 0 })
	last := int64(-1)
	eventually(t, "the flood stands still", func() bool {
		before := last
		time.Sleep(20 * time.Millisecond)
		last = sent.Load()
		return last == before
	})
	r.live.Close("session1", "button")
	// Writes fail once the gateway has closed the connection altogether.
	eventually(t, "the connection is closed", func() bool {
		_, err := c.Write(masked(""))
		return err != nil
	})
}

func TestNothingReachesTheAppAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reached := make(chan []byte, 1)
		r := newPipedRig(t, switching(func(c net.Conn) {
			all, _ := io.ReadAll(c)
			reached <- all
		}), 0, nil)
		c := r.upgraded()
		for range 3 {
			_, _ = c.Write(masked("before"))
		}
		go func() { _, _ = io.Copy(io.Discard, c) }()
		synctest.Wait()
		r.live.Close("session1", "button")
		more := 0
		for ; ; more++ {
			if _, err := c.Write(masked("after")); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if more == 0 {
			t.Error("nothing was written after the end")
		}
		want := string(bytes.Repeat(masked("before"), 3)) + string(closeFrame(closePolicy, "signed out", true))
		if all := string(<-reached); all != want {
			t.Errorf("the app got %q, want %q", all, want)
		}
	})
}

// A frame that is on its way to the browser is completed before the close frame.
func TestCloseFrameStandsAtAFrameBoundary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := make(chan struct{})
		r := newPipedRig(t, switching(func(c net.Conn) {
			_, _ = io.WriteString(c, "\x82\x0ahello")
			<-rest
			gone := make(chan struct{})
			go func() {
				_, _ = io.Copy(io.Discard, c)
				close(gone)
			}()
			_, _ = io.WriteString(c, "world\x82\x04late")
			<-gone
		}), 0, nil)
		c := r.upgraded()
		got := make([]byte, 7)
		if _, err := io.ReadFull(c, got); err != nil {
			t.Fatal(err)
		}
		r.live.Close("session1", "button")
		time.Sleep(30 * time.Millisecond)
		close(rest)
		tail, _ := io.ReadAll(c)
		if want := "world" + string(closeFrame(closePolicy, "signed out", false)); string(tail) != want {
			t.Errorf("after the end came %q, want %q", tail, want)
		}
	})
}

func TestFrameThatNeverEndsIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPipedRig(t, switching(func(c net.Conn) {
			_, _ = io.WriteString(c, "\x82\x0ahello")
			_, _ = io.Copy(io.Discard, c)
		}), 0, nil)
		c := r.upgraded()
		got := make([]byte, 7)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "\x82\x0ahello" {
			t.Fatalf("%q %v", got, err)
		}
		start := time.Now()
		r.live.Close("session1", "button")
		tail, _ := io.ReadAll(c)
		if d := time.Since(start); d > time.Second {
			t.Errorf("cut after %v", d)
		}
		if len(tail) != 0 {
			t.Errorf("something was written into the frame: %q", tail)
		}
	})
}

func TestAnEndDuringTheSwitchKeepsItsCause(t *testing.T) {
	for cause, want := range map[string]uint16{CauseShutdown: closeGoingAway, "button": 4001} {
		synctest.Test(t, func(t *testing.T) {
			r := newProxy(t, "http://127.0.0.1:1", func(o *Options) { o.Farewell, o.CloseCode = "41", 4001 })
			browser, client := net.Pipe()
			backend, app := net.Pipe()
			_, cancel := context.WithCancel(t.Context())
			x := &exchange{p: r.proxy, cancel: cancel}
			x.join(backend, &http.Response{})
			x.tunnel.client = client
			x.Close(cause)
			go func() { _, _ = io.Copy(io.Discard, app) }()
			go func() { _, _ = (&clientEnd{Conn: client, t: x.tunnel}).WriteTo(nil) }()
			said, _ := io.ReadAll(browser)
			at := bytes.IndexByte(said, 0x88)
			if at < 0 || len(said) < at+4 || binary.BigEndian.Uint16(said[at+2:]) != want {
				t.Errorf("%s: %q", cause, said)
			}
			_ = app.Close()
		})
	}
}

// heldUp is a connection of a process that stands still now and then: a deadline is over
// before the write that it was set for has begun.
type heldUp struct {
	net.Conn
	stalls int // still to come
}

func (c *heldUp) SetWriteDeadline(t time.Time) error {
	err := c.Conn.SetWriteDeadline(t)
	if c.stalls > 0 {
		c.stalls--
		time.Sleep(time.Until(t) + time.Millisecond)
	}
	return err
}

func TestABrowserIsToldThoughTheProcessStoodStill(t *testing.T) {
	for stalls := range 3 {
		synctest.Test(t, func(t *testing.T) {
			r := newProxy(t, "http://127.0.0.1:1", nil)
			browser, client := net.Pipe()
			backend, app := net.Pipe()
			_, cancel := context.WithCancel(t.Context())
			x := &exchange{p: r.proxy, cancel: cancel}
			x.join(backend, &http.Response{})
			x.tunnel.client = &heldUp{Conn: client, stalls: stalls}
			go func() { _, _ = io.Copy(io.Discard, app) }()
			go func() { _, _ = (&clientEnd{Conn: client, t: x.tunnel}).WriteTo(nil) }()
			synctest.Wait()
			x.Close("button")
			said, _ := io.ReadAll(browser)
			if want := closeFrame(closePolicy, "signed out", false); !bytes.Equal(said, want) {
				t.Errorf("%d stalls: %q, want %q", stalls, said, want)
			}
			_ = app.Close()
		})
	}
}
