package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestCVE_2024_47616_EachListenerAnswersItsOwnPathsOnly(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b, nobody := w.browser("alice", "wonderland"), w.browser("", "")
	b.visit("/")
	id := string(w.sessions()[0].ID)
	for _, path := range []string{"/v1/sessions", "/v1/sessions/" + id, "/v1/outbox", "/livez", "/readyz", "/metrics", "/.cardea/v1/sessions", "/.cardea/admin/v1/sessions", "/.cardea/metrics"} {
		if p := nobody.fetch(path); p.status != http.StatusUnauthorized && p.status != http.StatusNotFound {
			t.Errorf("%s on the public listener: %d", path, p.status)
		}
		if p := b.fetch(path); p.status != http.StatusNotFound || strings.Contains(p.body, id) { // the app's, or ours
			t.Errorf("%s on the public listener, signed in: %d %s", path, p.status, p.body)
		}
	}
	if p := b.do(http.MethodPost, w.url+"/v1/sessions/end", `{"all":true}`, "Origin", w.url, "Authorization", "Bearer "+w.sessions()[0].Grant.Tokens.AccessToken); p.status != http.StatusNotFound || len(w.sessions()) != 1 {
		t.Errorf("ending sessions by the public listener: %d, %d live", p.status, len(w.sessions()))
	}
	ops := "http://" + w.gateway.app.cfg().Ops.Listen.Address
	for _, path := range []string{"/", "/api/whoami", "/.cardea/session", "/.cardea/sign-in", "/.cardea/sign-out", "/.cardea/jwks", "/.cardea/callback/main?state=x&code=y", "/v1/sessions", "/v1/outbox"} {
		if p := b.do(http.MethodGet, ops+path, ""); p.status != http.StatusNotFound {
			t.Errorf("%s on the operators' listener: %d", path, p.status)
		}
		if strings.HasPrefix(path, "/v1/") {
			continue
		}
		if rec := hear(w.gateway.app.admin, http.MethodGet, "http://cardea"+path); rec.Code != http.StatusNotFound {
			t.Errorf("%s on the admin listener: %d", path, rec.Code)
		}
	}
}

func TestCVE_2021_39162_OddHTTP2FramesStopNothing(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	// One stream's headers: GET http / of the gateway's host, in HPACK's static table.
	host := strings.TrimPrefix(w.url, "http://")
	block := append([]byte{0x82, 0x86, 0x84, 0x41, byte(len(host))}, host...)
	open := http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: true}
	if status := h2Status(t, w, open); status != "401" {
		t.Fatalf("a good request was answered %q", status)
	}
	odd := map[string]func(*http2.Framer) error{
		"reset at once": func(f *http2.Framer) error {
			for id := uint32(1); id < 400; id += 2 {
				p := open
				p.StreamID = id
				if err := f.WriteHeaders(p); err != nil {
					return err
				}
				if err := f.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
					return err
				}
			}
			return nil
		},
		"data without headers": func(f *http2.Framer) error { return f.WriteData(1, true, []byte("x")) },
		"data after the end":   func(f *http2.Framer) error { _ = f.WriteHeaders(open); return f.WriteData(1, true, make([]byte, 9000)) },
		"headers twice":        func(f *http2.Framer) error { _ = f.WriteHeaders(open); return f.WriteHeaders(open) },
		"even stream":          func(f *http2.Framer) error { p := open; p.StreamID = 2; return f.WriteHeaders(p) },
		"headers without an end": func(f *http2.Framer) error {
			p := open
			p.EndHeaders = false
			_ = f.WriteHeaders(p)
			return f.WritePing(false, [8]byte{})
		},
		"continuation alone": func(f *http2.Framer) error { return f.WriteContinuation(1, true, block) },
		"endless continuation": func(f *http2.Framer) error {
			p := open
			p.EndHeaders = false
			for err := f.WriteHeaders(p); err == nil; err = f.WriteContinuation(1, false, make([]byte, 16<<10)) {
			}
			return nil
		},
		"window of nothing": func(f *http2.Framer) error {
			_ = f.WriteHeaders(open)
			return f.WriteRawFrame(http2.FrameWindowUpdate, 0, 1, make([]byte, 4))
		},
		"window beyond all": func(f *http2.Framer) error {
			_ = f.WriteWindowUpdate(0, 1<<31-1)
			return f.WriteWindowUpdate(0, 1<<31-1)
		},
		"settings of no size": func(f *http2.Framer) error { return f.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) },
		"huge window setting": func(f *http2.Framer) error {
			return f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<32 - 1})
		},
		"depends on itself": func(f *http2.Framer) error { return f.WritePriority(1, http2.PriorityParam{StreamDep: 1}) },
		"push": func(f *http2.Framer) error {
			return f.WriteRawFrame(http2.FramePushPromise, 4, 1, append(make([]byte, 4), block...))
		},
		"unknown frame": func(f *http2.Framer) error {
			_ = f.WriteRawFrame(0xfa, 0xff, 1, make([]byte, 100))
			return f.WriteHeaders(open)
		},
		"broken HPACK": func(f *http2.Framer) error {
			p := open
			p.BlockFragment = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
			return f.WriteHeaders(p)
		},
		"going away": func(f *http2.Framer) error { _ = f.WriteHeaders(open); return f.WriteGoAway(0, http2.ErrCodeNo, nil) },
		"pings": func(f *http2.Framer) error {
			for range 2000 {
				if err := f.WritePing(false, [8]byte{}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	var all sync.WaitGroup
	for name, send := range odd {
		for range 4 {
			all.Go(func() {
				c, err := net.Dial("tcp", w.address)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(3 * time.Second))
				go func() { _, _ = io.Copy(io.Discard, c) }()
				_, _ = io.WriteString(c, http2.ClientPreface)
				f := http2.NewFramer(c, nil)
				f.AllowIllegalWrites = true
				_ = f.WriteSettings()
				_ = send(f) // an error is the server's way of saying no
				time.Sleep(100 * time.Millisecond)
			})
		}
	}
	all.Wait()
	b := w.browser("alice", "wonderland")
	if p := b.visit("/"); p.status != http.StatusOK {
		t.Errorf("afterwards: %d", p.status)
	}
	if text := w.log.String(); strings.Contains(text, "panic") || strings.Contains(text, "a handler failed") {
		t.Errorf("something broke:\n%s", text)
	}
}

// h2Status sends one good request and returns the answer's status.
func h2Status(t *testing.T, w *world, p http2.HeadersFrameParam) string {
	t.Helper()
	c, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	_ = f.WriteHeaders(p)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		h, ok := frame.(*http2.HeadersFrame)
		if !ok {
			continue
		}
		fields, err := hpack.NewDecoder(4096, nil).DecodeFull(h.HeaderBlockFragment())
		if err != nil || len(fields) == 0 || fields[0].Name != ":status" {
			t.Fatalf("%v, %v", fields, err)
		}
		return fields[0].Value
	}
}

