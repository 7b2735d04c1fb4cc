package sample

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Options are the app's settings; all have defaults.
type Options struct {
	// Logger gets a line per WebSocket opened and closed. Default: none.
	Logger *slog.Logger
	// Name is the app's name on its page. Default "Sample app".
	Name string
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Tick is the time between two messages on the WebSocket and the event feed. Default 1 s.
	Tick time.Duration
}

// app is the handler's state.
type app struct {
	opts  Options
	pages *pages
}

// New makes the app. It is safe for concurrent use. It panics if the page built into the program is
// broken, which the package's tests rule out.
func New(opts Options) http.Handler {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Name == "" {
		opts.Name = "Sample app"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Tick <= 0 {
		opts.Tick = time.Second
	}
	pages, err := newPages()
	if err != nil {
		panic(fmt.Errorf("sample app: %w", err))
	}
	a := &app{opts: opts, pages: pages}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("GET /csp", a.strict)
	mux.HandleFunc("/api/whoami", a.whoami)
	mux.HandleFunc("GET /ws", a.socket)
	mux.HandleFunc("GET /events", a.events)
	mux.HandleFunc("POST /upload", a.upload)
	mux.HandleFunc("PUT /upload", a.upload)
	mux.HandleFunc("GET /download", a.download)
	mux.HandleFunc("GET /slow", a.slow)
	return mux
}

// person is who the app was told the visitor is.
type person struct {
	User    string   `json:"user"`
	Email   string   `json:"email"`
	Name    string   `json:"name"`
	Groups  []string `json:"groups"`
	Account string   `json:"account"`
}

func personOf(r *http.Request) person {
	p := person{
		User:    header(r, "X-Forwarded-User"),
		Email:   header(r, "X-Forwarded-Email"),
		Name:    header(r, "X-Forwarded-Name"),
		Account: header(r, "X-Cardea-Account"),
		Groups:  []string{},
	}
	for group := range strings.SplitSeq(header(r, "X-Forwarded-Groups"), ",") {
		if group = strings.TrimSpace(group); group != "" {
			p.Groups = append(p.Groups, group)
		}
	}
	return p
}

// header is a header as text: HTTP allows bytes in it that are no UTF-8.
func header(r *http.Request, name string) string {
	value := r.Header.Get(name)
	if !utf8.ValidString(value) {
		return strings.ToValidUTF8(value, "\uFFFD")
	}
	return value
}

// display is the friendliest name there is.
func (p person) display() string {
	for _, name := range []string{p.Name, p.User, p.Email} {
		if name != "" {
			return name
		}
	}
	return ""
}
