package pagescript

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// Script puts the page script into answers. It is safe for concurrent use.
type Script struct {
	log *slog.Logger

	mu     sync.Mutex
	logged map[string]bool // content codings that were logged
}

// Options are the parts that a Script works with.
type Options struct {
	Logger *slog.Logger // required
}

// Page is what the script has to know of the page that it goes into.
type Page struct {
	Origin httpx.Origin // where the browser has the page from
	Mark   string       // names the person that the page is made for; 1 to 64 of A-Z a-z 0-9 _ -
	Own    string       // what precedes Cardea's own paths: "/.cardea"
}

// ErrPage is returned by Add for a Page that cannot be written into HTML and headers.
var ErrPage = errors.New("page cannot carry the script")

// New returns a Script.
func New(o Options) (*Script, error) {
	if o.Logger == nil {
		return nil, errors.New("pagescript: no logger")
	}
	return &Script{log: o.Logger, logged: map[string]bool{}}, nil
}

// Ask changes the headers of a request for a page so that the app answers it whole and
// uncompressed: an answer of 304 or 206 could not be changed.
func (s *Script) Ask(h http.Header) {
	h["Accept-Encoding"] = []string{"identity"}
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "Range", "If-Range"} {
		delete(h, name)
	}
}

// Add lets the page that res carries bring the script along, when it is one that may.
// Headers change at once, the body while it is read; closing it closes the app's. Errors
// of the app's body pass through, and one that cannot be decoded ends in an error. An
// answer to HEAD gets the headers that GET would get. It returns ErrPage for an unusable p.
func (s *Script) Add(res *http.Response, p Page) error {
	if err := p.check(); err != nil {
		return err
	}
	kind, ok := renders(res)
	if !ok {
		return nil
	}
	open, ok := decoderOf(res.Header["Content-Encoding"])
	if !ok {
		s.logCoding(res.Header["Content-Encoding"])
		return nil
	}
	policies := res.Header["Content-Security-Policy"]
	if sandboxed(policies) {
		return nil
	}
	nonce := ""
	if len(policies) > 0 {
		res.Header["Content-Security-Policy"], nonce = extend(policies, p)
	}
	dropValidators(res)
	if res.Body == nil || res.Body == http.NoBody || res.Request != nil && res.Request.Method == http.MethodHead {
		return nil
	}
	b := &body{src: res.Body, in: res.Body, page: p, nonce: nonce, declared: kind, atEnd: func() { dropDigests(res.Trailer) }}
	if open != nil {
		b.in = &decoder{src: res.Body, open: open}
	}
	res.Body = b
	return nil
}

func (p Page) check() error {
	if _, host, ok := strings.Cut(string(p.Origin), "://"); !ok || host == "" || strings.ContainsAny(string(p.Origin), " ,;'\"\r\n") {
		return fmt.Errorf("%w: origin %q", ErrPage, p.Origin)
	}
	if p.Mark == "" || len(p.Mark) > 64 || !made(p.Mark, "_-") {
		return fmt.Errorf("%w: mark of %d bytes", ErrPage, len(p.Mark))
	}
	if len(p.Own) < 2 || p.Own[0] != '/' || !made(p.Own, "/._-") {
		return fmt.Errorf("%w: own path %q", ErrPage, p.Own)
	}
	return nil
}

// made tells whether s is made of ASCII letters, digits and the others alone.
func made(s, others string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (s[i] < '0' || s[i] > '9') && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return true
}

// logCoding says once per coding why an app's pages go without the script.
func (s *Script) logCoding(lines []string) {
	const most = 16 // names are the app's choice
	name := strings.ToLower(strings.Join(lines, ", "))
	if len(name) > 64 {
		name = name[:64]
	}
	s.mu.Lock()
	known := s.logged[name] || len(s.logged) >= most
	if !known {
		s.logged[name] = true
	}
	s.mu.Unlock()
	if !known {
		s.log.Warn("an app compresses pages though asked not to, in a way that Cardea does not decode: its pages go without the page script", "coding", name)
	}
}
