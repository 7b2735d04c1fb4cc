package trail

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is the file that is exported to: what is written is appended.
type File interface {
	io.ReaderAt
	io.Writer
	io.Closer
	Truncate(size int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
}

// openFile opens the file, or makes it for the gateway's own user alone.
func openFile(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// replaced tells whether a name leads elsewhere than to the file that is open.
func replaced(name string, open fs.FileInfo) bool {
	there, err := os.Stat(name)
	return err != nil || !os.SameFile(there, open)
}

// maxRotated is how many rotated files are looked through.
const maxRotated = 16

// rotated lists files beside name that may be what name was before, the latest first:
// those that begin like it, as audit.jsonl.1, audit.jsonl-20261122 and
// audit-20261122.jsonl do.
func rotated(name string) []string {
	folder, base := filepath.Split(name)
	entries, err := os.ReadDir(filepath.Clean(folder))
	if err != nil {
		return nil
	}
	type found struct {
		path string
		at   int64
	}
	var list []found
	for _, e := range entries {
		if e.Name() == base || !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), strings.TrimSuffix(base, filepath.Ext(base))) {
			continue
		}
		if info, err := e.Info(); err == nil {
			list = append(list, found{filepath.Join(folder, e.Name()), info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(list, func(a, b found) int { return cmp.Compare(b.at, a.at) })
	var paths []string
	for _, f := range list[:min(len(list), maxRotated)] {
		paths = append(paths, f.path)
	}
	return paths
}

// place is an event that was exported.
type place struct {
	Seq int64  `json:"seq"`
	ID  string `json:"id"`
}

// keepNote writes how far the export is. It is of use only until the file has a line.
func keepNote(name string, p place) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("noting how far the export is: %w", err)
	}
	if err := os.WriteFile(name+".part", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("noting how far the export is: %w", err)
	}
	if err := os.Rename(name+".part", name); err != nil {
		return fmt.Errorf("noting how far the export is: %w", err)
	}
	return nil
}

// readNote returns what keepNote wrote; one that is missing or damaged says nothing.
func readNote(name string) place {
	var p place
	text, err := os.ReadFile(name)
	if err != nil || json.Unmarshal(text, &p) != nil {
		return place{}
	}
	return p
}
