package keyring

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

type memStore struct {
	mu   sync.Mutex
	keys []WrappedKey
	err  error
}

func (m *memStore) DataKeys(context.Context) ([]WrappedKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]WrappedKey(nil), m.keys...), m.err
}

func (m *memStore) AddDataKey(_ context.Context, k WrappedKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.keys = append(m.keys, k)
	}
	return m.err
}

func testRoot(fill byte) []byte { return bytes.Repeat([]byte{fill}, RootSize) }

func open(t testing.TB, store Store, root []byte, now time.Time) *Keyring {
	t.Helper()
	k, err := Open(context.Background(), Options{Root: root, Store: store, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t testing.TB, k *Keyring, purpose, record string, plain []byte) []byte {
	t.Helper()
	sealed, err := k.Seal(purpose, record, plain)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealedValueOpensOnlyForItsPurposeAndRecord(t *testing.T) {
	k := open(t, &memStore{}, testRoot(1), start)
	sealed := seal(t, k, "sessions", "row1", []byte("secret"))
	if got, err := k.Unseal("sessions", "row1", sealed); err != nil || string(got) != "secret" {
		t.Fatalf("Unseal = %q, %v", got, err)
	}
	for _, other := range [][2]string{
		{"outbox", "row1"}, {"sessions", "row2"}, {"", ""}, {"row1", "sessions"},
		{"sessionsr", "ow1"}, {"session", "srow1"}, {"sessions", "row1\x00"},
	} {
		if got, err := k.Unseal(other[0], other[1], sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("Unseal(%q) = %q, %v; want ErrSealed", other, got, err)
		}
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	k := open(t, &memStore{}, testRoot(1), start)
	sealed := seal(t, k, "p", "r", []byte("the tokens of a session"))
	for i := range sealed {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(sealed)
			bad[i] ^= flip
			if got, err := k.Unseal("p", "r", bad); !errors.Is(err, ErrSealed) {
				t.Fatalf("byte %d changed by %#x: %q, %v", i, flip, got, err)
			}
		}
	}
	for n := range sealed {
		if _, err := k.Unseal("p", "r", sealed[:n]); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := k.Unseal("p", "r", append(bytes.Clone(sealed), 0)); !errors.Is(err, ErrSealed) {
		t.Fatalf("lengthened: %v", err)
	}
}

func TestSealingTwiceGivesDifferentBytesThatHideTheText(t *testing.T) {
	k := open(t, &memStore{}, testRoot(1), start)
	plain := []byte("refresh-token-value")
	a, b := seal(t, k, "p", "r", plain), seal(t, k, "p", "r", plain)
	if bytes.Equal(a, b) || bytes.Contains(a, plain) {
		t.Fatal("sealed value repeats or shows the text")
	}
	empty := seal(t, k, "p", "r", nil)
	if got, err := k.Unseal("p", "r", empty); err != nil || len(got) != 0 {
		t.Fatalf("empty value: %q, %v", got, err)
	}
}

func TestNewDataKeyIsUsedOnlyAfterAllNodesCouldSeeIt(t *testing.T) {
	ctx, store := context.Background(), &memStore{}
	a := open(t, store, testRoot(1), start)
	b := open(t, store, testRoot(1), start)
	old := seal(t, a, "p", "r", []byte("old"))
	first := a.keys.Load().current

	later := start.Add(time.Hour)
	if err := a.Rotate(ctx, later); err != nil {
		t.Fatal(err)
	}
	if got := a.keys.Load().current; got != first {
		t.Fatal("a new data key was used before it settled")
	}
	// The other node has not read the store since: what a seals now still opens there.
	if _, err := b.Unseal("p", "r", seal(t, a, "p", "r", []byte("x"))); err != nil {
		t.Fatal(err)
	}
	if err := b.Refresh(ctx, later.Add(Settle/2)); err != nil {
		t.Fatal(err)
	}
	if err := a.Refresh(ctx, later.Add(Settle)); err != nil {
		t.Fatal(err)
	}
	if a.keys.Load().current == first {
		t.Fatal("the settled data key is not used")
	}
	fresh := seal(t, a, "p", "r", []byte("new"))
	if got, err := b.Unseal("p", "r", fresh); err != nil || string(got) != "new" {
		t.Fatalf("other node after rotation: %q, %v", got, err)
	}
	for _, k := range []*Keyring{a, b, open(t, store, testRoot(1), later.Add(time.Hour))} {
		if got, err := k.Unseal("p", "r", old); err != nil || string(got) != "old" {
			t.Fatalf("old record after rotation: %q, %v", got, err)
		}
	}
}

func TestTwoNodesThatStartTogetherAgreeOnTheFirstKey(t *testing.T) {
	ctx, store := context.Background(), &memStore{}
	a := open(t, store, testRoot(1), start)
	if err := a.Rotate(ctx, start.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	b := open(t, store, testRoot(1), start.Add(2*time.Second))
	if a.keys.Load().current != b.keys.Load().current {
		t.Fatal("nodes seal with different keys before either settled")
	}
}

func TestWrongRootIsNamedClearly(t *testing.T) {
	store := &memStore{}
	open(t, store, testRoot(1), start)
	_, err := Open(context.Background(), Options{Root: testRoot(2), Store: store, Now: start})
	if err == nil || !strings.Contains(err.Error(), "root key does not open the data keys in this store") || !strings.Contains(err.Error(), "keys.root_file") {
		t.Fatalf("got %v", err)
	}
}

func TestDamagedDataKeyIsToldFromAWrongRoot(t *testing.T) {
	ctx, store := context.Background(), &memStore{}
	k := open(t, store, testRoot(1), start)
	if err := k.Rotate(ctx, start); err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(store.keys[1].Wrapped)
	bad[len(bad)-1] ^= 1
	store.keys[1].Wrapped = bad
	_, err := Open(ctx, Options{Root: testRoot(1), Store: store, Now: start})
	if err == nil || !strings.Contains(err.Error(), store.keys[1].ID) || strings.Contains(err.Error(), store.keys[0].ID) {
		t.Fatalf("got %v", err)
	}
}

func TestDataKeysAreNeverStoredInTheClear(t *testing.T) {
	store := &memStore{}
	k := open(t, store, testRoot(1), start)
	for id, key := range k.keys.Load().byID {
		if bytes.Contains(store.keys[0].Wrapped, key) {
			t.Fatalf("data key %s is stored in the clear", id)
		}
	}
}

func TestStoreErrorStopsOpening(t *testing.T) {
	fault := errors.New("disk on fire")
	if _, err := Open(context.Background(), Options{Root: testRoot(1), Store: &memStore{err: fault}, Now: start}); !errors.Is(err, fault) {
		t.Fatalf("got %v", err)
	}
	if _, err := Open(context.Background(), Options{Root: testRoot(1)[:31], Store: &memStore{}, Now: start}); err == nil {
		t.Fatal("a short root key was accepted")
	}
}

func TestRootFileIsMadeOncePrivateAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "root")
	var wg sync.WaitGroup
	roots, makers := make([][]byte, 8), make([]bool, 8)
	for i := range roots {
		wg.Go(func() {
			root, created, err := LoadRoot(path)
			if err != nil {
				t.Error(err)
			}
			roots[i], makers[i] = root, created
		})
	}
	wg.Wait()
	made := 0
	for i := range roots {
		if !bytes.Equal(roots[i], roots[0]) || len(roots[i]) != RootSize {
			t.Fatal("parallel starts got different root keys")
		}
		if makers[i] {
			made++
		}
	}
	if made != 1 {
		t.Fatalf("%d starts say that they made the key, want 1", made)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != RootSize {
		t.Fatalf("%v, %v", info, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Fatalf("files left behind: %v, %v", left, err)
	}
	if again, created, err := LoadRoot(path); err != nil || created || !bytes.Equal(again, roots[0]) {
		t.Fatalf("second start: %v, %v", created, err)
	}
}

func TestRootFileThatCannotBeTrustedIsRefused(t *testing.T) {
	text := base64.StdEncoding.EncodeToString(testRoot(7))
	for _, tc := range []struct {
		name, content string
		mode          os.FileMode
		ok            bool
	}{
		{"raw bytes", string(testRoot(7)), 0o600, true},
		{"base64 with newline", text + "\n", 0o400, true},
		{"readable by group", string(testRoot(7)), 0o640, false},
		{"readable by all", string(testRoot(7)), 0o604, false},
		{"too short", "abc", 0o600, false},
		{"empty", "", 0o600, false},
		{"too long", strings.Repeat("a", 2000), 0o600, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "root")
			if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tc.mode); err != nil {
				t.Fatal(err)
			}
			root, created, err := LoadRoot(path)
			if (err == nil) != tc.ok || created {
				t.Fatalf("LoadRoot = %v, %v", created, err)
			}
			if tc.ok && !bytes.Equal(root, testRoot(7)) {
				t.Fatal("another key was read")
			}
			if !tc.ok && tc.content != "" && strings.Contains(err.Error(), tc.content) {
				t.Fatal("the error shows the key")
			}
		})
	}
	if _, _, err := LoadRoot(t.TempDir()); err == nil {
		t.Fatal("a folder was taken for a root key file")
	}
}

func TestRootFromTheEnvironmentTakesAnyBase64(t *testing.T) {
	want := bytes.Repeat([]byte{0xfb}, RootSize)
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if got, err := ParseRoot(" " + enc.EncodeToString(want) + "\n"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v", err)
		}
	}
	for _, bad := range []string{"", "hunter2", base64.StdEncoding.EncodeToString(want[:31]), strings.Repeat("!", 44)} {
		if _, err := ParseRoot(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("ParseRoot(%q): %v", bad, err)
		}
	}
}

func FuzzUnsealNeverOpensWhatWasNotSealed(f *testing.F) {
	k := open(f, &memStore{}, testRoot(1), start)
	genuine := seal(f, k, "p", "r", []byte("x"))
	f.Add(genuine)
	f.Add([]byte{})
	f.Add([]byte{1, 0})
	f.Add([]byte{1, 255, 0})
	f.Add(genuine[:20])
	f.Fuzz(func(t *testing.T, sealed []byte) {
		got, err := k.Unseal("p", "r", sealed)
		if err == nil && !bytes.Equal(sealed, genuine) {
			t.Fatalf("opened %x as %q", sealed, got)
		}
		if err != nil && !errors.Is(err, ErrSealed) {
			t.Fatal(err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, plain := open(b, &memStore{}, testRoot(1), start), make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		seal(b, k, "sessions", "a-session-id", plain)
	}
}

func BenchmarkUnseal(b *testing.B) {
	k := open(b, &memStore{}, testRoot(1), start)
	sealed := seal(b, k, "sessions", "a-session-id", make([]byte, 4096))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Unseal("sessions", "a-session-id", sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDerivedKeysDependOnTheRootAndThePurposeAlone(t *testing.T) {
	derive := func(root byte, purpose string) string {
		k, err := Open(t.Context(), Options{Root: bytes.Repeat([]byte{root}, RootSize), Store: &memStore{}, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		key, err := k.Derive(purpose)
		if err != nil || len(key) != 32 {
			t.Fatalf("%d bytes, %v", len(key), err)
		}
		return string(key)
	}
	if first, second := derive(1, "a"), derive(1, "a"); first != second {
		t.Error("two nodes with one root derive different keys")
	}
	if derive(1, "a") == derive(1, "b") || derive(1, "a") == derive(2, "a") {
		t.Error("another purpose or root gives the same key")
	}
}
