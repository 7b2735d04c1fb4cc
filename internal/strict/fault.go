package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong in a document.
type Fault struct {
	// Line and Column count from 1; both are 0 where no position is known.
	Line, Column int
	// Path names the value, such as "apps[0].session.idle".
	Path string
	// Message says what is wrong. It never repeats a secret.
	Message string
	// Fix says what to write instead.
	Fix string
}

// String gives the fault on one line, without the file's name.
func (f Fault) String() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", f.Line, f.Column)
	}
	if f.Path != "" {
		b.WriteString(f.Path)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Fix != "" {
		b.WriteString("; ")
		b.WriteString(f.Fix)
	}
	return b.String()
}

// Sort orders faults as they stand in the document.
func Sort(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Problem is an error that brings its own remedy. An UnmarshalText method
// returns it so that the fault can say what to write instead.
type Problem struct {
	Message, Fix string
}

// Error gives message and remedy on one line.
func (p *Problem) Error() string {
	if p.Fix == "" {
		return p.Message
	}
	return p.Message + "; " + p.Fix
}

// Position is a place in a document, counted from 1.
type Position struct {
	Line, Column int
}

// Positions remembers where each value stood. Keys are paths.
type Positions map[string]Position

// Has reports whether the document itself states the value at path.
func (p Positions) Has(path string) bool {
	_, ok := p[path]
	return ok
}

// At gives the position of path, or of the nearest value around it that the
// document states, so that a missing key points at the mapping it belongs in.
func (p Positions) At(path string) Position {
	for {
		if pos, ok := p[path]; ok {
			return pos
		}
		if path == "" {
			return Position{Line: 1, Column: 1}
		}
		path = parent(path)
	}
}

func parent(path string) string {
	cut := strings.LastIndexAny(path, ".[")
	if cut < 0 {
		return ""
	}
	return path[:cut]
}

// Key extends path by a mapping key.
func Key(path, key string) string {
	if !plainKey(key) {
		return fmt.Sprintf("%s[%s]", path, Quote(key))
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// Index extends path by a list index.
func Index(path string, i int) string {
	return fmt.Sprintf("%s[%d]", path, i)
}

func plainKey(key string) bool {
	if key == "" || len(key) > maxQuoted {
		return false
	}
	for _, r := range key {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		default:
			return false
		}
	}
	return true
}

const maxQuoted = 80

// Quote makes a value fit for a message: quoted, control characters escaped,
// and bounded in length.
func Quote(s string) string {
	if len(s) > maxQuoted {
		s = strings.ToValidUTF8(s[:maxQuoted], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
