package strict

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	day = 24 * time.Hour
	// maxDays is how many whole days a time.Duration holds.
	maxDays = uint64(math.MaxInt64 / day)
)

// Duration reads a length of time, which is never negative: as time.ParseDuration does,
// after whole days of 24 hours where there are any (400d, 1d12h). The error is a *Problem.
func Duration(text string) (time.Duration, error) {
	whole, rest := time.Duration(0), text
	if days, after, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseUint(days, 10, 64)
		// Behind days a number needs its unit, and no sign changes their meaning.
		if err != nil || n > maxDays || after == "0" || strings.HasPrefix(after, "-") || strings.HasPrefix(after, "+") {
			return 0, noDuration(text)
		}
		whole, rest = time.Duration(n)*day, after
		if rest == "" {
			return whole, nil
		}
	}
	part, err := time.ParseDuration(rest)
	switch {
	case err != nil || part > math.MaxInt64-whole:
		return 0, noDuration(text)
	case part < 0:
		return 0, &Problem{Message: "a length of time cannot be negative", Fix: "write it as 90s, 15m or 8h"}
	}
	return whole + part, nil
}

func noDuration(text string) *Problem {
	return &Problem{
		Message: Quote(text) + " is not a length of time",
		Fix:     "write it as 90s, 15m, 8h or 1d12h (whole days, first, at most " + strconv.FormatUint(maxDays, 10) + "d)",
	}
}
