package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var content = []byte(strings.Repeat("the database ", 500))

func TestBackupComesBackAsItWent(t *testing.T) {
	for _, withKey := range []bool{false, true} {
		f, err := opened(t, made(t, withKey, content))
		if err != nil {
			t.Fatal(err)
		}
		m := f.Manifest
		if m.Format != Format || m.Cardea != "v1" || m.Schema != 3 || !m.MadeAt.Equal(madeAt) || m.Counts["accounts"] != 2 || m.RootKey != withKey {
			t.Errorf("%+v", m)
		}
		if err := f.Authentic(t.Context(), rootOf(7), madeAt); err != nil {
			t.Error(err)
		}
		for range 2 { // it may be read again
			var b bytes.Buffer
			if err := f.Database(t.Context(), &b); err != nil || !bytes.Equal(b.Bytes(), content) {
				t.Errorf("%d bytes, %v", b.Len(), err)
			}
		}
		if got := f.Root(); withKey != bytes.Equal(got, rootOf(7)) || !withKey && got != nil {
			t.Errorf("root key of a backup with the key %v: %d bytes", withKey, len(got))
		}
	}
}

func TestRootKeyIsInABackupOnlyWhereAskedFor(t *testing.T) {
	for _, text := range [][]byte{rootOf(7), []byte("BwcHBwcH")} { // as it is, and in base64
		if bytes.Contains(made(t, false, content), text) {
			t.Error("the root key is in it")
		}
	}
	if !bytes.Contains(made(t, true, content), []byte("BwcHBwcH")) {
		t.Error("it cannot be seen: this test proves nothing")
	}
}

func TestAnotherRootKeyIsRefused(t *testing.T) {
	f, err := opened(t, made(t, false, content))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Authentic(t.Context(), rootOf(8), madeAt); err == nil || !strings.Contains(err.Error(), "root key does not open the data keys") {
		t.Errorf("%v", err)
	}
}

// rewritten is a backup after change was made to its members, which are whole again.
func rewritten(t *testing.T, data []byte, change func(h *tar.Header, body []byte) []byte) []byte {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(data))
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if body = change(h, body); body == nil {
			continue
		}
		h.Size = int64(len(body))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// manifest changes a field of the manifest.
