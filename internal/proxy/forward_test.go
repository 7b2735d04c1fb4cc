package proxy

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathAndQueryArriveByteForByte(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	for _, target := range []string{
		"/", "/p%2Fa//b/../c?x=1&y=%20z", "/a;b=c?x;y=1", "/a?", "/a|b^c`{}\"<>", "/a%zz"[:2], "/%E4%BD%A0?q=%ZZ&%", "/a?b?c=d#", "//double", "/a%2f%2e%2e", "/a\\b",
		"/x?" + strings.Repeat("a=1&", 300), "/caf\xc3\xa9",
	} {
		echo := body(t, r.raw("GET "+target+" HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n"))
		got, _, _ := strings.Cut(echo, "\n")
		if want := "GET " + target + " app"; got != want {
			t.Errorf("arrived %q, want %q", got, want)
		}
	}
}

func TestHostOriginAndFetchMetadataArriveUnchanged(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	echo := body(t, r.get("/", "Origin", "https://x.example", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "X-XSRFToken", "t", "Authorization", "Bearer b", "Te", "trailers"))
	for name, want := range map[string]string{
		"Origin": "https://x.example", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "X-Xsrftoken": "t", "Authorization": "Bearer b", "Te": "trailers",
	} {
		if diff := cmp.Diff([]string{want}, seen(echo, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if ua := seen(echo, "Accept-Encoding"); len(ua) > 0 && ua[0] != "gzip" {
		t.Errorf("encoding asked for: %q", ua)
	}
}

func TestTrustedProxysHostReachesTheApp(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	q := httptest.NewRequest(http.MethodGet, "http://inner:8080/", nil)
	q.RemoteAddr = "192.0.2.7:1"
	q.Header.Set("X-Forwarded-Host", "app.example")
	q.Header.Set("X-Forwarded-Proto", "https")
	q.Header.Set("X-Forwarded-For", "203.0.113.9")
	w := httptest.NewRecorder()
	r.serve(w, q)
	echo := w.Body.String()
	if !strings.HasPrefix(echo, "GET / app.example\n") {
		t.Errorf("arrived:\n%s", echo)
	}
	if diff := cmp.Diff([]string{`for=203.0.113.9;host="app.example";proto=https`}, seen(echo, "Forwarded")); diff != "" {
		t.Error(diff)
	}
}

func TestEncodedBodiesPassAsTheyAre(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "not really gzip "+q.Header.Get("Accept-Encoding"))
	}), nil)
	res := r.get("/", "Accept-Encoding", "br")
	if got := body(t, res); got != "not really gzip br" || res.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%q", got)
	}
}

func TestTrailersPassInBothDirections(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		w.Header().Set("Trailer", "X-Told")
		_, _ = w.Write(b)
		w.Header().Set("X-Told", q.Trailer.Get("X-Sum"))
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
	}), nil)
	q, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.front.URL, io.NopCloser(strings.NewReader("hello")))
	q.Trailer = http.Header{"X-Sum": {"42"}}
	res, err := r.front.Client().Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := body(t, res); got != "hello" {
		t.Errorf("body %q", got)
	}
	if res.Trailer.Get("X-Told") != "42" || res.Trailer.Get("X-Late") != "yes" {
		t.Errorf("trailers %v", res.Trailer)
	}
}

