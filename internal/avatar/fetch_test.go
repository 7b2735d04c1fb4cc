package avatar

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// web is the internet with one server: every public name leads to it, and what leads
// inside is noted.
type web struct {
	*httptest.Server
	mu    sync.Mutex
	names map[string]string // host to address; 93.184.216.34 without an entry
	asked []*http.Request
	dials []string
}

func newWeb(t testing.TB, h http.HandlerFunc) *web {
	t.Helper()
	w := &web{names: map[string]string{}}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r)
		w.mu.Unlock()
		h(rw, r)
	}))
	w.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	w.StartTLS()
	t.Cleanup(w.Close)
	return w
}

func (w *web) net() Net {
	return Net{
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if name, ok := w.names[host]; ok {
				if name == "" {
					return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
				}
				return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr(name)}, nil
			}
			return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			w.mu.Lock()
			w.dials = append(w.dials, address)
			w.mu.Unlock()
			return (&net.Dialer{}).DialContext(ctx, network, w.Listener.Addr().String())
		},
	}
}

func (w *web) roots() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate().Raw})
}

func (w *web) get(ctx context.Context, t testing.TB, address string) ([]byte, error) {
	t.Helper()
	from := Source{Issuer: parsed(t, "https://id.other.example"), Roots: w.roots()}
	return fetcher{net: w.net(), from: from, most: 64 << 10}.get(ctx, address)
}

func TestAPictureIsFetchedAndNothingOfAnybodyIsSent(t *testing.T) {
	t.Parallel()
	raw := asPNG(t, halves(8, 8))
	w := newWeb(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.SetCookie(rw, &http.Cookie{Name: "track", Value: "me"})
			http.Redirect(rw, r, "https://www.example.com/new?size=9", http.StatusFound)
			return
		}
		rw.Header().Set("Content-Type", "text/html") // it says what it likes
		_, _ = rw.Write(raw)
	})
	got, err := w.get(t.Context(), t, "https://example.com/old?user=ann")
	if err != nil || !bytes.Equal(got, raw) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for _, r := range w.asked {
		for name := range r.Header {
			if name != "User-Agent" && name != "Accept" && name != "Connection" {
				t.Errorf("%s: %s is sent", r.URL, name)
			}
		}
		if !strings.HasPrefix(r.UserAgent(), "Cardea ") || r.ContentLength != 0 {
			t.Errorf("%q", r.UserAgent())
		}
	}
	if w.asked[1].Host != "www.example.com" || w.asked[1].URL.RawQuery != "size=9" {
		t.Errorf("%+v", w.asked[1].URL)
	}
	for _, address := range w.dials {
		if address != "93.184.216.34:443" {
			t.Errorf("connected to %s: another address than the one that was judged", address)
		}
	}
}