func manifest(t *testing.T, field string, value any) func(*tar.Header, []byte) []byte {
	return func(h *tar.Header, body []byte) []byte {
		if h.Name != nameManifest {
			return body
		}
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		m[field] = value
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

func TestDamagedForeignAndForgedBackupsAreRefused(t *testing.T) {
	good := made(t, true, content)
	without := func(name string) func(*tar.Header, []byte) []byte {
		return func(h *tar.Header, body []byte) []byte {
			if h.Name == name {
				return nil
			}
			return body
		}
	}
	for name, tc := range map[string]struct {
		data []byte
		want error
		says string
	}{
		"empty":          {nil, ErrForeign, ""},
		"text":           {[]byte(strings.Repeat("text ", 500)), ErrForeign, ""},
		"another tar":    {rewritten(t, good, without(nameManifest)), ErrForeign, ""},
		"no seal":        {rewritten(t, good, without(nameSeal)), ErrDamaged, ""},
		"no key":         {rewritten(t, good, without(nameRoot)), ErrDamaged, ""},
		"no database":    {rewritten(t, good, without(nameDatabase)), ErrDamaged, ""},
		"cut short":      {good[:len(good)-4096], ErrDamaged, ""},
		"cut in half":    {good[:len(good)/2], ErrDamaged, ""},
		"newer format":   {rewritten(t, good, manifest(t, "format", 2)), nil, "made by a newer version"},
		"no format":      {rewritten(t, good, manifest(t, "format", 0)), ErrForeign, ""},
		"other schema":   {rewritten(t, good, manifest(t, "schema", 2)), ErrDamaged, "sealed"},
		"other counts":   {rewritten(t, good, manifest(t, "counts", map[string]int{"accounts": 3})), ErrDamaged, "sealed"},
		"other data":     {bytes.Replace(good, []byte("the database"), []byte("the DATABASE"), 1), ErrDamaged, "SHA-256"},
		"longer data":    {rewritten(t, good, longer), ErrDamaged, ""},
		"manifest of []": {rewritten(t, good, func(h *tar.Header, b []byte) []byte { return replaced(h, nameManifest, b, []byte("[]")) }), ErrDamaged, ""},
		"key of text":    {rewritten(t, good, func(h *tar.Header, b []byte) []byte { return replaced(h, nameRoot, b, []byte("secret")) }), ErrDamaged, ""},
		"link":           {rewritten(t, good, linked), ErrForeign, ""},
	} {
		f, err := opened(t, tc.data)
		if err == nil {
			if err = f.Authentic(t.Context(), rootOf(7), madeAt); err == nil {
				err = f.Database(t.Context(), io.Discard)
			}
		}
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func replaced(h *tar.Header, name string, body, with []byte) []byte {
	if h.Name == name {
		return with
	}
	return body
}

func longer(h *tar.Header, body []byte) []byte {
	if h.Name == nameDatabase {
		return append(body, body...)
	}
	return body
}

func linked(h *tar.Header, body []byte) []byte {
	if h.Name == nameManifest {
		h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd"
		return []byte{}
	}
	return body
}

func TestManifestThatWasCheckedIsTheOneThatCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup.tar")
	if err := os.WriteFile(path, made(t, false, content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.WriteFile(path, made(t, false, []byte(strings.Repeat("another one ", 500))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Database(t.Context(), io.Discard); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}

func TestStoreWithoutDataKeysIsNotBackedUp(t *testing.T) {
	d, err := draft(rootOf(7), t.TempDir(), content)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Database.Close()
	d.Keys = nil
	var b bytes.Buffer
	if err := Write(t.Context(), &b, d); err == nil || b.Len() != 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
}

func TestFileThatIsNoBackupIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "precious")
	if err := os.WriteFile(path, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{path, link, dir} {
		if _, err := Save(t.Context(), at, func(io.Writer) error { t.Error("written"); return nil }); err == nil || !strings.Contains(err.Error(), "not a backup") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "precious" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestBackupThatFailsLeavesWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "backup.tar")
	before := made(t, false, content)
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("connection lost")
	for name, write := range map[string]func(io.Writer) error{
		"fails":     func(w io.Writer) error { _, _ = w.Write(before[:600]); return broken },
		"cut short": func(w io.Writer) error { _, err := w.Write(before[:len(before)-5000]); return err },
		"nothing":   func(io.Writer) error { return nil },
	} {
		if _, err := Save(t.Context(), path, write); err == nil {
			t.Errorf("%s: no error", name)
		}
		after, err := os.ReadFile(path)
		files, _ := os.ReadDir(dir)
		if err != nil || !bytes.Equal(before, after) || len(files) != 1 {
			t.Errorf("%s: %v, %d files", name, err, len(files))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Save(ctx, path, func(w io.Writer) error { _, err := w.Write(before); return err }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	m, err := Save(t.Context(), path, func(w io.Writer) error { _, err := w.Write(made(t, false, []byte("next"))); return err })
	if err != nil || m.Database.Size != 4 {
		t.Errorf("%+v, %v", m, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestBackupThatIsKilledLeavesTheOldFileOrTheNewOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup.tar")
	saved := 0
	for round := range 10 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), helperEnv+"="+path)
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		first := true
		for out := bufio.NewScanner(pipe); out.Scan(); saved++ {
			if first {
				first = false
				time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = cmd.Process.Kill() })
			}
		}
		_ = cmd.Wait()
		f, err := Open(path)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		var b bytes.Buffer
		err = f.Database(t.Context(), &b)
		f.Close()
		if err != nil || b.Len() != 1<<20 || bytes.Count(b.Bytes(), b.Bytes()[:1]) != 1<<20 {
			t.Fatalf("round %d: %d bytes, %v", round, b.Len(), err)
		}
	}
	if saved < 10 {
		t.Errorf("only %d backups were saved", saved)
	}
}

func FuzzOpen(f *testing.F) {
	for _, withKey := range []bool{false, true} {
		f.Add(made(f, withKey, []byte("database")))
	}
	f.Add([]byte("text"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := opened(t, data)
		if err != nil {
			return
		}
		if err := file.Authentic(t.Context(), rootOf(9), madeAt); err == nil {
			t.Error("a root key that nobody used opens it")
		}
		_ = file.Database(t.Context(), io.Discard)
	})
}

func TestManifestIsReadableByOthers(t *testing.T) {
	r := tar.NewReader(bytes.NewReader(made(t, true, content)))
	var names []string
	for {
		h, err := r.Next()
		if err != nil {
			break
		}
		names = append(names, fmt.Sprintf("%s %o", h.Name, h.Mode))
	}
	if diff := cmp.Diff([]string{"manifest.json 600", "seal 600", "root.key 600", "cardea.db 600"}, names); diff != "" {
		t.Error(diff)
	}
}
