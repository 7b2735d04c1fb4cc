package avatar

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// counting is a Net on which every address fails, and says how often one was asked for.
func counting(n *atomic.Int64) Net {
	return Net{Lookup: func(context.Context, string) ([]netip.Addr, error) {
		n.Add(1)
		return nil, errors.New("no network here")
	}}
}

// running runs Avatars until the test ends, in a bubble.
func running(t *testing.T, a *Avatars) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var w sync.WaitGroup
	w.Go(func() { a.Run(ctx) })
	return func() { cancel(); w.Wait() }
}

func signedIn(id, picture string) *session.Session {
	return &session.Session{Account: id, Provider: "world", Profile: oidc.Profile{Picture: picture}}
}

func TestAPictureIsAskedForOnceADayAndAfterAFailureOnceAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		a, store, lines := newAvatars(t, counting(&asked))
		defer running(t, a)()
		step := func(after time.Duration, picture string, want int64) {
			t.Helper()
			time.Sleep(after)
			a.Noticed(signedIn("ann", picture))
			synctest.Wait()
			if asked.Load() != want {
				t.Errorf("asked %d times, want %d", asked.Load(), want)
			}
		}
		const one, two = "https://pictures.example.com/1?token=secret", "https://pictures.example.com/2"
		step(0, one, 1)
		step(time.Second, one, 1)
		step(58*time.Minute, one, 1)
		step(2*time.Minute, one, 2) // an hour after a failure
		step(time.Second, two, 3)   // another address
		step(time.Second, "", 3)    // Noticed says nothing of none
		if got := store.try("ann"); got.Error != "its host has no address" || got.Provider != "world" || got.Address != hashOf([]byte(two)) || !got.At.Equal(time.Now().Add(-time.Second)) {
			t.Errorf("%+v", got)
		}
		if text := lines.String(); strings.Contains(text, "secret") || strings.Contains(text, "com/1") || strings.Count(text, "level=INFO") != 3 || !strings.Contains(text, "from=https://pictures.example.com") {
			t.Errorf("%s", text)
		}

		data := inData(asPNG(t, halves(4, 4)))
		a.Found("bob", "world", data)
		synctest.Wait()
		first := store.try("bob")
		for range 3 {
			time.Sleep(7 * time.Hour)
			a.Found("bob", "world", data)
			synctest.Wait()
		}
		if again := store.try("bob"); again != first || first.Error != "" {
			t.Errorf("had again within a day: %+v, %+v", first, again)
		}
		time.Sleep(4 * time.Hour)
		a.Found("bob", "world", data)
		synctest.Wait()
		if again := store.try("bob"); !again.At.After(first.At) {
			t.Errorf("not had again after a day: %+v", again)
		}
	})
}

func TestAPictureThatTheProviderDropsGoesAndAFailureTakesNothingAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		a, _, _ := newAvatars(t, counting(&asked))
		defer running(t, a)()
		has := func(id string) string {
			t.Helper()
			synctest.Wait()
			hash, source, err := a.Of(t.Context(), id)
			if err != nil || (hash == "") != (source == "") {
				t.Fatal(hash, source, err)
			}
			return source
		}
		a.Found("ann", "world", inData(asPNG(t, halves(4, 4))))
		if got := has("ann"); got != account.PictureProvider {
			t.Fatalf("%q", got)
		}
		for _, broken := range []string{"https://pictures.example.com/x", "data:image/png;base64,AAAA", inData([]byte("<svg/>")), "data:", "javascript:alert(1)"} {
			a.Found("ann", "world", broken)
			if got := has("ann"); got != account.PictureProvider {
				t.Fatalf("%.20s: %q", broken, got)
			}
			if last, err := a.LastTry(t.Context(), "ann"); err != nil || last.Error == "" {
				t.Errorf("%.20s: %+v, %v", broken, last, err)
			}
		}
		a.Found("ann", "home", "") // another provider has none
		if got := has("ann"); got != account.PictureProvider {
			t.Errorf("%q", got)
		}
		a.Found("ann", "world", "")
		if got := has("ann"); got != "" {
			t.Errorf("%q", got)
		}
	})
}

