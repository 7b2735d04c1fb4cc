package proxy

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/live"
)

// bare is what Cardea's proxy is measured against: the standard library's, sending the
// same bytes both ways.
func bare(t testing.TB, upstream string) http.Handler {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.MaxIdleConnsPerHost, tr.DisableCompression = idlePerHost, true
	t.Cleanup(tr.CloseIdleConnections)
	return &httputil.ReverseProxy{Transport: tr, Rewrite: func(pr *httputil.ProxyRequest) {
		pr.SetURL(u)
		h := pr.Out.Header
		pr.Out.Host = pr.In.Host
		h.Set("X-Forwarded-For", "127.0.0.1")
		h.Set("X-Forwarded-Proto", "http")
		h.Set("X-Forwarded-Host", pr.In.Host)
		h.Set("Forwarded", `for=127.0.0.1;host="`+pr.In.Host+`";proto=http`)
		h.Set("X-Forwarded-User", "alice")
		h.Set("X-Forwarded-Preferred-Username", "alice")
		h.Set("X-Cardea-Account", "acc1")
		h.Set("X-Forwarded-Email", "alice@example.com")
		h.Set("X-Forwarded-Name", "Alice Åström")
		h.Set("X-Forwarded-Groups", "staff,dev")
	}, ModifyResponse: func(res *http.Response) error {
		res.Header.Set("Cache-Control", "private, no-cache")
		return nil
	}}
}

func cardea(t testing.TB, upstream string) http.Handler {
	t.Helper()
	p, err := New(Options{
		App: "chat", Upstream: upstream, Live: live.NewRegister(), Logger: slog.New(slog.DiscardHandler),
		Unavailable: func(w http.ResponseWriter, _ *http.Request, err error) { w.WriteHeader(StatusOf(err)) },
		Ended:       func(http.ResponseWriter, *http.Request) {}, Refused: func(http.ResponseWriter, *http.Request) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	v := guard.Verdict{Outcome: guard.Allow, Session: alice()}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeApp(w, r, v) })
}

// idleSocket is the memory that an idle WebSocket takes in this process behind a front:
// client and app take the same in both measurements.
func idleSocket(t *testing.T, handler func(testing.TB, string) http.Handler) float64 {
	const n = 300
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello")
		_ = rw.Flush()
		_, _ = c.Read(make([]byte, 1))
	}))
	front := httptest.NewServer(handler(t, upstream.URL))
	measure := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	goroutines := runtime.NumGoroutine() - 2 // without those that accept
	before := measure()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", front.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		in := bufio.NewReaderSize(c, 1024)
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(err, res)
		}
		if _, err := io.ReadFull(in, make([]byte, 7)); err != nil {
			t.Fatal(err)
		}
	}
	each := float64(measure()-before) / n
	for _, c := range conns {
		_ = c.Close()
	}
	front.CloseClientConnections()
	front.Close()
	upstream.CloseClientConnections()
	upstream.Close()
	// What winds down still would be given back during the next measurement.
	eventually(t, "nothing is left of the sockets", func() bool { return runtime.NumGoroutine() <= goroutines })
	return each
}

func TestIdleSocketTakesNoMoreMemoryThanBareReverseProxy(t *testing.T) {
	ours, theirs := idleSocket(t, cardea), idleSocket(t, bare)
	t.Logf("per idle socket with client and app: %.0f bytes, bare %.0f, ratio %.2f", ours, theirs, ours/theirs)
	if ours > 1.15*theirs {
		t.Errorf("%.0f bytes, %.2f times a bare reverse proxy's", ours, ours/theirs)
	}
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSmallGet takes turns between both fronts in one run and reports processor
// time per request; client and app, the same for both, are part of it.
func BenchmarkSmallGet(b *testing.B) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Set("Content-Length", strconv.Itoa(13))
		_, _ = io.WriteString(w, `{"ok": "yes"}`)
	}))
	defer upstream.Close()
	tr := &http.Transport{MaxIdleConnsPerHost: 4}
	defer tr.CloseIdleConnections()
	var requests [2]*http.Request
	for i, make := range []func(testing.TB, string) http.Handler{bare, cardea} {
		s := httptest.NewServer(make(b, upstream.URL))
		defer s.Close()
		q, _ := http.NewRequest(http.MethodGet, s.URL+"/api/items?page=1", nil)
		q.Header.Set("Cookie", "cardea-80=v; theme=dark")
		q.Header.Set("Accept", "application/json")
		q.Header.Set("Accept-Language", "en")
		requests[i] = q
	}
	var used [2]time.Duration
	const turn = 200
	for b.Loop() {
		for i, q := range requests {
			start := cpu(b)
			for range turn {
				res, err := tr.RoundTrip(q)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
			used[i] += cpu(b) - start
		}
	}
	perRequest := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N*turn) }
	b.ReportMetric(perRequest(used[0]), "bare-cpu-µs")
	b.ReportMetric(perRequest(used[1]), "cardea-cpu-µs")
	b.ReportMetric(float64(used[0])/float64(used[1]), "ratio")
}
