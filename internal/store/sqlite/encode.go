package sqlite

import (
	"strconv"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

// micros returns t in microseconds since 1970; 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// microsOrNull is for columns that partial indexes leave out when no limit is set.
func microsOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// hashOrNull stores the zero hash as NULL, which is equal to nothing.
func hashOrNull(h session.SeatHash) any {
	if h == (session.SeatHash{}) {
		return nil
	}
	return h[:]
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// limitOrDefault bounds a caller's row limit; zero and less mean the default.
func limitOrDefault(limit int) int {
	if limit <= 0 {
		return defaultLimit
	}
	return limit
}

// literal is a row limit for the text of a query that is asked again and again with the
// same one: SQLite plans anew at every call whose limit is bound. Each limit is a prepared
// statement of its own, so that no limit that strangers choose comes here.
func literal(limit int) string { return strconv.Itoa(limitOrDefault(limit)) }
