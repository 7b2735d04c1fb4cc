package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/cardea-auth/cardea/internal/config"
)

// What access(2) asks for.
const (
	mayWrite  = 2
	mayCreate = 2 | 1 // in a folder
)

// auditFileTrouble says what keeps this user from writing audit.file; "" for nothing. The
// gateway starts all the same: nothing is lost while the file cannot be written.
func auditFileTrouble(a config.Audit) string {
	if a.File == "" {
		return ""
	}
	folder := filepath.Dir(a.File)
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("audit.file: the folder %s does not exist, and the gateway makes none: make the folder: mkdir -p %s, as the gateway's user or with chown", folder, quoted(folder))
	case err != nil:
		return fmt.Sprintf("audit.file: %v", err)
	case !info.IsDir():
		return fmt.Sprintf("audit.file: %s is no folder", folder)
	}
	path, what, mode := a.File, a.File, uint32(mayWrite)
	if info, err := os.Stat(a.File); errors.Is(err, fs.ErrNotExist) {
		path, what, mode = folder, "the folder "+folder, mayCreate
	} else if err == nil && !info.Mode().IsRegular() {
		return fmt.Sprintf("audit.file: %s is no plain file: name another", a.File)
	}
	if err := syscall.Access(path, mode); err != nil {
		return fmt.Sprintf("audit.file: %s cannot be written by this user (uid %d): %v", what, os.Getuid(), err)
	}
	return ""
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	for _, r := range path {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '/' && r != '.' && r != '-' && r != '_' {
			return strconv.Quote(path)
		}
	}
	return path
}
