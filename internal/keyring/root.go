package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RootSize is the size of a root key in bytes.
const RootSize = 32

// LoadRoot reads the root key file at path, or makes it (and says so) when there is
// none: 32 random bytes, mode 0600, on disk before LoadRoot returns. A file that holds
// the key as base64 text is read as well. A file that others on this machine can read
// is refused.
func LoadRoot(path string) (root []byte, created bool, err error) {
	root, err = ReadRoot(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, false, err
	}
	var fresh [RootSize]byte
	_, _ = rand.Read(fresh[:])
	if err := placeRoot(path, fresh[:]); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			return nil, false, fmt.Errorf("making root key file %s: %w", path, err)
		}
		// Another process made it first; its key is the one that counts.
		root, err = ReadRoot(path)
		return root, false, err
	}
	root, err = ReadRoot(path)
	return root, err == nil, err
}

// ParseRoot reads a root key from base64 text (either alphabet, padded or not), as it
// comes from an environment variable.
func ParseRoot(text string) ([]byte, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := enc.Strict().DecodeString(text); err == nil && len(b) == RootSize {
			return b, nil
		}
	}
	return nil, fmt.Errorf("root key must be %d random bytes in base64 (make one with: head -c %d /dev/urandom | base64)", RootSize, RootSize)
}

// ReadRoot reads the root key file at path; the error wraps fs.ErrNotExist when there is
// none.
func ReadRoot(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading root key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("root key file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("root key file %s can be read by others (mode %04o): run chmod 600 on it, and if it may have been read, start with a new store", path, mode)
	}
	if info.Size() > 1024 {
		return nil, fmt.Errorf("root key file %s is too large to be a root key (%d bytes)", path, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading root key file: %w", err)
	}
	if len(b) == RootSize {
		return b, nil
	}
	root, err := ParseRoot(string(b))
	if err != nil {
		return nil, fmt.Errorf("root key file %s: %w", path, err)
	}
	return root, nil
}

// PlaceRoot makes the root key file at path from a key that was kept elsewhere, as
// LoadRoot makes a new one. It never replaces a file that is there: the error then wraps
// fs.ErrExist.
func PlaceRoot(path string, root []byte) error {
	if len(root) != RootSize {
		return fmt.Errorf("root key has %d bytes, not %d", len(root), RootSize)
	}
	if err := placeRoot(path, root); err != nil {
		return fmt.Errorf("making root key file %s: %w", path, err)
	}
	return nil
}

// placeRoot writes the key beside path and links it into place: the file appears whole
// or not at all.
func placeRoot(path string, root []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".root-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(root)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Link(tmp.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
