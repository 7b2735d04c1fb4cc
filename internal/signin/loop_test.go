package signin

import (
	"errors"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// round is a sign-in whose cookie the browser loses.
func (w *world) lostRound(t *testing.T, b *browser, change func(*Callback)) Result {
	t.Helper()
	cb := w.callback(b, w.idp.login(t, w.start(t, b), "ann"))
	w.now = w.now.Add(5 * time.Second)
	change(&cb)
	res, err := w.Finish(t.Context(), w.now, cb)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	return res
}

func (w *world) fourthStart(t *testing.T, b *browser) error {
	_, err := w.Start(t.Context(), w.now, Start{Provider: "main", Binding: b.binding})
	return err
}

func TestThreeRoundsInAMinuteEndAndNameTheCause(t *testing.T) {
	for _, tt := range []struct {
		want   LoopCause
		change func(w *world, cb *Callback)
	}{
		{LoopCookie, func(*world, *Callback) {}},
		{LoopCookie, func(_ *world, cb *Callback) { cb.Scheme = "https" }},
		{LoopScheme, func(_ *world, cb *Callback) { cb.Scheme = "http" }},
		{LoopClock, func(w *world, cb *Callback) {
			value, hash := session.NewSeatValue()
			w.store.owner[hash], w.store.ended["old"] = "old", session.Tombstone{Session: "old", Cause: session.CauseExpired}
			cb.Seat = value
		}},
	} {
		t.Run(string(tt.want), func(t *testing.T) {
			w, b := newWorld(t), newBrowser()
			for range loopRounds {
				w.lostRound(t, b, func(cb *Callback) { tt.change(w, cb) })
			}
			err := w.fourthStart(t, b)
			if loop, ok := errors.AsType[*LoopError](err); !errors.Is(err, ErrLoop) || !ok || loop.Cause != tt.want {
				t.Errorf("%v", err)
			}
			if err := w.fourthStart(t, newBrowser()); err != nil {
				t.Errorf("another browser: %v", err)
			}
			w.now = w.now.Add(loopWindow)
			if err := w.fourthStart(t, b); err != nil {
				t.Errorf("a minute later: %v", err)
			}
			if len(w.store.sessions) != 1 {
				t.Errorf("the loop left %d sessions", len(w.store.sessions))
			}
		})
	}
}

func TestASessionThatWasSeenIsNoLoop(t *testing.T) {
	nothing := func(*Callback) {}
	for name, see := range map[string]func(*world, Result){
		"told": func(w *world, r Result) {
			hash, _ := session.HashSeatValue(r.SeatValue)
			w.Seen(hash)
		},
		"signed out by the person": func(w *world, r Result) { w.store.end(r.Session.ID, session.CauseButton) },
		"activity recorded": func(w *world, r Result) {
			s := *r.Session
			s.SeenAt = s.SeenAt.Add(time.Second)
			w.store.sessions[s.ID] = &s
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := newWorld(t), newBrowser()
			for range loopRounds {
				see(w, w.lostRound(t, b, nothing))
			}
			if err := w.fourthStart(t, b); err != nil {
				t.Error(err)
			}
		})
	}
	w, b := newWorld(t), newBrowser()
	for range 2 * loopRounds { // the browser shows its seat each time
		w.signIn(t, b, "ann", func(s *Start) { s.Fresh = true })
		w.now = w.now.Add(time.Second)
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	l, m, tr := newRounds(), newRecent(), newTurns()
	for i := range 3 * maxBrowser {
		b, _ := hashBinding(oidc.RandomValue())
		now := start.Add(time.Duration(i) * time.Millisecond)
		for range loopRounds + 1 {
			_, seat := session.NewSeatValue()
			now = now.Add(time.Microsecond)
			l.completed(loopKey{binding: b}, now, round{seat: seat, at: now})
		}
		m.put(b, "s", now)
	}
	if len(l.byKey) > maxBrowser || len(l.bySeat) > loopRounds*maxBrowser || len(m.entries) > maxBrowser {
		t.Errorf("rounds %d, seats %d, recent %d", len(l.byKey), len(l.bySeat), len(m.entries))
	}
	var releases []func()
	for i := range maxTurns {
		release, err := tr.take(t.Context(), bindingHash{byte(i), byte(i >> 8)})
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	if _, err := tr.take(t.Context(), bindingHash{0, 0, 1}); !errors.Is(err, ErrBusy) || !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("one turn too many: %v", err)
	}
	for _, release := range releases {
		release()
	}
	if len(tr.keys) != 0 {
		t.Errorf("%d turns are not freed", len(tr.keys))
	}
}