func TestCVE_2024_23656_TLSIsWhatWasConfigured(t *testing.T) {
	private := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-User"))
	}))
	private.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are meant
	t.Cleanup(private.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: private.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	var second *devprovider.Server
	extra := func(w *world, file string) string {
		return fmt.Sprintf("  - {id: second, kind: oidc, issuer: %q, client_id: cardea, client_secret_env: SECRET%s}\napps: [{id: sample, url: %q, upstream: %q%s}]\n", second.Issuer(), file, w.url, private.URL, file)
	}
	w := remade(t, devprovider.Options{}, func(w *world) string {
		second = secondProvider(t, w, &tls.Config{Certificates: private.TLS.Certificates}, devprovider.Person{Username: "alice", Password: "x"})
		return extra(w, "")
	})
	b := w.browser("alice", "wonderland")
	inTab := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	if p := b.do(http.MethodGet, w.url+"/.cardea/sign-in?provider=second", "", inTab...); p.status < 500 || p.header.Get("Location") != "" {
		t.Errorf("a provider behind an unknown authority: %d to %q", p.status, p.header.Get("Location"))
	}
	b.visit("/.cardea/sign-in?provider=main")
	if p := b.fetch("/"); p.status != http.StatusBadGateway || strings.Contains(p.body, "alice") {
		t.Errorf("an app behind an unknown authority: %d %s", p.status, p.body)
	}
	w.stop()
	w.extra = extra(w, fmt.Sprintf(", ca_file: %q", ca))
	w.start()
	if p := b.fetch("/"); p.status != http.StatusOK || p.body != "alice" {
		t.Errorf("an app behind a known authority: %d %s", p.status, p.body)
	}
	if p := w.browser("", "").do(http.MethodGet, w.url+"/.cardea/sign-in?provider=second", "", inTab...); !strings.HasPrefix(p.header.Get("Location"), second.Issuer()) {
		t.Errorf("a provider behind a known authority: %d to %q", p.status, p.header.Get("Location"))
	}
}

func TestCVE_2024_23656_TheListenerSpeaksNoOldTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := secure(plain, func() *tls.Certificate { return &server.TLS.Certificates[0] })
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
}
