package harness

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// StreamSocket is Streamlit's WebSocket without its page: it says when it ended, and
// can ask for a run of the script.
type StreamSocket struct {
	conn  *websocket.Conn
	Ended chan struct{} // closed when reading ended
	Err   error         // of reading, after Ended
	At    time.Time     // when reading ended, after Ended
}

// StreamOptions say what a page would send along.
type StreamOptions struct {
	Session string // id of the Streamlit session to resume; "" is a new one
	Mark    string // whom Cardea made the page for; "" sends none
}

// DialStream opens Streamlit's WebSocket as its page does: Origin is the host, the
// subprotocols carry the XSRF token and the session to resume. A refusal is a
// *StatusError.
func (p *Person) DialStream(ctx context.Context, base string, o StreamOptions) (*StreamSocket, error) {
	target, err := url.Parse(strings.Replace(base, "http", "ws", 1) + "/_stcore/stream")
	if err != nil {
		return nil, err
	}
	if o.Mark != "" {
		target.RawQuery = url.Values{"cardea-page": {o.Mark}}.Encode()
	}
	token := "xsrf"
	if at, err := url.Parse(base); err == nil {
		for _, c := range p.Jar.Cookies(at) {
			if c.Name == "_streamlit_xsrf" {
				token = c.Value
			}
		}
	}
	protocols := []string{"streamlit", token}
	if o.Session != "" {
		protocols = append(protocols, o.Session)
	}
	conn, res, err := websocket.Dial(ctx, target.String(), &websocket.DialOptions{
		HTTPClient: p.client, HTTPHeader: http.Header{"Origin": {base}}, Subprotocols: protocols,
	})
	if err != nil {
		if res != nil {
			return nil, &StatusError{res.StatusCode, res.Header.Get("Location")}
		}
		return nil, err
	}
	conn.SetReadLimit(1 << 24)
	s := &StreamSocket{conn: conn, Ended: make(chan struct{})}
	go func() {
		defer close(s.Ended)
		for {
			if _, _, err := conn.Read(context.Background()); err != nil {
				s.Err, s.At = err, time.Now()
				return
			}
		}
	}()
	return s, nil
}

// Rerun asks for a run of the script, as the page does once it is connected: a BackMsg
// whose rerun_script is empty.
func (s *StreamSocket) Rerun(ctx context.Context) error {
	const rerunScript = 11<<3 | 2 // field number and wire type of protobuf
	return s.conn.Write(ctx, websocket.MessageBinary, []byte{rerunScript, 0})
}

// Close drops the connection without a word.
func (s *StreamSocket) Close() { _ = s.conn.CloseNow() }
