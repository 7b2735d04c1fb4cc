package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// CauseShutdown is the cause of an end that is the gateway's own: browsers are told
// that it goes away and come back.
const CauseShutdown = "shutdown"

// Close codes of RFC 6455 section 7.4.1. 1008 and not a private 4xxx code: client
// libraries that reconnect on unknown codes do so here too, and are refused with 401.
const (
	closeGoingAway = 1001
	closePolicy    = 1008
)

const (
	idleBuffer = 512 // what a direction holds while nothing flows
	// A farewell is over within a second: stuck writers are given up after farewellWrite,
	// frames under way after farewellFrame, and clients that do not close after farewellAll.
	farewellWrite = 200 * time.Millisecond
	farewellFrame = 200 * time.Millisecond
	farewellAll   = 800 * time.Millisecond
	// maxTail bounds the rest of a frame that a browser still gets.
	maxTail = 64 << 10
	// pingSize: client messages up to that size are keep-alives of libraries
	// (socket.io's "2" and "3"), compressed or not, and no person's doing.
	pingSize = 4
)

// tunnel is an upgraded exchange. The reverse proxy copies between two ends; both are
// ours and do the copying themselves (io.WriterTo), frame by frame, with buffers that
// are borrowed only while data flows.
type tunnel struct {
	x       *exchange
	client  net.Conn
	early   []byte // what the client sent before the switch was complete
	backend io.ReadWriteCloser
	up      flow // browser to app
	down    flow // app to browser

	ending  atomic.Bool
	code    uint16
	reason  string
	message string        // for the browser, before the close frame
	drained chan struct{} // closed when nothing more is read from the client
	told    chan struct{} // closed when both sides have been told of the end

	// Guarded by the exchange's lock.
	open  bool    // the switch is complete
	ended *string // cause of an end that came before it was
}

// flow is one direction.
type flow struct {
	mu     sync.Mutex
	scan   frames
	shut   bool          // nothing more goes out
	atEnd  chan struct{} // made by the farewell: closed at the next frame boundary
	signal bool          // atEnd is closed
}

var errEnded = errors.New("session ended")

// join makes the exchange a tunnel once the app has agreed to switch.
func (x *exchange) join(backend io.ReadWriteCloser, res *http.Response) {
	t := &tunnel{x: x, backend: backend, drained: make(chan struct{}), told: make(chan struct{})}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tunnel = t
	if x.session == nil {
		x.p.o.Strangers.add(x)
	}
	res.Body = (*backendEnd)(t)
}

// Hijack hands the reverse proxy our end instead of the connection itself.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.x.ended.Load() {
		return nil, nil, errEnded // while the client can still be answered
	}
	conn, rw, err := http.NewResponseController(w.x.w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t := w.x.tunnel
	if t == nil {
		return conn, rw, nil
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		t.early = append([]byte(nil), early...)
	}
	w.x.mu.Lock()
	t.client = conn
	w.x.mu.Unlock()
	w.x.lasts.Store(true)
	return &clientEnd{Conn: conn, t: t}, rw, nil
}

// clientEnd is the browser's end.
type clientEnd struct {
	net.Conn
	t *tunnel
}

// WriteTo copies what the browser sends to the app. Implements io.WriterTo.
func (c *clientEnd) WriteTo(io.Writer) (int64, error) {
	t := c.t
	err := t.fromBrowser()
	if !t.ending.Load() {
		close(t.drained)
		return 0, err
	}
	// The browser may still be sending: reading it keeps the kernel from answering with
	// a reset, which could overtake the close frame.
	buf := buffers.Get()
	for {
		if _, err := t.client.Read(buf); err != nil {
			break
		}
	}
	buffers.Put(buf)
	close(t.drained)
	<-t.told      // returning lets the reverse proxy close the app's side
	return 0, nil //nolint:nilerr // the tunnel was ended on purpose; what copying met afterwards is no failure
}

func (t *tunnel) fromBrowser() error {
	t.x.mu.Lock()
	t.open = true
	ended := t.ended
	t.x.mu.Unlock()
	if ended != nil {
		t.end(*ended)
	}
	if early := t.early; len(early) > 0 {
		t.early = nil
		if err := t.send(&t.up, t.backend, early, true); err != nil {
			return err
		}
	}
	return t.pump(&t.up, t.client, t.backend, true)
}

