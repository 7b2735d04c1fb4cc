package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// JupyterSocket is an open WebSocket of a Jupyter server. It is read all the time,
// because a client that does not read answers no pings.
type JupyterSocket struct {
	// Closed is closed when reading has ended; At says when that was.
	Closed chan struct{}

	conn  *websocket.Conn
	mu    sync.Mutex
	heard [][]byte
	news  chan struct{} // closed and made anew with each message
	at    time.Time
	err   error
}

func listen(conn *websocket.Conn) *JupyterSocket {
	conn.SetReadLimit(16 << 20)
	s := &JupyterSocket{conn: conn, Closed: make(chan struct{}), news: make(chan struct{})}
	go func() {
		defer close(s.Closed)
		for {
			_, data, err := conn.Read(context.Background())
			s.mu.Lock()
			if err != nil {
				s.err, s.at = err, time.Now()
				s.mu.Unlock()
				return
			}
			s.heard = append(s.heard, data)
			close(s.news)
			s.news = make(chan struct{})
			s.mu.Unlock()
		}
	}()
	return s
}

// Close drops the connection without a word.
func (s *JupyterSocket) Close() { _ = s.conn.CloseNow() }

// Open reports whether the socket is still open.
func (s *JupyterSocket) Open() bool {
	select {
	case <-s.Closed:
		return false
	default:
		return true
	}
}

// At is when reading ended, and Err why. Only after Closed.
func (s *JupyterSocket) At() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.at }

// Err is why reading ended. Only after Closed.
func (s *JupyterSocket) Err() error { s.mu.Lock(); defer s.mu.Unlock(); return s.err }

// mark is a place in what was heard.
func (s *JupyterSocket) mark() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.heard) }

// since returns what was heard after a mark, and what closes at the next message.
func (s *JupyterSocket) since(mark int) ([][]byte, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard[mark:len(s.heard):len(s.heard)], s.news
}

// until hands each message after mark to done, until that says yes.
func (s *JupyterSocket) until(ctx context.Context, mark int, done func([]byte) bool) error {
	for {
		messages, news := s.since(mark)
		for _, m := range messages {
			if done(m) {
				return nil
			}
		}
		mark += len(messages)
		select {
		case <-news:
		case <-s.Closed:
			if more, _ := s.since(mark); len(more) == 0 {
				return fmt.Errorf("the socket is closed: %w", s.Err())
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *JupyterSocket) send(ctx context.Context, message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return s.conn.Write(ctx, websocket.MessageText, data)
}

// Terminal is an open terminal.
type Terminal struct{ *JupyterSocket }

// Type sends keys.
func (t *Terminal) Type(ctx context.Context, keys string) error {
	return t.send(ctx, []string{"stdin", keys})
}

// Run types a command, waits until the shell is through with it, and returns what the
// terminal showed, the echo of the typing included.
func (t *Terminal) Run(ctx context.Context, command string) (string, error) {
	from := t.mark()
	tag := newUUID()[:8]
	// What is typed does not hold what is waited for.
	if err := t.Type(ctx, fmt.Sprintf("%s; printf 'end-%%s-%%s\\n' %s %s\r", command, tag, tag)); err != nil {
		return "", err
	}
	var shown strings.Builder
	err := t.until(ctx, from, func(data []byte) bool {
		var frame []any
		if json.Unmarshal(data, &frame) == nil && len(frame) == 2 && frame[0] == "stdout" {
			text, _ := frame[1].(string)
			shown.WriteString(text)
		}
		return strings.Contains(shown.String(), "end-"+tag+"-"+tag)
	})
	return shown.String(), err
}

// Kernel is the open channels of a kernel.
type Kernel struct {
	*JupyterSocket
	session, user string
}

type kernelMessage struct {
	Header struct {
		ID   string `json:"msg_id"`
		Type string `json:"msg_type"`
	} `json:"header"`
	Parent struct {
		ID string `json:"msg_id"`
	} `json:"parent_header"`
	Content struct {
		Name  string `json:"name"`
		Text  string `json:"text"`
		State string `json:"execution_state"`
		Error string `json:"ename"`
		Value string `json:"evalue"`
	} `json:"content"`
}

// Begin sends code for execution and returns the request's id without waiting.
func (k *Kernel) Begin(ctx context.Context, code string) (string, error) {
	id := newUUID()
	return id, k.send(ctx, map[string]any{
		"channel": "shell",
		"header": map[string]string{
			"msg_id": id, "msg_type": "execute_request", "session": k.session, "username": k.user,
			"version": "5.3", "date": time.Now().UTC().Format(time.RFC3339Nano),
		},
		"parent_header": map[string]any{}, "metadata": map[string]any{}, "buffers": []any{},
		"content": map[string]any{
			"code": code, "silent": false, "store_history": true, "user_expressions": map[string]any{},
			"allow_stdin": false, "stop_on_error": false,
		},
	})
}

// Execute runs code and returns what it printed.
func (k *Kernel) Execute(ctx context.Context, code string) (string, error) {
	from := k.mark()
	id, err := k.Begin(ctx, code)
	if err != nil {
		return "", err
	}
	var printed strings.Builder
	var failed error
	err = k.until(ctx, from, func(data []byte) bool {
		var m kernelMessage
		if json.Unmarshal(data, &m) != nil || m.Parent.ID != id {
			return false
		}
		switch m.Header.Type {
		case "stream":
			printed.WriteString(m.Content.Text)
		case "error":
			failed = fmt.Errorf("%s: %s", m.Content.Error, m.Content.Value)
		}
		return m.Header.Type == "status" && m.Content.State == "idle"
	})
	return printed.String(), errors.Join(err, failed)
}

// Busy waits until the kernel says that it is at work on a request.
func (k *Kernel) Busy(ctx context.Context, request string) error {
	return k.until(ctx, 0, func(data []byte) bool {
		var m kernelMessage
		return json.Unmarshal(data, &m) == nil && m.Parent.ID == request &&
			m.Header.Type == "status" && m.Content.State == "busy"
	})
}
