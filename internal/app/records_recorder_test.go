package app

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// verdict collects what was broken of one promise. Promises do not know *testing.T, so
// that a test can also run one that is expected to be broken.
type verdict struct {
	hasty  bool // as the scene
	mu     sync.Mutex
	broken []string
}

type stopped struct{}

// failf says that the promise was broken, and goes on.
func (v *verdict) failf(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken = append(v.broken, fmt.Sprintf(format, args...))
}

// stopf says that the promise was broken, and ends it: it is for the goroutine that the
// promise runs on.
func (v *verdict) stopf(format string, args ...any) {
	v.failf(format, args...)
	panic(stopped{})
}

// eventually waits for what takes its time: for the outbox, a refresh, a notice. within is
// for where it is expected not to come true; elsewhere a busy machine has more.
func (v *verdict) eventually(what string, within time.Duration, ok func() bool) {
	if !v.hasty {
		within = 2 * patience
	}
	for end := time.Now().Add(within); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			v.stopf("did not come true: %s", what)
		}
	}
}

// promise is what the gateway promises people at every kind of provider.
type promise struct {
	name string
	// applies tells whether the record has what the promise is about; nil: always.
	applies func(record.Record) bool
	holds   func(*verdict, *scene)
}

// kept runs a promise and returns what was broken of it.
func (p promise) kept(s *scene) (broken []string) {
	v := &verdict{hasty: s.hasty}
	func() {
		defer func() {
			switch r := recover(); r.(type) {
			case nil, stopped:
			default:
				v.failf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		p.holds(v, s)
	}()
	return v.broken
}

func (p promise) concerns(r record.Record) bool { return p.applies == nil || p.applies(r) }

// indented puts what was broken under the promise's name.
func indented(broken []string) string { return "  " + strings.Join(broken, "\n  ") }