func TestContinueAndEarlyHintsPass(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.Header().Set("Set-Cookie", "__Host-cardea=evil")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		w.Header().Del("Set-Cookie")
		b, _ := io.ReadAll(q.Body)
		_, _ = fmt.Fprintf(w, "got %s", b)
	}), nil)
	c := r.dial()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
	in := bufio.NewReader(c)
	var statuses []string
	sent := false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, statuses)
		}
		if strings.HasPrefix(line, "HTTP/1.1 ") {
			statuses = append(statuses, strings.TrimSpace(line[9:12]))
		}
		if strings.Contains(line, "evil") {
			t.Error("a cookie of Cardea's came with the early hints")
		}
		if strings.HasPrefix(line, "HTTP/1.1 100") && !sent {
			_, _ = io.WriteString(c, "body")
			sent = true
		}
		if strings.HasPrefix(line, "HTTP/1.1 200") {
			break
		}
	}
	rest, _ := io.ReadAll(in)
	if !strings.HasSuffix(string(rest), "got body") || !sent {
		t.Errorf("%q %q", statuses, rest)
	}
	if diff := cmp.Diff([]string{"103", "100", "200"}, statuses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusalBeforeTheUploadSparesTheUpload(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusExpectationFailed)
	}), nil)
	res := r.raw("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	if res.StatusCode != http.StatusExpectationFailed {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestHeadKeepsTheLength(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "12345") }), nil)
	res, err := r.front.Client().Head(r.front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ContentLength != 12345 {
		t.Errorf("length %d", res.ContentLength)
	}
}

func TestEventsArriveAsTheyAreSent(t *testing.T) {
	for name, header := range map[string][2]string{
		"event stream": {"Content-Type", "text/event-stream"}, "unknown length": {"X", "y"}, "known length": {"Content-Length", "20"},
	} {
		t.Run(name, func(t *testing.T) {
			next := make(chan struct{})
			r := newRig(t, app(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(header[0], header[1])
				for range 2 {
					_, _ = io.WriteString(w, "data: one\n")
					_ = http.NewResponseController(w).Flush()
					<-next
				}
			}), nil)
			res := r.get("/")
			in := bufio.NewReader(res.Body)
			for range 2 {
				if line, err := in.ReadString('\n'); err != nil || line != "data: one\n" {
					t.Fatalf("%q %v", line, err)
				}
				next <- struct{}{}
			}
		})
	}
}

// patterned yields n bytes without holding them.
type patterned struct{ left int64 }

func (p *patterned) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), p.left)
	for i := range n {
		b[i] = byte(i)
	}
	p.left -= n
	return int(n), nil
}

func TestUploadsAndDownloadsTakeConstantMemory(t *testing.T) {
	const size = 64 << 20
	var got int64
	r := newRig(t, app(t, func(w http.ResponseWriter, q *http.Request) {
		got, _ = io.Copy(io.Discard, q.Body)
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = io.Copy(w, &patterned{left: size})
	}), nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	res, err := r.front.Client().Post(r.front.URL, "application/octet-stream", &patterned{left: size})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	back, err := io.Copy(io.Discard, res.Body)
	runtime.ReadMemStats(&after)
	if got != size || back != size || err != nil {
		t.Fatalf("up %d, down %d, %v", got, back, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("128 MB passed with %d kB allocated", grown>>10)
	}
}

func TestEveryKindOfUpstream(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	unix := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(echoProto)}}
	unix.Start()
	defer unix.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(echoProto))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	clear := httptest.NewUnstartedServer(http.HandlerFunc(echoProto))
	clear.Config.Protocols = new(http.Protocols)
	clear.Config.Protocols.SetUnencryptedHTTP2(true)
	clear.Config.Protocols.SetHTTP1(true)
	clear.Start()
	defer clear.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	for _, tt := range []struct{ upstream, proto string }{
		{"http" + strings.TrimPrefix(clear.URL, "http"), "HTTP/1.1"}, {"unix:" + socket, "HTTP/1.1"}, {secure.URL, "HTTP/2.0"}, {"h2c" + strings.TrimPrefix(clear.URL, "http"), "HTTP/2.0"},
	} {
		r := newRig(t, tt.upstream, func(o *Options) { o.RootCAs = roots })
		if got := body(t, r.get("/")); got != tt.proto+" alice" {
			t.Errorf("%s: %q %v", tt.upstream, got, r.failed)
		}
	}
	r := newRig(t, secure.URL, nil) // without ca_file the certificate is nobody's
	if res := r.get("/"); res.StatusCode != http.StatusBadGateway {
		t.Errorf("status %d", res.StatusCode)
	}
}

