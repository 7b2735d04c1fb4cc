package trail

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryEventIsInTheFileOnceAndInOrder(t *testing.T) {
	s := newScene(t)
	synctest.Test(t, func(t *testing.T) {
		s.add(t, 3)
		tr, stop := s.start(t)
		until(t, "the first events are written", reached(tr, 3))
		s.add(t, exportBatch+20)
		until(t, "more events are written", reached(tr, exportBatch+23))
		s.add(t, 1)
		stop() // what was recorded by now is written
		exactly(t, inFiles(t, s.file), s.list())
		if info, err := os.Stat(s.file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		s.add(t, 2)
		tr, stop = s.start(t)
		until(t, "a new start goes on", reached(tr, int64(len(s.list()))))
		stop()
		exactly(t, inFiles(t, s.file), s.list())
	})
}

func TestALineThatACrashCutShortIsWrittenAnew(t *testing.T) {
	for name, keep := range map[string]float64{"within the first line": 0.1, "within the last line": 0.95} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			synctest.Test(t, func(t *testing.T) {
				s.add(t, 5)
				tr, stop := s.start(t)
				until(t, "events are written", reached(tr, 5))
				stop()
				info, err := os.Stat(s.file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Truncate(s.file, int64(float64(info.Size())*keep)); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(s.o.Note); err != nil {
					t.Fatal(err)
				}
				tr, stop = s.start(t)
				until(t, "events are written again", reached(tr, 5))
				stop()
				exactly(t, inFiles(t, s.file), s.list())
				if !strings.Contains(s.log.String(), "ended within a line") {
					t.Error(s.log)
				}
			})
		})
	}
}

func TestAFileThatIsMovedAwayIsFollowedByANewOne(t *testing.T) {
	for name, create := range map[string]bool{"create": true, "nocreate": false} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			synctest.Test(t, func(t *testing.T) {
				tr, stop := s.start(t)
				var files []string
				for round := range 5 {
					s.add(t, 7)
					until(t, "events are written", reached(tr, int64(7*(round+1))))
					old := s.file + "." + string(rune('5'-round))
					if err := os.Rename(s.file, old); err != nil {
						t.Fatal(err)
					}
					if create {
						if err := os.WriteFile(s.file, nil, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					files = append(files, old)
				}
				s.add(t, 1)
				until(t, "the last event is written", reached(tr, 36))
				stop()
				exactly(t, inFiles(t, append(files, s.file)...), s.list())
			})
		})
	}
}

// The worst moment: rotated, and killed before that was noticed. Nothing is in memory then.
func TestARotationThatNobodySawRepeatsNothing(t *testing.T) {
	for name, lose := range map[string]func(s *scene) error{
		"the rotated file tells": func(s *scene) error { return os.Remove(s.o.Note) },
		"the note tells": func(s *scene) error {
			return os.Rename(s.file+"-20261122", filepath.Join(filepath.Dir(s.o.Note), "elsewhere"))
		},
		"a note that is behind": func(s *scene) error { return keepNote(s.o.Note, place{1, s.list()[0].ID}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			synctest.Test(t, func(t *testing.T) {
				s.add(t, 5)
				tr, stop := s.start(t)
				until(t, "events are written", reached(tr, 5))
				stop()
				if err := os.Rename(s.file, s.file+"-20261122"); err != nil {
					t.Fatal(err)
				}
				if err := lose(s); err != nil {
					t.Fatal(err)
				}
				s.add(t, 2)
				tr, stop = s.start(t)
				until(t, "a new start goes on", reached(tr, 7))
				stop()
				exactly(t, inFiles(t, s.file), s.list()[5:])
			})
		})
	}
}

func TestAFileThatIsCutShortIsTold(t *testing.T) {
	s := newScene(t)
	synctest.Test(t, func(t *testing.T) {
		s.add(t, 5)
		tr, stop := s.start(t)
		until(t, "events are written", reached(tr, 5))
		if err := os.Truncate(s.file, 0); err != nil {
			t.Fatal(err)
		}
		s.add(t, 2)
		until(t, "more events are written", reached(tr, 7))
		stop()
		exactly(t, inFiles(t, s.file), s.list()[5:])
		if !strings.Contains(s.log.String(), "copytruncate") {
			t.Error(s.log)
		}
	})
}

