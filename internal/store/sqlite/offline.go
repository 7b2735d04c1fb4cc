package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Offline is a database file that no gateway uses: its folder is locked until Close.
type Offline struct {
	path string
	lock dirLock
}

// OpenOffline locks the folder of the database at path, making it where it is missing,
// and finishes a restore that was cut short. The database need not exist. It returns
// *InUseError when another process holds the folder.
func OpenOffline(path string) (*Offline, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making data_dir: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	o := &Offline{path: path, lock: lock}
	err = Adopt(dir, lock.file.Name())
	if err == nil {
		err = finishRestore(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("taking %s: %w", dir, err), lock.Close())
	}
	return o, nil
}

// Path is that of the database file, absolute.
func (o *Offline) Path() string { return o.path }

// Exists tells whether there is a database, or what is left of one.
func (o *Offline) Exists() (bool, error) {
	for _, name := range []string{o.path, o.path + "-wal"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	return false, nil
}

// Copy is Copy of a database that is not open.
func (o *Offline) Copy(ctx context.Context, c CopyOptions) (Copied, error) {
	copied, err := copyFile(ctx, o.path, c)
	// Reading a log makes files that the gateway must be able to open.
	return copied, errors.Join(err, Adopt(filepath.Dir(o.path), o.path+"-wal", o.path+"-shm"))
}

// Close gives the folder back.
func (o *Offline) Close() error { return o.lock.Close() }

// Adopt gives files to the owner of dir when root made them: the gateway does not run as
// root, and could not open them. Files that are missing are passed over.
func Adopt(dir string, files ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	for _, file := range files {
		if err := os.Lchown(file, int(owner.Uid), int(owner.Gid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
