package app

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// atOnce is how many kinds are tried at the same time: most of it is waiting.
const atOnce = 12

// tried is what became of one promise at one kind.
type tried struct {
	promise string
	broken  []string
}

// Every record is tried against a provider that behaves as it says: the gateway whole,
// in process, its configuration read by the real loader.
func TestEveryKindOfProviderKeepsThePromises(t *testing.T) {
	h := newTheatre(t)
	began := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	free := make(chan struct{}, atOnce)
	results := map[string][]tried{}
	for _, kind := range record.Kinds() {
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			outcome := h.tryKind(t, kind)
			mu.Lock()
			defer mu.Unlock()
			results[kind] = outcome
		})
	}
	all.Wait()
	t.Logf("%d kinds took %v", len(results), time.Since(began).Round(time.Second))
	for _, kind := range record.Kinds() {
		t.Run(kind, func(t *testing.T) {
			for _, r := range results[kind] {
				t.Run(r.promise, func(t *testing.T) {
					if len(r.broken) > 0 {
						t.Errorf("broken:\n%s", indented(r.broken))
					}
				})
			}
		})
	}
}

// tryKind tries every promise at one kind: the first alone, then all but the last at
// once, then that.
func (h *theatre) tryKind(t *testing.T, kind string) []tried {
	const starts = "the gateway starts with the record"
	s, err := h.open(t.Context(), kind)
	if err != nil {
		return []tried{{starts, []string{fmt.Sprintf("the provider: %v", err)}}}
	}
	defer s.fake.Close()
	c, err := s.play("cardea", s.rec)
	if err != nil {
		return []tried{{starts, []string{err.Error()}}}
	}
	list := promises()
	out := make([]tried, len(list))
	try := func(i int) {
		if out[i].promise = list[i].name; list[i].concerns(s.rec) {
			out[i].broken = list[i].kept(c)
		}
	}
	last := len(list) - 1
	try(0)
	var all sync.WaitGroup
	for i := 1; i < last; i++ {
		all.Go(func() { try(i) })
	}
	all.Wait()
	try(last)
	if err := c.close(); err != nil {
		out[last].broken = append(out[last].broken, fmt.Sprintf("stopping the gateway: %v", err))
	}
	var concerned []tried
	for i, r := range out {
		if list[i].concerns(s.rec) {
			concerned = append(concerned, r)
		}
	}
	return concerned
}
