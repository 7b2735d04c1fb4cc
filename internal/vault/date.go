package vault

import (
	"strings"
	"time"
)

const months = "janfebmaraprmayjunjulaugsepoctnovdec"

// parseDate reads a date as browsers do (RFC 6265bis section 5.1.1): fields in any order
// between any delimiters. It reports false where no date comes out.
func parseDate(s string) (time.Time, bool) {
	var clock [3]int
	var day, month, year int
	var hasClock, hasDay, hasMonth, hasYear bool
	for s != "" {
		var token string
		token, s = dateToken(s)
		if token == "" {
			continue
		}
		if !hasClock {
			if clock, hasClock = clockOf(token); hasClock {
				continue
			}
		}
		if !hasDay {
			if day, hasDay = number(token, 1, 2); hasDay {
				continue
			}
		}
		if !hasMonth {
			if month, hasMonth = monthOf(token); hasMonth {
				continue
			}
		}
		if !hasYear {
			year, hasYear = number(token, 2, 4)
		}
	}
	if !hasClock || !hasDay || !hasMonth || !hasYear {
		return time.Time{}, false
	}
	switch {
	case year >= 70 && year <= 99:
		year += 1900
	case year <= 69:
		year += 2000
	}
	if day < 1 || year < 1601 || clock[0] > 23 || clock[1] > 59 || clock[2] > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, clock[0], clock[1], clock[2], 0, time.UTC)
	return t, t.Day() == day // February has no 30th
}

// dateToken returns what stands before the first delimiter, and what follows it.
func dateToken(s string) (token, rest string) {
	for i := range len(s) {
		if c := s[i]; c == '\t' || c >= ' ' && c <= '/' || c >= ';' && c <= '@' || c >= '[' && c <= '`' || c >= '{' && c <= '~' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// number reads a number of least to most digits that no further digit follows.
func number(s string, least, most int) (int, bool) {
	n, i := 0, 0
	for i < len(s) && isDigit(s[i]) {
		if i == most {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, i >= least
}

func clockOf(token string) (clock [3]int, ok bool) {
	h, rest, ok := strings.Cut(token, ":")
	if !ok {
		return clock, false
	}
	m, s, ok := strings.Cut(rest, ":")
	if !ok {
		return clock, false
	}
	for i, part := range [...]string{h, m, s} {
		n, ok := number(part, 1, 2)
		if !ok || i < 2 && strings.Trim(part, "0123456789") != "" {
			return clock, false // only the seconds may have something after them
		}
		clock[i] = n
	}
	return clock, true
}

func monthOf(token string) (int, bool) {
	if len(token) < 3 {
		return 0, false
	}
	for i := 0; i < len(months); i += 3 {
		if strings.EqualFold(token[:3], months[i:i+3]) {
			return i/3 + 1, true
		}
	}
	return 0, false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
