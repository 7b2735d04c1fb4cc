package signin

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/session"
)

const appOrigin = "https://app.example"

func (w *world) request(t *testing.T, origin, path string, at *browser) string {
	t.Helper()
	request, err := w.RequestSeat(w.now, origin, path, at.binding)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func (w *world) offer(t *testing.T, s *session.Session, at *browser, path string) string {
	t.Helper()
	request := w.request(t, appOrigin, path, at)
	target, err := w.ReadSeatRequest(w.now, request)
	if diff := cmp.Diff(Target{Origin: appOrigin, Path: path}, target); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	location, err := w.OfferSeat(w.now, s, request)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, appOrigin+SeatPath+"?code=") {
		t.Fatalf("%v, %q", err, location)
	}
	return u.Query().Get("code")
}

func TestASecondOriginGetsASeatInTheSameSession(t *testing.T) {
	w, b, at := newWorld(t), newBrowser(), newBrowser()
	s := w.signIn(t, b, "ann").Session
	code := w.offer(t, s, at, "/chat?x=1")
	got, value, path, err := w.TakeSeat(t.Context(), w.now, code, appOrigin, at.binding)
	if err != nil || got.ID != s.ID || path != "/chat?x=1" || value == b.seat {
		t.Fatalf("%v %v %q", err, got, path)
	}
	hash, _ := session.HashSeatValue(value)
	if _, seat, err := w.store.BySeat(t.Context(), hash); err != nil || seat.Origin != appOrigin {
		t.Errorf("%v %+v", err, seat)
	}
}

func TestASeatRequestTravelsThroughASignIn(t *testing.T) {
	w, b, at := newWorld(t), newBrowser(), newBrowser()
	request := w.request(t, appOrigin, "/chat", at)
	res := w.signIn(t, b, "ann", func(s *Start) { s.SeatFor = request })
	if res.SeatFor != request {
		t.Error("the request changed on its way")
	}
}

func TestASeatCodeWorksOnceForOneBrowserAtOneOriginForAMinute(t *testing.T) {
	w, at := newWorld(t), newBrowser()
	s := w.signIn(t, newBrowser(), "ann").Session
	code := w.offer(t, s, at, "/")
	for name, try := range map[string]struct {
		origin, binding, code string
		after                 time.Duration
		want                  error
	}{
		"another browser": {appOrigin, newBrowser().binding, code, 0, ErrOtherBrowser},
		"no binding":      {appOrigin, "", code, 0, ErrOtherBrowser},
		"another origin":  {"https://other.example", at.binding, code, 0, ErrOtherBrowser},
		"too late":        {appOrigin, at.binding, code, SeatCodeLife, ErrExpired},
		"changed":         {appOrigin, at.binding, "B" + code[1:], 0, ErrAttempt},
		"a request":       {appOrigin, at.binding, w.request(t, appOrigin, "/", at), 0, ErrAttempt},
		"empty":           {appOrigin, at.binding, "", 0, ErrAttempt},
		"huge":            {appOrigin, at.binding, strings.Repeat("A", 1<<16), 0, ErrAttempt},
	} {
		if _, _, _, err := w.TakeSeat(t.Context(), w.now.Add(try.after), try.code, try.origin, try.binding); !errors.Is(err, try.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, _, _, err := w.TakeSeat(t.Context(), w.now, code, appOrigin, at.binding)
			if err == nil {
				taken.Add(1)
			} else if !errors.Is(err, ErrUsed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 {
		t.Errorf("taken %d times", taken.Load())
	}
}

func TestNoSeatInWhatEnded(t *testing.T) {
	w, at := newWorld(t), newBrowser()
	s := w.signIn(t, newBrowser(), "ann").Session
	code := w.offer(t, s, at, "/")
	late := w.offer(t, s, at, "/")
	w.store.down = "Use"
	if _, _, _, err := w.TakeSeat(t.Context(), w.now, code, appOrigin, at.binding); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("store down: %v", err)
	}
	w.store.down = ""
	if _, _, _, err := w.TakeSeat(t.Context(), w.now, code, appOrigin, at.binding); err != nil {
		t.Errorf("store back: %v", err)
	}
	w.store.end(s.ID, session.CauseButton)
	_, _, _, err := w.TakeSeat(t.Context(), w.now, late, appOrigin, at.binding)
	if _, ok := errors.AsType[*session.EndedError](err); !ok {
		t.Errorf("%v", err)
	}
}

func TestSeatRequestsAreRefusedWhenOldOrForged(t *testing.T) {
	w, at := newWorld(t), newBrowser()
	request := w.request(t, appOrigin, "//evil.example/", at)
	if target, err := w.ReadSeatRequest(w.now, request); err != nil || target.Path != "/" {
		t.Errorf("%v, %+v", err, target)
	}
	if _, err := w.ReadSeatRequest(w.now.Add(AttemptLife), request); !errors.Is(err, ErrExpired) {
		t.Errorf("old: %v", err)
	}
	if _, err := w.OfferSeat(w.now, &session.Session{ID: "s"}, request+"A"); !errors.Is(err, ErrAttempt) {
		t.Errorf("forged: %v", err)
	}
	if got, err := w.RequestSeat(w.now, appOrigin, "/", "short"); !errors.Is(err, ErrAttempt) {
		t.Errorf("a request without a binding: %q, %v", got, err)
	}
}

func TestSeatsThatAreNeverShownAreALoop(t *testing.T) {
	w, at := newWorld(t), newBrowser()
	s := w.signIn(t, newBrowser(), "ann").Session
	take := func() (string, error) {
		code := w.offer(t, s, at, "/")
		w.now = w.now.Add(time.Second)
		_, value, _, err := w.TakeSeat(t.Context(), w.now, code, appOrigin, at.binding)
		return value, err
	}
	for i := range 2 * loopRounds {
		value, err := take()
		if err != nil {
			t.Fatal(err)
		}
		if i < loopRounds { // the first ones come back
			hash, _ := session.HashSeatValue(value)
			w.Seen(hash)
		}
	}
	if _, err := take(); !errors.Is(err, ErrLoop) {
		t.Errorf("%v", err)
	}
}
