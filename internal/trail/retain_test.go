package trail

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/audit"
)

func TestEventsAreKeptAsLongAsIsSaidAndTheSweepTells(t *testing.T) {
	s := newScene(t)
	s.o.File, s.o.Keep = "", 48*time.Hour
	synctest.Test(t, func(t *testing.T) {
		s.add(t, retainBatch+30)
		time.Sleep(24 * time.Hour)
		s.add(t, 5)
		_, stop := s.start(t)
		time.Sleep(23 * time.Hour)
		if n := len(s.list()); n != retainBatch+35 {
			t.Fatalf("%d events are left before any is due", n)
		}
		time.Sleep(8 * time.Hour)
		synctest.Wait()
		list := s.list()
		if len(list) != 6 || list[0].Seq != retainBatch+31 {
			t.Fatalf("%+v", list)
		}
		told := list[5]
		if told.Type != audit.AuditSwept || told.Actor != audit.ActorGateway {
			t.Errorf("%+v", told)
		}
		delete(told.Detail, "older_than")
		if diff := cmp.Diff(map[string]string{"count": "530", "first": "1", "last": "530"}, told.Detail); diff != "" {
			t.Error(diff)
		}
		time.Sleep(12 * time.Hour)
		if n := len(s.list()); n != 6 {
			t.Errorf("a sweep that found nothing left an event: %d", n)
		}
		stop()
	})
}

func TestNothingIsRemovedThatIsNotInTheFile(t *testing.T) {
	s := newScene(t)
	var mu sync.Mutex
	broken := errors.New("no such folder")
	s.o.Open = func(name string) (File, error) {
		mu.Lock()
		defer mu.Unlock()
		if broken != nil {
			return nil, broken
		}
		return openFile(name)
	}
	synctest.Test(t, func(t *testing.T) {
		s.add(t, 20)
		_, stop := s.start(t)
		time.Sleep(40 * time.Hour)
		if n := len(s.list()); n != 20 {
			t.Fatalf("%d of 20 events are left, and none is in the file", n)
		}
		mu.Lock()
		broken = nil
		mu.Unlock()
		time.Sleep(3 * time.Hour) // the next sweep is in two
		synctest.Wait()
		if list := s.list(); len(list) != 1 || list[0].Type != audit.AuditSwept {
			t.Errorf("%+v", list)
		}
		stop()
	})
	if n := len(inFiles(t, s.file)); n != 21 {
		t.Errorf("%d lines", n)
	}
}

func TestASweepThatFailsIsTriedAgain(t *testing.T) {
	s := newScene(t)
	s.o.File = ""
	synctest.Test(t, func(t *testing.T) {
		s.add(t, 3)
		_, stop := s.start(t)
		s.fail(errDown)
		time.Sleep(30 * time.Hour)
		if n := strings.Count(s.log.String(), "could not be removed"); n < 2 {
			t.Errorf("told %d times", n)
		}
		s.fail(nil)
		time.Sleep(7 * time.Hour)
		synctest.Wait()
		if n := len(s.list()); n != 1 {
			t.Errorf("%d events are left", n)
		}
		stop()
	})
}

func TestWhoWaitsHearsOfTheNextEventAndAThousandCostAsOne(t *testing.T) {
	s := newScene(t)
	s.o.File = ""
	synctest.Test(t, func(t *testing.T) {
		tr, stop := s.start(t)
		time.Sleep(50 * time.Second)
		s.mu.Lock()
		if s.looks != 0 {
			t.Errorf("the store was asked %d times for nobody", s.looks)
		}
		s.mu.Unlock()
		var waiting sync.WaitGroup
		begin := time.Now()
		for range 1000 {
			waiting.Go(func() {
				if err := tr.Wait(t.Context(), 0); err != nil || time.Since(begin) > 11*time.Second {
					t.Errorf("%v after %v", err, time.Since(begin))
				}
			})
		}
		time.Sleep(10 * time.Second)
		s.mu.Lock()
		if s.looks > 45 {
			t.Errorf("the store was asked %d times in ten seconds", s.looks)
		}
		s.mu.Unlock()
		s.add(t, 1)
		waiting.Wait()
		if err := tr.Wait(t.Context(), 0); err != nil {
			t.Errorf("an event that was there before: %v", err)
		}
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := tr.Wait(brief, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing came: %v", err)
		}
		waiting.Go(func() {
			if err := tr.Wait(t.Context(), 1); !errors.Is(err, ErrStopped) {
				t.Errorf("at a stop: %v", err)
			}
		})
		time.Sleep(time.Second)
		tr.Stop()
		waiting.Wait()
		stop()
	})
}

func TestATrailNeedsItsParts(t *testing.T) {
	good := newScene(t).o
	for name, change := range map[string]func(*Options){
		"store": func(o *Options) { o.Store = nil }, "logger": func(o *Options) { o.Logger = nil }, "now": func(o *Options) { o.Now = nil },
		"an hour": func(o *Options) { o.Keep = time.Hour }, "a file without a note": func(o *Options) { o.Note = "" },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}
