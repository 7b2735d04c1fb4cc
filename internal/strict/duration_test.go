package strict

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestDurationTakesDaysBeforeTheRest(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"400d": 400 * 24 * time.Hour, "1d12h": 36 * time.Hour, "1d1h1m1.5s": 25*time.Hour + 61500*time.Millisecond, "0d": 0, "007d": 168 * time.Hour,
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "0": 0,
		"106751d": 106751 * 24 * time.Hour, "106751d23h47m16.854775807s": math.MaxInt64,
	} {
		if got, err := Duration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestDurationRefusesWhatItWouldHaveToGuess(t *testing.T) {
	for _, text := range []string{
		"", "d", "1d1d", "12h1d", "1.5d", "+1d", "-1d", "1 d", "1d 2h", "1D", "1_0d", "0x1d", "1d0", "1d5", "1d-2h", "1d+2h", "-3s", "3w", "1dd",
		"106752d", "106751d24h", "106751d23h47m16.854775808s", "99999999999d", "99999999999999999999999d", "2562048h", strings.Repeat("9", 1<<12) + "d",
	} {
		got, err := Duration(text)
		var problem *Problem
		if !errors.As(err, &problem) || problem.Fix == "" || len(problem.Message) > 200 || got != 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// Whatever stands there, what is taken is never negative, never an overflow, and means the
// same written the way Go writes it.
func FuzzDuration(f *testing.F) {
	for _, text := range []string{"400d", "1d12h", "106751d23h47m16.854775807s", "1d1d", "d", "-1d", "99999999999d", "1.5d", "1d-1h", "1d0", "µd"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Duration(text)
		if err != nil {
			return
		}
		if again, err := Duration(got.String()); got < 0 || err != nil || again != got {
			t.Errorf("%q is %v; written so it is %v, %v", text, got, again, err)
		}
	})
}