func TestAfterARestoreTheFileGoesOnWhereTheStoreDoes(t *testing.T) {
	s := newScene(t)
	synctest.Test(t, func(t *testing.T) {
		s.add(t, 10)
		tr, stop := s.start(t)
		until(t, "events are written", reached(tr, 10))
		stop()
		before := s.list()
		s.restore(6)
		s.add(t, 8) // 7 to 14, which are others than 7 to 10 were
		tr, stop = s.start(t)
		until(t, "a new start goes on", reached(tr, 14))
		stop()
		exactly(t, inFiles(t, s.file), append(before, s.list()[6:]...))
	})
}

func TestAFileOfSomethingElseIsLeftAlone(t *testing.T) {
	other := newScene(t)
	synctest.Test(t, func(t *testing.T) {
		other.add(t, 3)
		tr, stop := other.start(t)
		until(t, "another gateway's file is written", reached(tr, 3))
		stop()
	})
	theirs, err := os.ReadFile(other.file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"another gateway's trail": string(theirs), "prose": "root:x:0:0\n", "prose without an end": "hello"} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			synctest.Test(t, func(t *testing.T) {
				s.add(t, 5)
				if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				tr, stop := s.start(t)
				until(t, "the failure is known", tr.Failing)
				time.Sleep(1200 * time.Millisecond) // it is tried again
				synctest.Wait()
				if got, err := os.ReadFile(s.file); err != nil || string(got) != text || !tr.Failing() {
					t.Errorf("it became %q, %v", got, err)
				}
				if err := os.Rename(s.file, filepath.Join(filepath.Dir(s.file), "theirs")); err != nil {
					t.Fatal(err)
				}
				until(t, "a file of its own is written", reached(tr, 5))
				stop()
				exactly(t, inFiles(t, s.file), s.list())
				if !strings.Contains(s.log.String(), "move the file away") {
					t.Error(s.log)
				}
			})
		})
	}
}

// narrow is a file on a disk that takes no more than room bytes.
type narrow struct {
	File
	mu   *sync.Mutex
	room *int
}

func (n narrow) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(p) <= *n.room {
		*n.room -= len(p)
		return n.File.Write(p)
	}
	some, err := n.File.Write(p[:*n.room])
	*n.room = 0
	if err == nil {
		err = syscall.ENOSPC
	}
	return some, err
}

func TestADiskThatIsFullIsCaughtUpWithWhenItHasRoom(t *testing.T) {
	s := newScene(t)
	synctest.Test(t, func(t *testing.T) {
		s.add(t, 20)
		var mu sync.Mutex
		room := 1000 // a few lines, and a part of one
		s.o.Open = func(name string) (File, error) {
			f, err := openFile(name)
			return narrow{f, &mu, &room}, err
		}
		tr, stop := s.start(t)
		until(t, "the failure is known", tr.Failing)
		if n := strings.Count(s.log.String(), "nothing is lost"); n != 1 {
			t.Errorf("told %d times: %s", n, s.log)
		}
		s.add(t, 5)
		mu.Lock()
		room = 1 << 20
		mu.Unlock()
		until(t, "all is written", reached(tr, 25))
		stop()
		exactly(t, inFiles(t, s.file), s.list())
		if !strings.Contains(s.log.String(), "written to its file again") || tr.Failing() {
			t.Error(s.log)
		}
	})
}

// stopping ends the gateway in the middle of a write.
type stopping struct {
	File
	stop func()
}

func (f stopping) Write(p []byte) (int, error) {
	f.stop()
	return f.File.Write(p)
}