func TestWhatIsNoPictureInTimeAndSizeIsGivenUp(t *testing.T) {
	t.Parallel()
	var swollen bytes.Buffer
	z := gzip.NewWriter(&swollen)
	_, _ = z.Write(make([]byte, 8<<20))
	_ = z.Close()
	redirects := map[string]string{
		"/loopback": "https://127.0.0.1/x", "/meta": "http://169.254.169.254/latest/meta-data/", "/meta-tls": "https://169.254.169.254/", "/six": "https://[::1]/x",
		"/decimal": "https://2130706433/x", "/octal": "https://0177.0.0.1/x", "/name": "https://inside.example.com/x", "/down": "http://example.com/x",
		"/loop": "/loop", "/file": "file:///etc/passwd", "/one": "/two", "/two": "/three", "/three": "/four", "/four": "/five", "/nowhere": "https://%zz/",
	}
	w := newWeb(t, func(rw http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case redirects[path] != "":
			rw.Header().Set("Location", redirects[path])
			rw.WriteHeader(http.StatusMovedPermanently)
		case path == "/large":
			for range 1000 {
				if _, err := rw.Write(make([]byte, 10_000)); err != nil {
					return
				}
			}
		case path == "/said-large":
			rw.Header().Set("Content-Length", "10485760")
		case path == "/lies":
			rw.Header().Set("Content-Length", "60000")
			_, _ = rw.Write(make([]byte, 10))
		case path == "/swells":
			rw.Header().Set("Content-Encoding", "gzip")
			_, _ = rw.Write(swollen.Bytes())
		case path == "/none":
			http.NotFound(rw, r)
		case path == "/empty-redirect":
			rw.WriteHeader(http.StatusFound)
		case path == "/headers":
			for i := range 2000 {
				rw.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 200))
			}
		case path == "/hangs":
			<-r.Context().Done()
		case path == "/drips":
			for r.Context().Err() == nil {
				_, _ = rw.Write([]byte{0})
				_ = http.NewResponseController(rw).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		}
	})
	w.names["inside.example.com"], w.names["gone.example.com"] = "127.0.0.1", ""
	for path, want := range map[string]string{
		"https://example.com/loopback": string(intoNetwork), "https://example.com/meta": string(plainHTTP), "https://example.com/meta-tls": string(intoNetwork),
		"https://example.com/six": string(intoNetwork), "https://example.com/decimal": string(intoNetwork), "https://example.com/octal": string(intoNetwork),
		"https://example.com/name": string(intoNetwork), "https://example.com/down": string(plainHTTP), "https://example.com/file": string(notAnAddress),
		"https://example.com/loop": string(tooManyHops), "https://example.com/one": string(tooManyHops), "https://example.com/nowhere": string(notAnAddress),
		"https://inside.example.com/x": string(insideNetwork), "https://gone.example.com/x": "its host has no address",
		"https://example.com/large": "too many bytes", "https://example.com/said-large": "too many bytes", "https://example.com/lies": "malformed or broken",
		"https://example.com/none": "HTTP status 404", "https://example.com/empty-redirect": "HTTP status 302", "https://example.com/headers": "malformed or broken",
		"https://example.com/hangs": "timed out", "https://example.com/drips?token=secret": "timed out", "https://other.example/x": "certificate not trusted",
		"://": string(notAnAddress),
	} {
		within := 30 * time.Second
		if want == "timed out" {
			within = 500 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		got, err := w.get(ctx, t, path)
		cancel()
		if err == nil || got != nil || !strings.Contains(reason(err), want) {
			t.Errorf("%s: %d bytes, %v; want %q", path, len(got), err, want)
			continue
		}
		if text := reason(err); strings.Contains(text, "secret") || strings.Contains(text, "/x") {
			t.Errorf("%s: %q tells more than what failed", path, text)
		}
	}
	for _, address := range w.dials {
		if address != "93.184.216.34:443" {
			t.Errorf("connected to %s", address)
		}
	}
	// What is compressed arrives as it was sent, and is then no picture.
	got, err := w.get(t.Context(), t, "https://example.com/swells")
	if err != nil || !bytes.Equal(got, swollen.Bytes()) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := processed(bytes.NewReader(got), Limits{}); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func TestARedirectIsFollowedThreeTimes(t *testing.T) {
	t.Parallel()
	w := newWeb(t, func(rw http.ResponseWriter, r *http.Request) {
		if n := len(r.URL.Path); n < 5 {
			http.Redirect(rw, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
			return
		}
		_, _ = rw.Write([]byte("there"))
	})
	for path, ok := range map[string]bool{"/x": true, "/": false} {
		if got, err := w.get(t.Context(), t, "https://example.com"+path); ok != (err == nil && string(got) == "there") {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

func TestAProviderOnThisMachineMayNamePicturesOnIt(t *testing.T) {
	t.Parallel()
	var redirect string
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(rw, r, redirect, http.StatusFound)
			return
		}
		_, _ = rw.Write([]byte("there"))
	}))
	defer s.Close()
	f := fetcher{from: Source{Issuer: parsed(t, "http://localhost:9000")}, most: 1 << 10}
	if got, err := f.get(t.Context(), s.URL+"/a"); err != nil || string(got) != "there" {
		t.Errorf("%q, %v", got, err)
	}
	redirect = "http://169.254.169.254/latest"
	if _, err := f.get(t.Context(), s.URL+"/away"); !errors.Is(err, plainHTTP) {
		t.Error(err)
	}
	f.from.Issuer = parsed(t, "https://id.example.com")
	if _, err := f.get(t.Context(), s.URL+"/a"); !errors.Is(err, plainHTTP) {
		t.Error(err)
	}
}
