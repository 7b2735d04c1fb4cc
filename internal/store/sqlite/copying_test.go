package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryTableIsCopiedOrLeftBehindOnPurpose(t *testing.T) {
	leftBehind := []string{"sessions", "session_secrets", "vaults", "unlinkings", "schema_version", "sqlite_sequence"}
	db := openDB(t, filepath.Join(t.TempDir(), "x.db"))
	tables, err := texts(t.Context(), db.reads, "SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil || len(tables) < 10 {
		t.Fatalf("%v, %v", tables, err)
	}
	for _, k := range kept {
		if !slices.Contains(tables, k.table) {
			t.Errorf("there is no table %s to copy", k.table)
		}
		leftBehind = append(leftBehind, k.table)
	}
	for _, table := range tables {
		if !slices.Contains(leftBehind, table) {
			t.Errorf("nobody has said whether table %s goes into backups", table)
		}
	}
}

func TestGentleCopyRestsForAsLongAsItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		c := &copying{o: CopyOptions{Gentle: true, Progress: func(int64, int64) { told++ }}, worked: time.Now()}
		for _, tc := range []struct{ work, rest time.Duration }{
			{time.Millisecond, 0}, {20 * time.Millisecond, 21 * time.Millisecond}, {time.Minute, maxRest},
		} {
			time.Sleep(tc.work)
			began := time.Now()
			if err := c.rest(t.Context()); err != nil {
				t.Fatal(err)
			}
			if rest := time.Since(began); rest != tc.rest {
				t.Errorf("after %v of work it rested %v, want %v", tc.work, rest, tc.rest)
			}
		}
		if told != 2 {
			t.Errorf("told %d times", told)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(time.Minute)
		began := time.Now()
		if err := c.rest(ctx); !errors.Is(err, context.Canceled) || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// Each case is what a process leaves that was killed between two steps of an exchange.
func TestExchangeIsFinishedFromWhereverItWasKilled(t *testing.T) {
	for name, undo := range map[string]func(path, aside string) error{
		"before it began": func(string, string) error { return nil },
		"after one link":  func(path, aside string) error { return os.Link(path, aside) },
		"after the links": func(path, aside string) error {
			return errors.Join(os.Link(path, aside), os.Link(path+"-wal", aside+"-wal"))
		},
		"after the old log went": func(path, aside string) error {
			return errors.Join(os.Link(path, aside), os.Link(path+"-wal", aside+"-wal"), os.Remove(path+"-wal"))
		},
	} {
		path := filepath.Join(t.TempDir(), "x.db")
		aside := path + asideSuffix + ".20261122T000000Z"
		for file, text := range map[string]string{path: "old", path + "-wal": "old log", path + "-shm": "x", path + restoredSuffix + ".20261122T000000Z": "new",
			path + restoringSuffix + ".from": "half", path + copyingSuffix + ".X": "half"} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := undo(path, aside); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := finishRestore(path); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		got := map[string]string{}
		files, _ := filepath.Glob(path + "*")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got[file] = string(text)
		}
		if len(got) != 3 || got[path] != "new" || got[aside] != "old" || got[aside+"-wal"] != "old log" {
			t.Errorf("%s: %v", name, got)
		}
	}
}
