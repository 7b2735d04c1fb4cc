package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// InUseError says that another process holds the data folder.
type InUseError struct {
	Dir string
	PID int // 0 when the holder did not leave its number
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("data_dir %s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("data_dir %s is in use by process %d", e.Dir, e.PID)
}

// dirLock is a data folder taken.
type dirLock struct{ file *os.File }

// Close gives the folder back, whoever else holds the file open: a child between fork and
// exec has it too, and would hold the folder for as long as that takes.
func (l dirLock) Close() error {
	err := syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN)
	return errors.Join(err, l.file.Close())
}

// lockDir takes the data folder for this process. The kernel gives it back when the
// process ends, however it ends; the file stays.
func lockDir(dir string) (dirLock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return dirLock{}, fmt.Errorf("opening the lock of data_dir: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return dirLock{}, fmt.Errorf("locking %s: %w", path, err)
		}
		text, _ := os.ReadFile(path)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return dirLock{}, &InUseError{Dir: dir, PID: pid}
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return dirLock{}, fmt.Errorf("writing %s: %w", path, err)
	}
	return dirLock{f}, nil
}