func TestAGatewayThatStopsAsTheDiskHasRoomAgainWritesAll(t *testing.T) {
	s := newScene(t)
	synctest.Test(t, func(t *testing.T) {
		s.add(t, 3)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		full := true
		s.o.Open = func(name string) (File, error) {
			if full {
				full = false
				return nil, syscall.ENOSPC
			}
			f, err := openFile(name)
			return stopping{f, sync.OnceFunc(func() {
				cancel()
				s.add(t, 2) // of a request that is still under way
			})}, err
		}
		tr, err := New(s.o)
		if err != nil {
			t.Fatal(err)
		}
		tr.Run(ctx)
		exactly(t, inFiles(t, s.file), s.list())
		if !strings.Contains(s.log.String(), "written to its file again") {
			t.Error(s.log)
		}
	})
}

func TestAFileThatCannotBeWrittenIsToldEveryFiveMinutes(t *testing.T) {
	s := newScene(t)
	s.add(t, 1)
	s.o.Open = func(string) (File, error) { return nil, errors.New("permission denied") }
	synctest.Test(t, func(t *testing.T) {
		tr, stop := s.start(t)
		time.Sleep(21 * time.Minute)
		stop()
		if n := strings.Count(s.log.String(), "nothing is lost"); n != 5 || !strings.Contains(s.log.String(), "make room on its disk") {
			t.Errorf("told %d times: %s", n, s.log)
		}
		if seq, on := tr.Exported(); seq != 0 || !on || !tr.Failing() {
			t.Errorf("%d, %v", seq, on)
		}
	})
}

func TestAFolderThatIsMissingIsToldWithHowToMakeIt(t *testing.T) {
	s := newScene(t)
	s.add(t, 1)
	s.o.File = filepath.Join(t.TempDir(), "log", "audit.jsonl")
	synctest.Test(t, func(t *testing.T) {
		_, stop := s.start(t)
		time.Sleep(time.Minute)
		stop()
	})
	if want := "make the folder: mkdir -p " + filepath.Dir(s.o.File); !strings.Contains(s.log.String(), want) {
		t.Errorf("no %q in %s", want, s.log)
	}
}

func TestAStoreThatIsSilentIsNoFaultOfTheFile(t *testing.T) {
	s := newScene(t)
	s.add(t, 1)
	s.fail(errDown)
	synctest.Test(t, func(t *testing.T) {
		tr, stop := s.start(t)
		time.Sleep(10 * time.Minute)
		if tr.Failing() || strings.Contains(s.log.String(), "ERROR") {
			t.Error(s.log)
		}
		s.fail(nil)
		time.Sleep(3 * time.Second)
		if seq, _ := tr.Exported(); seq != 1 {
			t.Errorf("written up to %d", seq)
		}
		stop()
	})
}

func TestAnotherFileIsTakenUpWhileRunning(t *testing.T) {
	s := newScene(t)
	synctest.Test(t, func(t *testing.T) {
		s.add(t, 3)
		tr, stop := s.start(t)
		until(t, "events are written", reached(tr, 3))
		next := filepath.Join(filepath.Dir(s.file), "next")
		tr.Configure(MinKeep, next)
		s.add(t, 1)
		until(t, "the other file is written", func() bool { _, err := os.Stat(next); seq, _ := tr.Exported(); return err == nil && seq == 4 })
		tr.Configure(MinKeep, "")
		until(t, "no file is written", func() bool { _, on := tr.Exported(); return !on })
		stop()
		exactly(t, inFiles(t, s.file, next), s.list())
	})
}

func TestPlacesThatNoEventHasCostNothing(t *testing.T) {
	s := newScene(t)
	s.add(t, 2)
	s.mu.Lock()
	s.last = 9
	s.mu.Unlock()
	synctest.Test(t, func(t *testing.T) {
		tr, stop := s.start(t)
		time.Sleep(time.Minute)
		if seq, _ := tr.Exported(); seq != 9 {
			t.Errorf("written up to %d of 9", seq)
		}
		s.mu.Lock()
		looks := s.looks
		s.mu.Unlock()
		if looks > 400 {
			t.Errorf("the store was asked %d times in a minute", looks)
		}
		stop()
	})
	exactly(t, inFiles(t, s.file), s.list())
}

var _ io.Writer = narrow{}
