package vault

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// An app that sets no cookie costs nothing: no allocation, no round trip.
func TestAnAppWithoutCookiesCostsNothing(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	ctx := t.Context()
	for _, cookies := range []string{"", "__Host-cardea=abc; __Host-cardea-browser=x", "__Host-cardea=abc; theme=dark"} {
		in := get(page, "Sec-Fetch-Site", "same-origin")
		if cookies != "" {
			in.Header.Set("Cookie", cookies)
		}
		r.request(page, "")
		loads, saves := s.counts()
		h := http.Header{"Content-Type": {"text/html"}}
		n := testing.AllocsPerRun(200, func() {
			lines, drop, err := r.app.Request(ctx, sid, chat, in)
			if err != nil || drop != nil || len(lines) != len(in.Header["Cookie"]) {
				t.Fatal(lines, drop, err)
			}
			if err := r.app.Response(ctx, sid, chat, in, h); err != nil {
				t.Fatal(err)
			}
		})
		if l, w := s.counts(); n != 0 || l != loads || w != saves {
			t.Errorf("%q: %v allocations, %d loads, %d saves", cookies, n, l-loads, w-saves)
		}
	}
}

func TestKeptCookiesCostNoRoundTrip(t *testing.T) {
	s := newStore()
	r := twelve(t, s)
	loads, saves := s.counts()
	in := get(page, "Cookie", "__Host-cardea=abc")
	n := testing.AllocsPerRun(100, func() {
		lines, _, err := r.app.Request(context.Background(), sid, chat, in)
		if err != nil || len(lines) != 1 || len(lines[0]) < 21000 {
			t.Fatal(len(lines), err)
		}
	})
	if l, w := s.counts(); n > 2 || l != loads || w != saves {
		t.Errorf("%v allocations, %d loads, %d saves", n, l-loads, w-saves)
	}
}

func TestRequestsAtOnceLoadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		twelve(t, s)
		before, saves := s.counts()
		r := newRig(t, s, Rules{})
		s.hang = make(chan struct{})
		done := make(chan struct{})
		for range 50 {
			go func() {
				r.request(page, "")
				done <- struct{}{}
			}()
		}
		synctest.Wait()
		close(s.hang)
		for range 50 {
			<-done
		}
		if loads, now := s.counts(); loads != before+1 || now != saves {
			t.Errorf("%d loads, %d saves", loads-before, now-saves)
		}
	})
}

func TestUpgradesCarryWhatIsKept(t *testing.T) {
	r := twelve(t, newStore())
	got, _ := r.request("https://chat.example.com/ws/socket.io", "", "Connection", "Upgrade", "Upgrade", "websocket", "Origin", string(chat))
	if len(got) < 21000 {
		t.Errorf("%d bytes", len(got))
	}
	if out := r.response("https://chat.example.com/ws/", "ws=1; HttpOnly"); len(out) != 0 {
		t.Errorf("%q", out)
	}
}

// twelve is an app with 12 cookies of 21 kB.
func twelve(t testing.TB, s *store) *rig {
	r := newRig(t, s, Rules{})
	r.request(page, "")
	for i := range 12 {
		r.response(page, fmt.Sprintf("_app_user_%d=%s; HttpOnly; Path=/", i, strings.Repeat("x", 1750)))
	}
	return r
}

func BenchmarkRequestOfAnAppWithoutCookies(b *testing.B) {
	r := newRig(b, newStore(), Rules{})
	r.request(page, "")
	benchmarkRequest(b, r, get(page, "Cookie", "__Host-cardea=abc"))
}

func BenchmarkRequestWithTwelveCookies(b *testing.B) {
	benchmarkRequest(b, twelve(b, newStore()), get(page, "Cookie", "__Host-cardea=abc"))
}

func benchmarkRequest(b *testing.B, r *rig, in *http.Request) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.app.Request(ctx, sid, chat, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResponseThatSetsACookieAnew(b *testing.B) {
	r := twelve(b, newStore())
	in := get(page)
	for i := 0; b.Loop(); i++ {
		h := http.Header{"Set-Cookie": {fmt.Sprintf("_app_user_1=%d; HttpOnly; Path=/", i)}}
		if err := r.app.Response(context.Background(), sid, chat, in, h); err != nil {
			b.Fatal(err)
		}
	}
}

func TestHostnamesOfOrigins(t *testing.T) {
	for _, s := range []string{"https://a.example", "http://localhost:4180", "http://[::1]:4180", "https://[2001:db8::1]", "http://127.0.0.1"} {
		o := mustOrigin(t, s)
		if got, want := hostname(o), o.Hostname(); got != want {
			t.Errorf("%s: %q instead of %q", s, got, want)
		}
	}
	if hostname(httpx.Origin("")) != "" {
		t.Error("no origin has a host")
	}
}
