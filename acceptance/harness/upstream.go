package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Upstream is a plain application that knows nothing of sign-in: it trusts
// X-Forwarded-User and writes down everything that reaches it.
type Upstream struct {
	URL string

	mu     sync.Mutex
	seen   []Arrival
	frames []Frame
	live   map[*websocket.Conn]string
}

// Arrival is one request that reached the application.
type Arrival struct {
	Method string
	Path   string
	User   string
	Header http.Header
}

// Frame is one WebSocket message that reached the application.
type Frame struct {
	User string
	Text string
}

// StartUpstream starts the application on loopback for one test.
func StartUpstream(t testing.TB) *Upstream {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &Upstream{URL: "http://" + listener.Addr().String(), live: map[*websocket.Conn]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/", u.page)
	mux.HandleFunc("/quiet/", u.quiet)
	mux.HandleFunc("/whoami", u.whoami)
	mux.HandleFunc("/headers", u.headers)
	mux.HandleFunc("/script.js", u.script)
	mux.HandleFunc("/ws", u.socket)
	mux.HandleFunc("/events", u.events)
	mux.HandleFunc("/upload", u.upload)
	mux.HandleFunc("/download", u.download)
	mux.HandleFunc("/cors", u.cors)
	server := &http.Server{Handler: u.noting(mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return u
}

func (u *Upstream) noting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.seen = append(u.seen, Arrival{r.Method, r.URL.Path, r.Header.Get("X-Forwarded-User"), r.Header.Clone()})
		u.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// Arrivals returns the requests for a path so far.
func (u *Upstream) Arrivals(path string) []Arrival {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []Arrival
	for _, a := range u.seen {
		if a.Path == path {
			out = append(out, a)
		}
	}
	return out
}

// Frames returns the WebSocket messages of a person so far.
func (u *Upstream) Frames(user string) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []string
	for _, f := range u.frames {
		if f.User == user {
			out = append(out, f.Text)
		}
	}
	return out
}

// Sockets counts the open WebSockets of a person.
func (u *Upstream) Sockets(user string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := 0
	for _, owner := range u.live {
		if owner == user {
			n++
		}
	}
	return n
}

// appPage is the application's page: a strict policy, a sign-out button, and a
// socket whose state the page shows.
const appPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>App</title>
<link rel="icon" href="data:,"></head><body>
<h1 id="who">%s</h1><p id="path">%s</p><p id="ws">connecting</p><pre id="said"></pre>
<form method="post" action="/.cardea/sign-out" id="sign-out"><button id="leave">Sign out</button></form>
<script src="/script.js"></script></body></html>`

const appScript = `
const ws = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
const state = document.getElementById('ws');
ws.onopen = () => { state.textContent = 'open'; };
ws.onclose = (e) => { state.textContent = 'closed ' + e.code; };
ws.onmessage = (e) => { document.getElementById('said').textContent += e.data + '\n'; };
window.send = (text) => ws.send(text);
`

func (u *Upstream) page(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'self'; img-src data:; connect-src 'self' ws:; form-action 'self'; base-uri 'none'")
	fmt.Fprintf(w, appPage, r.Header.Get("X-Forwarded-User"), r.URL.Path)
}

// quiet is the page without its script: no socket keeps a browser from putting it
// into the cache of whole pages.
func (u *Upstream) quiet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:; form-action 'self'")
	page := strings.Replace(appPage, `<script src="/script.js"></script>`, "", 1)
	fmt.Fprintf(w, page, r.Header.Get("X-Forwarded-User"), r.URL.Path)
}

func (u *Upstream) script(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript")
	_, _ = io.WriteString(w, appScript)
}

func (u *Upstream) whoami(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"user": r.Header.Get("X-Forwarded-User")})
}

func (u *Upstream) headers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"host": r.Host, "headers": r.Header})
}

func (u *Upstream) socket(w http.ResponseWriter, r *http.Request) {
	user := r.Header.Get("X-Forwarded-User")
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	u.mu.Lock()
	u.live[conn] = user
	u.mu.Unlock()
	defer func() {
		u.mu.Lock()
		delete(u.live, conn)
		u.mu.Unlock()
		_ = conn.CloseNow()
	}()
	for {
		kind, data, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		u.mu.Lock()
		u.frames = append(u.frames, Frame{user, string(data)})
		u.mu.Unlock()
		if conn.Write(context.Background(), kind, data) != nil {
			return
		}
	}
}

func (u *Upstream) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(w, "id: %d\ndata: tick %d\n\n", i, i); err != nil {
			return
		}
		if flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (u *Upstream) upload(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		http.Error(w, "upload broke off", http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"bytes": n, "sha256": hex.EncodeToString(sum.Sum(nil))})
}

func (u *Upstream) download(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
	w.Header().Set("Content-Type", "application/octet-stream")
	block := make([]byte, 64<<10)
	for n > 0 {
		part := min(n, int64(len(block)))
		if _, err := w.Write(block[:part]); err != nil {
			return
		}
		n -= part
	}
}

func (u *Upstream) cors(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Methods", "PUT")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	_, _ = io.WriteString(w, "done")
}