func echoProto(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Proto+" "+r.Header.Get("X-Forwarded-User"))
}

func TestAppThatIsDownIsUnavailable(t *testing.T) {
	r := newRig(t, "http://127.0.0.1:1", nil) // a port that nobody is given by chance
	res := r.get("/")
	if res.StatusCode != http.StatusBadGateway || len(r.failed) != 1 {
		t.Errorf("status %d, hook called with %v", res.StatusCode, r.failed)
	}
}

func TestStatusSaysWhoseFaultItIs(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
	}{
		{errors.New("x"), 502}, {context.DeadlineExceeded, 504}, {fmt.Errorf("dial: %w", &net.OpError{Err: context.DeadlineExceeded}), 504},
		{&http.MaxBytesError{}, 413}, {&failure{status: 400, err: errors.New("x")}, 400},
	} {
		if got := StatusOf(tt.err); got != tt.status {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.status)
		}
	}
}

func TestAppsThatLieAreCutOffCleanly(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		status int    // of the answer, when it never began
		log    string // what the log says, when it broke off
	}{
		"shorter than it said":    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", 200, "broke off"},
		"chunk that ends early":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort", 200, "broke off"},
		"chunk size that is none": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 200, "broke off"},
		"two lengths":             {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 502, ""},
		"no HTTP":                 {"SSH-2.0-x\r\n", 502, ""},
		"header without colon":    {"HTTP/1.1 200 OK\r\nBad\r\n\r\n", 502, ""},
		"nothing":                 {"", 502, ""},
		"endless header":          {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 2<<20), 502, ""},
		"switch unasked":          {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 502, ""},
		"silent switch":           {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rawApp(t, tt.answer), nil)
			res, err := http.Get(r.front.URL)
			if err != nil {
				// Cut before the header had gone out.
				if tt.log == "" {
					t.Fatal(err)
				}
				res = &http.Response{StatusCode: tt.status, Body: http.NoBody}
			} else {
				_, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			if tt.log == "" {
				return
			}
			if err == nil {
				t.Error("the client was not told that the answer is not whole")
			}
			eventually(t, "the log names cause and id", func() bool {
				log := r.log.String()
				return strings.Contains(log, tt.log) && strings.Contains(log, "incident=") && strings.Contains(log, "err=")
			})
		})
	}
}

func TestSurplusOfOneAnswerIsNobodyElsesAnswer(t *testing.T) {
	r := newRig(t, rawApp(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				res, err := r.front.Client().Get(r.front.URL)
				if err != nil {
					t.Error(err)
					return
				}
				b, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if strings.Contains(string(b), "evil") {
					t.Error("what followed an answer was taken for the next one")
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestClientThatBreaksItsUploadOffIsNoFaultOfTheApps(t *testing.T) {
	r := newRig(t, app(t, func(w http.ResponseWriter, q *http.Request) { _, _ = io.Copy(io.Discard, q.Body) }), nil)
	res := r.raw("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestTunnelsAndTracesAreRefused(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	for _, request := range []string{"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"} {
		if res := r.raw(request); res.StatusCode != http.StatusForbidden {
			t.Errorf("%q: status %d", request, res.StatusCode)
		}
	}
}

func TestPrefixThatWasTakenOffStaysOff(t *testing.T) {
	r := newRig(t, app(t, echoHeaders), nil)
	for target, want := range map[string]string{"/app/x%2Fy": "/x%2Fy", "/app/a": "/a"} {
		q := httptest.NewRequest(http.MethodGet, "http://a"+target+"?q=1", nil)
		q.URL.Path, q.URL.RawPath = strings.TrimPrefix(q.URL.Path, "/app"), strings.TrimPrefix(q.URL.RawPath, "/app")
		w := httptest.NewRecorder()
		r.serve(w, q)
		if !strings.HasPrefix(w.Body.String(), "GET "+want+"?q=1 ") {
			t.Errorf("%s arrived as\n%s", target, w.Body)
		}
	}
}
