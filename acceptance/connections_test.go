package acceptance

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
	"github.com/coder/websocket"
)

// echo is an open WebSocket to the application's echo, read all the time, because a
// client that does not read answers no pings.
type echo struct {
	t      *testing.T
	conn   *websocket.Conn
	said   chan string
	closed chan struct{} // closed when reading ended
	err    error         // of reading, after closed
	at     time.Time     // when reading ended
}

func dialEcho(t *testing.T, p *harness.Person, origin string) *echo {
	t.Helper()
	e, res, err := tryEcho(p, origin)
	if err != nil {
		status := 0
		if res != nil {
			status = res.StatusCode
		}
		t.Fatalf("opening a socket: %v (status %d)", err, status)
	}
	e.t = t
	t.Cleanup(func() { _ = e.conn.CloseNow() })
	return e
}

// tryEcho is dialEcho for goroutines.
func tryEcho(p *harness.Person, origin string) (*echo, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	conn, res, err := p.Dial(ctx, socketURL(origin, "/ws"), nil)
	if err != nil {
		return nil, res, err
	}
	e := &echo{conn: conn, said: make(chan string, 64), closed: make(chan struct{})}
	go func() {
		defer close(e.closed)
		for {
			_, data, err := conn.Read(context.Background())
			if err != nil {
				e.err, e.at = err, time.Now()
				return
			}
			select {
			case e.said <- string(data):
			default:
			}
		}
	}()
	return e, res, nil
}

func (e *echo) say(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	return e.conn.Write(ctx, websocket.MessageText, []byte(text))
}

// demandEcho says something and waits to hear it.
func (e *echo) demandEcho(text string) {
	e.t.Helper()
	if err := e.say(text); err != nil {
		e.t.Fatalf("saying %q: %v", text, err)
	}
	deadline := time.After(patient)
	for {
		select {
		case heard := <-e.said:
			if heard == text {
				return
			}
		case <-e.closed:
			e.t.Fatalf("the socket is closed: %v", e.err)
		case <-deadline:
			e.t.Fatalf("no echo of %q", text)
		}
	}
}

func (e *echo) open() bool {
	select {
	case <-e.closed:
		return false
	default:
		return true
	}
}

// demandClosedSince waits for the end and compares it with its cause's moment.
func (e *echo) demandClosedSince(cause func() time.Time, within time.Duration) {
	e.t.Helper()
	select {
	case <-e.closed:
		demandWithin(e.t, "the socket was closed", cause(), e.at, within)
	case <-time.After(within + patient):
		e.t.Fatal("the socket is still open")
	}
}

// stream is an open event stream.
type stream struct {
	lines chan string
	done  chan struct{}
	at    time.Time // when it ended, after done
}

func openEvents(t *testing.T, p *harness.Person, target string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Sec-Fetch-Mode", "cors")
	req.Header.Set("Sec-Fetch-Dest", "empty")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := p.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		t.Fatalf("the event stream answered %d", res.StatusCode)
	}
	s := &stream{lines: make(chan string, 1024), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer func() { s.at = time.Now() }()
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				select {
				case s.lines <- text:
				default:
				}
			}
		}
	}()
	return s
}

func (s *stream) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-s.lines:
		return line
	case <-s.done:
		t.Fatal("the event stream ended")
	case <-time.After(patient):
		t.Fatalf("no event within %v", patient)
	}
	return ""
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func uploadZeros(t *testing.T, p *harness.Person, target string, size int64) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, target, io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", strings.TrimSuffix(target, "/upload"))
	req.Header.Set("Sec-Fetch-Mode", "cors")
	req.Header.Set("Sec-Fetch-Dest", "empty")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := p.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func downloadCount(t *testing.T, p *harness.Person, target string) int64 {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Mode", "cors")
	req.Header.Set("Sec-Fetch-Dest", "empty")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := p.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