func TestWhatThePersonGaveWinsUntilItIsTakenAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := newAvatars(t, Net{})
		defer running(t, a)()
		own, err := a.Set(t.Context(), time.Now(), "ann", bytes.NewReader(asJPEG(t, halves(9, 9))))
		if err != nil || own.Source != account.PictureUpload {
			t.Fatalf("%+v, %v", own, err)
		}
		a.Found("ann", "world", inData(asPNG(t, halves(4, 4))))
		synctest.Wait()
		if hash, source, _ := a.Of(t.Context(), "ann"); hash != own.Hash || source != account.PictureUpload {
			t.Errorf("%s %s", hash, source)
		}
		if got, err := a.ByHash(t.Context(), own.Hash); err != nil || !bytes.Equal(got.Bytes, own.Bytes) {
			t.Errorf("%+v %v", got.Hash, err)
		}
		if err := a.Clear(t.Context(), time.Now(), "ann"); err != nil {
			t.Fatal(err)
		}
		if _, source, _ := a.Of(t.Context(), "ann"); source != account.PictureProvider {
			t.Errorf("%s", source)
		}
		for _, hash := range []string{own.Hash, "", "x", strings.Repeat("x", 9000), "../../etc/passwd"} {
			if _, err := a.ByHash(t.Context(), hash); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("%.20s: %v", hash, err)
			}
		}
		corpus := hostile(t)
		for _, name := range []string{"SVG with a script", "10 MB", "PNG of 50,000 by 50,000", "PNG, cut"} {
			tc := corpus[name]
			if _, err := a.Set(t.Context(), time.Now(), "ann", bytes.NewReader(tc.raw)); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAFloodOfSignInsNeitherWaitsNorGrows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := newAvatars(t, Net{}) // nobody works it off
		began := time.Now()
		for i := range 10_000 {
			a.Noticed(signedIn(fmt.Sprint(i), "https://pictures.example.com/"+fmt.Sprint(i)))
		}
		a.Noticed(nil)
		if !time.Now().Equal(began) {
			t.Error("it waited")
		}
		if n := len(a.queue.jobs); n != maxQueued || a.queue.jobs[n-1].account != "9999" || a.queue.jobs[0].account != fmt.Sprint(10_000-maxQueued) {
			t.Errorf("%d queued", n)
		}
		large := "data:" + strings.Repeat("A", 3<<20)
		for i := range 100 {
			a.Found(fmt.Sprint("large", i), "world", large)
		}
		if a.queue.data > maxQueuedData || len(a.queue.jobs) != maxQueuedData/len(large) {
			t.Errorf("%d bytes of %d", a.queue.data, len(a.queue.jobs))
		}
		a.Found("one", "world", "https://a.example.com/1")
		a.Found("one", "world", "https://a.example.com/2")
		if last := a.queue.jobs[len(a.queue.jobs)-1]; last.address != "https://a.example.com/2" || a.queue.jobs[len(a.queue.jobs)-2].account == "one" {
			t.Errorf("%+v", last.account)
		}
		a.Found("huge", "world", "data:"+strings.Repeat("A", maxQueuedData))
		if last := a.queue.jobs[len(a.queue.jobs)-1]; last.account == "huge" {
			t.Error("one address fills the queue")
		}
	})
}

// dripping is a server that sends a byte a second, for ever.
func dripping(open *atomic.Int64) Net {
	return Net{
		Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			open.Add(1)
			go func() {
				defer open.Add(-1)
				defer server.Close()
				if _, err := http.ReadRequest(bufio.NewReader(server)); err != nil {
					return
				}
				if _, err := server.Write([]byte("HTTP/1.1 200 OK\r\n\r\n\x89PNG")); err != nil {
					return
				}
				for {
					time.Sleep(time.Second)
					if _, err := server.Write([]byte{0}); err != nil {
						return
					}
				}
			}()
			return client, nil
		},
	}
}

func TestASlowServerHoldsOneWorkerForTenSecondsAndNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		a, store, _ := newAvatars(t, dripping(&open))
		stop := running(t, a)
		const slow = "http://localhost:9001/slow"
		for i := range 4 {
			a.Found(fmt.Sprint(i), "home", slow)
		}
		synctest.Wait()
		a.Found("0", "home", slow+"?again") // while the first is under way
		synctest.Wait()
		if open.Load() != workers {
			t.Errorf("%d at once", open.Load())
		}
		began := time.Now()
		time.Sleep(fetchWithin + 3*time.Second/2) // the server notices at its next byte
		synctest.Wait()
		for _, id := range []string{"0", "1"} {
			if got := store.try(id); got.Error != "timed out" || got.Address != hashOf([]byte(slow)) || !got.At.Equal(began) {
				t.Errorf("%s: %+v", id, got)
			}
		}
		if open.Load() != workers {
			t.Errorf("%d connections are open", open.Load())
		}
		stop() // what is under way is left alone: it is no failure
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if open.Load() != 0 || store.try("2").Error != "" || store.try("3").Error != "" {
			t.Errorf("%d open; %+v, %+v", open.Load(), store.try("2"), store.try("3"))
		}
	})
}

func TestNothingIsFetchedWhereItIsOffOrWhereTheAccountIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		settings := Settings{Sources: map[string]Source{"world": {Issuer: parsed(t, "https://id.example.com")}}}
		a, store, lines := newAvatars(t, counting(&asked), func(o *Options) { o.Settings = func() Settings { return settings } })
		defer running(t, a)()
		a.Found("ann", "world", "https://pictures.example.com/x")
		synctest.Wait()
		settings.Fetch = true
		a.Found("ann", "unknown", "https://pictures.example.com/x")
		synctest.Wait()
		if asked.Load() != 0 || store.writes != 0 {
			t.Errorf("%d asked, %d written", asked.Load(), store.writes)
		}
		a.Found("bob", "world", inData(asPNG(t, halves(4, 4))))
		store.mu.Lock()
		store.gone["eve"] = account.ErrErased
		store.mu.Unlock()
		a.Found("eve", "world", inData(asPNG(t, halves(4, 4))))
		synctest.Wait()
		if store.try("bob").Error != "" || strings.Contains(lines.String(), "eve") && strings.Contains(lines.String(), "level=INFO") {
			t.Error(lines.String())
		}
		store.mu.Lock()
		store.down = true
		store.mu.Unlock()
		a.Found("ann", "world", "https://pictures.example.com/x")
		synctest.Wait()
		if asked.Load() != 0 {
			t.Error("asked although what came of it cannot be kept")
		}
	})
}

func TestUploadsWaitForTheirTurnToBeDecoded(t *testing.T) {
	t.Parallel()
	a, _, _ := newAvatars(t, Net{})
	for range decoders {
		a.decode <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	raw := asPNG(t, halves(4, 4))
	if _, err := a.Set(ctx, time.Now(), "ann", bytes.NewReader(raw)); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	<-a.decode
	var w sync.WaitGroup
	for i := range 8 {
		w.Go(func() {
			if _, err := a.Set(t.Context(), time.Now(), fmt.Sprint(i), bytes.NewReader(raw)); err != nil {
				t.Error(err)
			}
		})
	}
	w.Wait()
	limited := http.MaxBytesReader(nil, http.NoBody, 0)
	if _, err := a.Set(t.Context(), time.Now(), "ann", limited); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}
