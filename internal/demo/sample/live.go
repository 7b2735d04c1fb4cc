package sample

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// message is what the WebSocket and the event feed carry.
type message struct {
	Type string `json:"type"` // tick or echo
	N    int    `json:"n,omitempty"`
	Time string `json:"time,omitempty"`
	User string `json:"user,omitempty"`
	Text string `json:"text,omitempty"`
}

// maxEcho bounds what a client may send in one WebSocket message, in bytes.
const maxEcho = 64 << 10

// socket counts once per tick, and sends back what it is sent. The identity is the handshake's: that
// is how ordinary apps do it, and why a sign-out has to close the connection.
func (a *app) socket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		a.opts.Logger.Info("websocket refused", "cause", err.Error())
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxEcho)
	who := personOf(r)
	a.opts.Logger.Info("websocket opened", "user", who.User)

	// Not the request's context: its end means nothing once the connection is hijacked.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	go func() {
		defer cancel()
		a.echo(ctx, conn, who)
	}()
	err = a.tick(ctx, func(m message) error { return writeMessage(ctx, conn, m) }, who)
	a.opts.Logger.Info("websocket closed", "user", who.User, "cause", fmt.Sprint(err))
}

// echo sends back every text message until the connection ends.
func (a *app) echo(ctx context.Context, conn *websocket.Conn, who person) {
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			conn.Close(websocket.StatusUnsupportedData, "text only")
			return
		}
		if writeMessage(ctx, conn, message{Type: "echo", Text: string(data), User: who.User}) != nil {
			return
		}
	}
}

func writeMessage(ctx context.Context, conn *websocket.Conn, m message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, data)
}

// tick calls send at once and then once per tick, until it fails or ctx ends.
func (a *app) tick(ctx context.Context, send func(message) error, who person) error {
	ticker := time.NewTicker(a.opts.Tick)
	defer ticker.Stop()
	for n := 1; ; n++ {
		m := message{Type: "tick", N: n, Time: a.opts.Now().UTC().Format(time.RFC3339), User: who.User}
		if err := send(m); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// events is a feed of server-sent events, one per tick.
func (a *app) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if _, err := fmt.Fprint(w, "retry: 3000\n\n"); err != nil {
		return
	}
	flush := http.NewResponseController(w)
	err := a.tick(r.Context(), func(m message) error {
		data, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("encoding an event: %w", err)
		}
		if _, err := fmt.Fprintf(w, "id: %d\nevent: tick\ndata: %s\n\n", m.N, data); err != nil {
			return err
		}
		return flush.Flush()
	}, personOf(r))
	a.opts.Logger.Debug("event feed ended", "cause", fmt.Sprint(err))
}

// slow answers after ?ms= milliseconds, at most a minute.
func (a *app) slow(w http.ResponseWriter, r *http.Request) {
	ms := 1000
	if value := r.URL.Query().Get("ms"); value != "" {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 60_000 {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": "ms must be 0 to 60000"})
			return
		}
		ms = n
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		writeJSON(w, http.StatusOK, map[string]int{"ms": ms})
	case <-r.Context().Done():
	}
}
