package httpx

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// socketFolder is shorter than t.TempDir, which can be longer than a socket's path may be.
func socketFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lsn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestASocketHasTheModeThatWasAskedFor(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o666} {
		dir := socketFolder(t)
		path := filepath.Join(dir, "s")
		l, err := ListenUnix(t.Context(), path, mode)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != fs.ModeSocket|mode {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if _, err := ListenUnix(t.Context(), path, mode); !errors.Is(err, ErrInUse) {
			t.Errorf("a second process: %v", err)
		}
		if l.Addr().String() != path {
			t.Errorf("address %v", l.Addr())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Error("the socket stays behind")
		}
	}
}

func TestASocketLeftBehindIsReplacedAndNothingElse(t *testing.T) {
	dir := socketFolder(t)
	path := filepath.Join(dir, "s")
	dead, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = dead.Close()
	l, err := ListenUnix(context.Background(), path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenUnix(t.Context(), path, 0o600); err == nil {
		t.Error("a file was replaced")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "data" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if _, err := ListenUnix(t.Context(), filepath.Join(dir, "no", "s"), 0o600); err == nil {
		t.Error("a folder that is none")
	}
}