// CloseWrite passes the app's end of data on to the browser.
func (c *clientEnd) CloseWrite() error {
	if c.t.ending.Load() {
		return nil
	}
	return closeWrite(c.Conn)
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// backendEnd is the app's end.
type backendEnd tunnel

func (b *backendEnd) Read(p []byte) (int, error)  { return b.backend.Read(p) }
func (b *backendEnd) Write(p []byte) (int, error) { return b.backend.Write(p) }
func (b *backendEnd) Close() error                { return b.backend.Close() }

// WriteTo copies what the app sends to the browser. Implements io.WriterTo.
func (b *backendEnd) WriteTo(io.Writer) (int64, error) {
	t := (*tunnel)(b)
	err := t.pump(&t.down, t.backend, t.client, false)
	if t.ending.Load() {
		<-t.drained // the farewell bounds this
		return 0, nil
	}
	return 0, err
}

// pump copies one direction until it ends. While nothing flows it holds idleBuffer
// bytes; once they fill up it borrows a large buffer until a read leaves it unfilled.
func (t *tunnel) pump(f *flow, src io.Reader, dst io.Writer, person bool) error {
	var small [idleBuffer]byte
	buf := small[:]
	var large []byte
	defer func() {
		if large != nil {
			buffers.Put(large)
		}
	}()
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if err := t.send(f, dst, buf[:n], person); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case large == nil && n == len(small):
			large = buffers.Get()
			buf = large
		case large != nil && n < len(large): // nothing more is waiting
			buffers.Put(large)
			large, buf = nil, small[:]
		}
	}
}

// send writes p and follows its frames. After the end of the session nothing goes to
// the app any more, and to the browser only the rest of the frame under way.
func (t *tunnel) send(f *flow, dst io.Writer, p []byte, person bool) error {
	if person && t.ending.Load() {
		return errEnded
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	active := false
	n := 0
	for n < len(p) && !f.shut {
		if f.atEnd != nil && f.scan.boundary() {
			break
		}
		k, h, complete := f.scan.next(p[n:])
		n += k
		if complete && person && h.data() && h.size > pingSize {
			active = true
		}
	}
	if f.shut {
		return errEnded
	}
	if _, err := dst.Write(p[:n]); err != nil {
		f.scan.broken = true // a part may have gone out: no boundary is known any more
		return err
	}
	if active {
		t.x.touch()
	}
	if f.atEnd != nil && (f.scan.boundary() || f.scan.broken) {
		if !f.signal {
			f.signal = true
			close(f.atEnd)
		}
		return errEnded
	}
	return nil
}

// end begins the farewell, once.
func (t *tunnel) end(cause string) {
	t.x.mu.Lock()
	open := t.open
	if !open && t.ended == nil {
		t.ended = &cause // the switch's last step ends it
		time.AfterFunc(farewellAll, t.abandon)
	}
	t.x.mu.Unlock()
	if !open || !t.ending.CompareAndSwap(false, true) {
		return
	}
	t.code, t.reason, t.message = t.x.p.o.CloseCode, "signed out", t.x.p.o.Farewell
	if cause == CauseShutdown {
		t.code, t.reason, t.message = closeGoingAway, "going away", ""
	}
	go t.farewell()
}

// abandon ends a switch that was not complete when its session ended, and is not yet:
// the browser does not take the answer.
func (t *tunnel) abandon() {
	t.x.mu.Lock()
	open, client := t.open, t.client
	t.x.mu.Unlock()
	if open {
		return
	}
	t.x.cancel()
	if client != nil {
		_ = client.Close()
	}
}

// farewell says goodbye to both sides and closes them. The browser comes first: when
// many sockets end at once, every browser hears of it before any app does.
func (t *tunnel) farewell() {
	deadline := time.Now().Add(farewellAll)
	defer t.x.cancel() // the reverse proxy closes what is left
	_ = t.client.SetWriteDeadline(time.Now().Add(farewellWrite))
	_ = t.client.SetReadDeadline(deadline)
	t.farewellBrowser()
	stuck := time.AfterFunc(farewellWrite, func() { _ = t.backend.Close() })
	t.farewellApp()
	stuck.Stop()
	close(t.told)
	_ = t.backend.Close()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-t.drained:
	case <-timer.C:
	}
	_ = t.client.Close()
}

func (t *tunnel) farewellBrowser() {
	f := &t.down
	f.mu.Lock()
	if !f.scan.boundary() && !f.scan.broken && f.scan.left <= maxTail {
		f.atEnd = make(chan struct{})
		f.mu.Unlock()
		timer := time.NewTimer(farewellFrame)
		select {
		case <-f.atEnd:
		case <-timer.C:
		}
		timer.Stop()
		f.mu.Lock()
	}
	f.shut = true
	if f.scan.boundary() {
		t.say(append(textFrame(t.message), closeFrame(t.code, t.reason, false)...))
	}
	f.mu.Unlock()
	_ = closeWrite(t.client)
}

// say writes the browser's last bytes. A deadline that was over before anything was
// written may say more of this process, which stood still, than of the browser: there
// is a second one.
func (t *tunnel) say(last []byte) {
	for range 2 {
		_ = t.client.SetWriteDeadline(time.Now().Add(farewellWrite))
		if n, err := t.client.Write(last); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

func (t *tunnel) farewellApp() {
	f := &t.up
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut = true
	if f.scan.boundary() {
		_, _ = t.backend.Write(closeFrame(t.code, t.reason, true))
	}
}
