package session

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSeatValuesAreRandomAndOnlyTheirHashIsKept(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		value, hash := NewSeatValue()
		if seen[value] || len(value) != 43 {
			t.Fatalf("%d characters, or twice", len(value))
		}
		seen[value] = true
		raw, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil || SeatHash(sha256.Sum256(raw)) != hash {
			t.Fatalf("hash is not SHA-256 of the 256 bits: %v", err)
		}
		if got, ok := HashSeatValue(value); !ok || got != hash {
			t.Fatal("the value does not lead to its hash")
		}
	}
}

func TestWhatCannotBeASeatValueHasNoHash(t *testing.T) {
	good, _ := NewSeatValue()
	for _, v := range []string{
		"", "x", good[:42], good + "A", good[:42] + "=", good[:42] + "+", good[:42] + "\n", strings.Repeat("A", 42) + "B",
		" " + good[:42], strings.Repeat("é", 22)[:43], strings.Repeat("A", 1<<16),
	} {
		if _, ok := HashSeatValue(v); ok {
			t.Errorf("%.50q has a hash", v)
		}
	}
	if n := testing.AllocsPerRun(100, func() { HashSeatValue(good) }); n != 0 {
		t.Errorf("%v allocations for one look", n)
	}
}

// Two texts with one hash would be two cookies for one seat.
func FuzzHashSeatValue(f *testing.F) {
	good, _ := NewSeatValue()
	f.Add(good)
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("_", 43))
	f.Fuzz(func(t *testing.T, v string) {
		h, ok := HashSeatValue(v)
		if !ok {
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(v)
		if err != nil || base64.RawURLEncoding.EncodeToString(raw) != v || h != sha256.Sum256(raw) {
			t.Fatalf("%q is accepted and is not canonical", v)
		}
	})
}

func TestSessionIDsAreRandomAndPlain(t *testing.T) {
	a, b := NewID(), NewID()
	if a == b || len(a) != 26 || strings.Trim(string(a), "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("%q, %q", a, b)
	}
}

func TestLimitsEndASessionToTheMoment(t *testing.T) {
	created := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name        string
		l           Limits
		seen, after time.Duration
		want        bool
	}{
		{"no limits", Limits{}, 0, 1000 * time.Hour, true},
		{"idle, just within", Limits{Idle: time.Hour}, time.Hour, 2*time.Hour - 1, true},
		{"idle, at the moment", Limits{Idle: time.Hour}, time.Hour, 2 * time.Hour, false},
		{"absolute, just within", Limits{Absolute: 3 * time.Hour}, 0, 3*time.Hour - 1, true},
		{"absolute, at the moment, though just seen", Limits{Idle: time.Hour, Absolute: 3 * time.Hour}, 3*time.Hour - 1, 3 * time.Hour, false},
	} {
		if got := tc.l.Within(created, created.Add(tc.seen), created.Add(tc.after)); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	s := Session{CreatedAt: created, SeenAt: created.Add(time.Minute), Limits: Limits{Idle: time.Hour, Absolute: 2 * time.Hour}}
	if !s.IdleUntil().Equal(created.Add(61*time.Minute)) || !s.AbsoluteUntil().Equal(created.Add(2*time.Hour)) {
		t.Errorf("ends at %v and %v", s.IdleUntil(), s.AbsoluteUntil())
	}
	if s.Limits = (Limits{}); !s.IdleUntil().IsZero() || !s.AbsoluteUntil().IsZero() {
		t.Error("no limit has a moment")
	}
}

func TestTheWidestLimitsSatisfyBoth(t *testing.T) {
	short, long, none := Limits{time.Minute, time.Hour}, Limits{time.Hour, time.Minute}, Limits{}
	if got := short.Widest(long); got != (Limits{time.Hour, time.Hour}) {
		t.Errorf("%+v", got)
	}
	if got := short.Widest(none); got != none {
		t.Errorf("beside none: %+v", got)
	}
}

func TestAnEndIsToldByItsCause(t *testing.T) {
	err := fmt.Errorf("reading: %w", &EndedError{Tombstone{Session: "s", Cause: CauseButton}})
	ended, ok := errors.AsType[*EndedError](err)
	if !ok || ended.Tombstone.Cause != CauseButton || errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}
