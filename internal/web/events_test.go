package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/session"
)

// clockGuard knows one session and judges it by its limits.
type clockGuard struct {
	mu     sync.Mutex
	v      guard.Verdict
	active int
}

func (g *clockGuard) Check(_ context.Context, now time.Time, q guard.Query) guard.Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	if q.Active {
		g.active++
		if g.v.Session != nil {
			s := *g.v.Session
			s.SeenAt = now
			g.v.Session = &s
		}
	}
	if s := g.v.Session; s != nil && !s.Limits.Within(s.CreatedAt, s.SeenAt, now) {
		return guard.Verdict{Ended: &session.Tombstone{Session: s.ID, Cause: session.CauseExpired}}
	}
	return g.v
}

func (g *clockGuard) set(v guard.Verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.v = v
}

// listener is a browser that reads a stream.
type listener struct {
	*httptest.ResponseRecorder
	mu   sync.Mutex
	done chan struct{}
	stop context.CancelFunc
}

func (l *listener) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ResponseRecorder.Write(b)
}

// heard lists the names of the events so far, and the data of the last.
func (l *listener) heard() (names []string, last map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for part := range strings.SplitSeq(l.Body.String(), "\n\n") {
		name, data, ok := strings.Cut(strings.TrimPrefix(part, "event: "), "\ndata: ")
		if !ok {
			continue
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
		last = nil
		_ = json.Unmarshal([]byte(data), &last)
	}
	return names, last
}

func (f *face) listen(t *testing.T) *listener {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &listener{ResponseRecorder: httptest.NewRecorder(), done: make(chan struct{}), stop: stop}
	r := f.request("GET", "https://app.example/.cardea/events", nil, script(seat(seatLive)...)...).WithContext(ctx)
	go func() {
		defer close(l.done)
		f.ServeHTTP(l, r)
	}()
	return l
}

// withClock is a face on a clock that tests move, with one live session.
func withClock(t *testing.T) (*face, *clockGuard) {
	t.Helper()
	s := person("live")
	s.CreatedAt, s.SeenAt = time.Now(), time.Now()
	g := &clockGuard{v: guard.Verdict{Outcome: guard.Allow, Session: s}}
	return newFace(t, func(o *Options) { o.Guard, o.Now = g, time.Now }), g
}

func TestPagesHearOfTheEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := withClock(t)
		l := f.listen(t)
		synctest.Wait()
		heard, last := l.heard()
		if diff := cmp.Diff([]string{"hello"}, heard); diff != "" || last["mark"] != person("live").PageMark() {
			t.Fatalf("%v\n%s", last, diff)
		}
		if sessions, conns := f.live.Count(); sessions != 0 || conns != 0 {
			t.Error("the stream counts as a connection of an app")
		}
		g.set(guard.Verdict{Ended: &session.Tombstone{Session: "live", Cause: session.CauseButton}})
		f.live.Close("live", "button")
		synctest.Wait()
		<-l.done
		if all := names(l.heard()); all[len(all)-1] != "ended" {
			t.Errorf("heard %v", all)
		}
	})
}

func TestAStreamThatIsCutForAnotherReasonSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := withClock(t)
		l := f.listen(t)
		synctest.Wait()
		f.live.CutAll("shutdown")
		<-l.done
		if diff := cmp.Diff([]string{"hello"}, names(l.heard())); diff != "" {
			t.Error(diff)
		}
	})
}

func names(list []string, _ map[string]any) []string { return list }

func TestPagesAreWarnedInTimeAndStayByOneClick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := withClock(t) // an hour idle, ten hours in all
		l := f.listen(t)
		time.Sleep(54 * time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"hello"}, names(l.heard())); diff != "" {
			t.Errorf("warned too early:\n%s", diff)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		heard, last := l.heard()
		if diff := cmp.Diff([]string{"hello", "warn"}, heard); diff != "" || last["kind"] != "idle" || last["url"] != nil ||
			last["text"] == "" || last["stay"] != "Stay signed in" || last["seconds"].(float64) > 240 {
			t.Fatalf("%v\n%s", last, diff)
		}
		w := f.ask("POST", "https://app.example/.cardea/stay", script(append(seat(seatLive), "Origin", "https://app.example")...)...)
		if w.Code != http.StatusNoContent || g.active != 1 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"hello", "warn", "calm"}, names(l.heard())); diff != "" {
			t.Error(diff)
		}
		l.stop()
		<-l.done
	})
}

func TestNearTheAbsoluteLimitPagesOfferASignInInANewTab(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, g := withClock(t)
		s := *person("live")
		s.CreatedAt, s.SeenAt, s.Limits.Idle = time.Now(), time.Now(), 0
		g.set(guard.Verdict{Outcome: guard.Allow, Session: &s})
		l := f.listen(t)
		time.Sleep(10*time.Hour - time.Minute)
		synctest.Wait()
		if _, last := l.heard(); last["kind"] != "absolute" || last["url"] != "/.cardea/sign-in?renew=1" {
			t.Errorf("%v", last)
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		<-l.done
		if all := names(l.heard()); all[len(all)-1] != "ended" {
			t.Errorf("heard %v", all)
		}
		l.stop()
	})
}

func TestAStreamNeedsASession(t *testing.T) {
	f := newFace(t)
	for value, want := range map[string]int{seatEnded: 401, seatUnknown: 401, seatDown: 503} {
		if w := f.ask("GET", "https://app.example/.cardea/events", script(seat(value)...)...); w.Code != want {
			t.Errorf("%s: %d", value[:1], w.Code)
		}
	}
}

func TestStayingNeedsAPageOfOurOwn(t *testing.T) {
	f := newFace(t)
	const at = "https://app.example/.cardea/stay"
	for name, tc := range map[string]struct {
		seat, origin string
		want         int
	}{
		"live":         {seatLive, "https://app.example", 204},
		"other origin": {seatLive, "https://evil.example", 403},
		"no origin":    {seatLive, "", 403},
		"ended":        {seatEnded, "https://app.example", 401},
		"store down":   {seatDown, "https://app.example", 503},
	} {
		headers := seat(tc.seat)
		if tc.origin != "" {
			headers = append(headers, "Origin", tc.origin)
		}
		if w := f.ask("POST", at, script(headers...)...); w.Code != tc.want {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := f.ask("GET", at, within(seat(seatLive)...)...); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestSigningInForLongerGoesToTheProviderWithALiveSession(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://gate.example/.cardea/sign-in?renew=1", navigation(seat(seatLive)...)...)
	if got := location(t, w).String(); got != "https://idp.example/authorize?p=main" || f.signIn.started[0].Fresh {
		t.Errorf("%s, %+v", got, f.signIn.started)
	}
	w = f.ask("GET", "https://app.example/.cardea/sign-in?renew=1", within(seat(seatLive)...)...)
	if got := location(t, w); got.Query().Get("renew") != "1" {
		t.Errorf("the app's origin forgets it: %s", got)
	}
}
