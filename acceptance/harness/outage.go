package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// SQLite in WAL mode takes its POSIX locks on bytes 120 to 127 of the shared
// memory file: one writer, checkpointer and recoverer, and five readers.
const (
	walLockFirst = 120
	walLockCount = 8
)

// StoreOutage makes every read and write of Cardea's database wait: this process
// takes SQLite's own locks for itself. The returned function ends the outage.
func (c *Cardea) StoreOutage(t testing.TB) (end func()) {
	t.Helper()
	path := filepath.Join(c.DataDir, "cardea.db-shm")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("the store cannot be held: %v", err)
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: walLockFirst, Len: walLockCount}
	if err := retryInterrupted(func() error { return syscall.FcntlFlock(file.Fd(), syscall.F_SETLKW, &lock) }); err != nil {
		t.Fatal(fmt.Errorf("locking the store: %w", err))
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			_ = file.Close() // closing gives the locks back
		}
	}
	t.Cleanup(end)
	return end
}

func retryInterrupted(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
