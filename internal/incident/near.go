package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/strict"
)

// UnknownError says that nothing is kept under an id, and why that may be. It is an
// ErrUnknown.
type UnknownError struct {
	ID      string
	Near    []Head // ids that are much like it, the likest first
	Dropped uint64 // how many were not kept since Since because too many came at once
	Since   time.Time
}

// Is makes an UnknownError an ErrUnknown.
func (e *UnknownError) Is(target error) bool { return target == ErrUnknown }

func (e *UnknownError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "nothing is kept under %q. It may be", e.ID)
	if len(e.Near) > 0 {
		b.WriteString("\n  - mistyped; near it there is")
		for _, h := range e.Near {
			fmt.Fprintf(&b, "\n      %s  %s  %s", h.ID, h.At.Local().Format(time.DateTime), h.Kind)
		}
	} else {
		b.WriteString("\n  - mistyped, and nothing is near it: an id has 16 letters and digits, such as 3kq7zt5w2m4hxcya")
	}
	fmt.Fprintf(&b, "\n  - older than what is kept: %d days, and %d incidents at the most", int(KeepFor/(24*time.Hour)), MaxKept)
	b.WriteString("\n  - another gateway's: its address stands at the foot of the page")
	if e.Dropped > 0 {
		fmt.Fprintf(&b, "\n  - one of %d that could not be kept since %s, because too much was refused at once", e.Dropped, e.Since.Local().Format(time.DateTime))
	}
	b.WriteString("\nThe log has a line with incident=" + e.ID + " if it was this gateway's.")
	return b.String()
}

const (
	maxID   = 64
	maxFar  = 2 // characters in which a near id may differ
	maxNear = 3
	prefix  = 5 // from here on the beginning of an id is near it
)

// Normal is an id as it is kept, whatever happened to it when people copied it.
func Normal(id string) string { return normal(id) }

// normal undoes what happens to an id on the way: capitals, blanks, dashes, and digits
// that no id has.
func normal(id string) string {
	id = strings.Map(func(r rune) rune {
		switch {
		case r == '0':
			return 'o'
		case r == '1':
			return 'l'
		case r == '8':
			return 'b'
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '2' && r <= '9':
			return r
		}
		return -1
	}, id)
	return id[:min(len(id), maxID)]
}

// near returns the ids that are likest to one that is not known.
func near(id string, heads []Head) []Head {
	type found struct {
		Head
		far int
	}
	var list []found
	seen := map[string]bool{}
	for _, h := range heads {
		if seen[h.ID] {
			continue
		}
		seen[h.ID] = true
		far := strict.Distance(id, h.ID, maxFar)
		if far > maxFar && len(id) >= prefix && strings.HasPrefix(h.ID, id) {
			far = maxFar
		}
		if far <= maxFar {
			list = append(list, found{h, far})
		}
	}
	slices.SortStableFunc(list, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.far, b.far), b.At.Compare(a.At))
	})
	out := make([]Head, 0, maxNear)
	for _, f := range list[:min(len(list), maxNear)] {
		out = append(out, f.Head)
	}
	return out
}
