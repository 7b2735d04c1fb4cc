package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

func TestBulkSessionsAreSessionsAsAnyOther(t *testing.T) {
	st := sqlitetest.Bulk(t, 50)
	for i := range 50 {
		s, seat, err := st.BySeat(t.Context(), sqlitetest.SeatHash(i))
		if err != nil || s.Handle != fmt.Sprintf("person%07d", i) || s.Grant.Tokens.AccessToken == "" || seat.Origin == "" {
			t.Fatalf("session %d: %+v, %v", i, s, err)
		}
		if _, err := st.UpdateSession(t.Context(), time.Now(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkBySeat reads random seats: the store's part of a check that no cache answers.
func BenchmarkBySeat(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
			st := sqlitetest.Bulk(b, n)
			for range 20_000 { // warm: what a running gateway finds in memory
				if _, _, err := st.BySeat(b.Context(), sqlitetest.SeatHash(rand.IntN(n))); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := st.BySeat(b.Context(), sqlitetest.SeatHash(rand.IntN(n))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTouch(b *testing.B) {
	const n = 1000
	st := sqlitetest.Bulk(b, n)
	list, err := st.List(b.Context(), session.Filter{Limit: n})
	if err != nil {
		b.Fatal(err)
	}
	touches := make([]session.Touch, n)
	at := time.Now()
	for b.Loop() {
		at = at.Add(time.Second)
		for i, s := range list {
			touches[i] = session.Touch{ID: s.ID, SeenAt: at}
		}
		if err := st.Touch(b.Context(), touches); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/touch")
}

// BenchmarkOpenSession is durable sign-ins, alone and 64 at once.
func BenchmarkOpenSession(b *testing.B) {
	for _, parallel := range []int{1, 64} {
		b.Run(fmt.Sprintf("parallel=%d", parallel), func(b *testing.B) {
			st := sqlitetest.Open(b)
			slots := make(chan struct{}, parallel)
			for b.Loop() {
				slots <- struct{}{}
				go func() {
					s, seat := secretSession(string(session.NewID()))
					if err := st.OpenSession(b.Context(), s.CreatedAt, s, seat, ""); err != nil {
						b.Error(err)
					}
					<-slots
				}()
			}
			for range parallel {
				slots <- struct{}{}
			}
		})
	}
}

// BenchmarkEnd is durable sign-outs, alone and 64 at once.
func BenchmarkEnd(b *testing.B) {
	for _, parallel := range []int{1, 64} {
		b.Run(fmt.Sprintf("parallel=%d", parallel), func(b *testing.B) {
			const n = 20_000
			st := sqlitetest.Bulk(b, n)
			list, err := st.List(b.Context(), session.Filter{Limit: n})
			if err != nil {
				b.Fatal(err)
			}
			at := time.Now()
			slots := make(chan struct{}, parallel)
			for i := 0; b.Loop() && i < n; i++ {
				slots <- struct{}{}
				go func() {
					if _, err := st.End(b.Context(), at, ending(list[i].ID)); err != nil {
						b.Error(err)
					}
					<-slots
				}()
			}
			for range parallel {
				slots <- struct{}{}
			}
		})
	}
}

func BenchmarkOpenStore(b *testing.B) {
	for b.Loop() {
		sqlitetest.Open(b)
	}
}
