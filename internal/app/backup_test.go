package app

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/backup"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

func socketOf(cfg *config.Config) *admin.Client {
	return admin.NewClient(admin.Endpoint{Network: cfg.Admin.Listen.Network, Address: cfg.Admin.Listen.Address})
}

// backUp backs a gateway up into a folder of its own.
func backUp(t *testing.T, cfg *config.Config, withKey bool) (BackupReport, error) {
	t.Helper()
	return Backup(t.Context(), BackupOptions{Gateway: socketOf(cfg), Config: cfg, Out: t.TempDir(), WithKey: withKey, Version: "test", Now: time.Now()})
}

func mustBackUp(t *testing.T, cfg *config.Config, withKey bool) BackupReport {
	t.Helper()
	r, err := backUp(t, cfg, withKey)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// me is what the gateway says of who is signed in.
func (b *browser) me() (account, handle string) {
	b.w.t.Helper()
	p := b.fetch("/.cardea/session")
	var v struct {
		Account string `json:"account"`
		Handle  string `json:"handle"`
	}
	if err := json.Unmarshal([]byte(p.body), &v); err != nil || p.status != http.StatusOK {
		b.w.t.Fatalf("%d %s", p.status, p.body)
	}
	return v.Account, v.Handle
}

func TestNobodyIsSignedInAgainByARestore(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	alice, bob := w.browser("alice", "wonderland"), w.browser("bob", "builder")
	alice.visit("/")
	bob.visit("/")
	id, handle := alice.me()
	report := mustBackUp(t, w.config(), false)
	if !report.Running || report.Manifest.Counts["accounts"] != 2 || report.Manifest.RootKey {
		t.Fatalf("%+v", report)
	}
	copied := w.browser("alice", "wonderland") // somebody else has copied the cookies
	copied.jar = copiedJar(t, w, alice)
	copied.http.Jar = copied.jar
	if copied.fetch("/api/whoami").status != http.StatusOK {
		t.Fatal("the copied cookies are worth nothing: this test proves nothing")
	}
	alice.signOut()

	if _, err := Restore(t.Context(), RestoreOptions{Config: w.config(), From: report.File, Replace: true, Now: time.Now()}); err == nil ||
		!strings.Contains(err.Error(), fmt.Sprintf("in use by process %d: stop the gateway first", os.Getpid())) {
		t.Fatalf("restoring under a running gateway: %v", err)
	}
	w.stop()
	restored, err := Restore(t.Context(), RestoreOptions{Config: w.config(), From: report.File, Replace: true, Now: time.Now()})
	if err != nil || restored.KeptAside == "" || restored.Counts["accounts"] != 2 {
		t.Fatalf("%+v, %v", restored, err)
	}
	w.start()

	for name, b := range map[string]*browser{"alice": alice, "bob": bob, "the copy": copied} {
		if p := b.fetch("/api/whoami"); p.status != http.StatusUnauthorized {
			t.Errorf("%s is signed in: %d", name, p.status)
		}
	}
	// bob is signed in at the provider: only a fresh sign-in asks him.
	for _, b := range []*browser{copied, bob} {
		b.asked = nil
		b.visit("/.cardea/sign-in")
		if len(b.asked) == 0 {
			t.Errorf("%s came back in without being asked", b.as)
		}
	}
	if gotID, gotHandle := copied.me(); gotID != id || gotHandle != handle {
		t.Errorf("alice is account %s, handle %s after the restore; before: %s, %s", gotID, gotHandle, id, handle)
	}
	if leak := leaked(w); leak != "" {
		t.Errorf("the log holds %s", leak)
	}
}

// copiedJar is a jar with the gateway's cookies of a browser.
func copiedJar(t *testing.T, w *world, from *browser) http.CookieJar {
	t.Helper()
	to := w.browser("", "")
	req, err := http.NewRequest(http.MethodGet, w.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	to.jar.SetCookies(req.URL, from.jar.Cookies(req.URL))
	return to.jar
}

func TestPeopleAreServedWhileABackupIsMade(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.stop()
	fillPeople(t, w.config(), 400)
	w.start()
	b := w.browser("alice", "wonderland")
	b.visit("/")
	done, cfg := make(chan error, 1), w.config()
	to := &reluctant{take: make(chan struct{}), over: t.Context().Done()}
	go func() { done <- w.gateway.app.WriteBackup(t.Context(), to, false) }()
	// Nobody takes the backup before people were served while it was made.
	for during, taken, running := 0, false, true; running; {
		select {
		case err := <-done:
			if err != nil || !taken || to.size == 0 {
				t.Fatalf("%v; %d requests were answered meanwhile, %d bytes are written", err, during, to.size)
			}
			running = false
		default:
			if p := b.fetch("/api/whoami"); p.status != http.StatusOK {
				t.Fatalf("%d", p.status)
			}
			during++
			p, err := socketOf(cfg).BackupProgress(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !taken && during >= 3 && p.Running && p.Of >= 800 {
				taken = true
				close(to.take)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "*.copying*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// reluctant is where a backup is written to, that takes nothing before it is told to.
type reluctant struct {
	take chan struct{}
	over <-chan struct{} // the test is
	size int
}

func (r *reluctant) Write(p []byte) (int, error) {
	select {
	case <-r.take:
	case <-r.over:
	}
	r.size += len(p)
	return len(p), nil
}

func fillPeople(t *testing.T, cfg *config.Config, n int) {
	t.Helper()
	db, err := sql.Open("sqlite", cfg.Store.SQLite.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(fmt.Sprintf(`WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < %d)
		INSERT INTO accounts (id, handle, name, email, created_at) SELECT 'acc' || i, 'person' || i, 'Person', '', 1 FROM k;
		INSERT INTO handles (handle, account, given_at) SELECT handle, id, 1 FROM accounts`, n)); err != nil {
		t.Fatal(err)
	}
}

func TestOneBackupIsMadeAtATime(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.gateway.app.copies.one.Lock()
	_, err := backUp(t, w.config(), false)
	w.gateway.app.copies.one.Unlock()
	if err == nil || !strings.Contains(err.Error(), "Another backup is being made") {
		t.Errorf("%v", err)
	}
	mustBackUp(t, w.config(), false)
}

// place is the configuration of a gateway that does not run, in a folder of its own.
func place(t *testing.T, more string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`public_url: http://localhost:4180
data_dir: %s
providers: [{id: main, kind: oidc, issuer: "https://id.example.com", client_id: cardea, client_secret_env: SECRET}]
apps: [{id: chat, url: "http://localhost:4180", upstream: "http://127.0.0.1:9"}]
%s`, filepath.Join(dir, "data"), more)
	path := filepath.Join(dir, "cardea.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(path, func(string) (string, bool) { return "s3cret", true }, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// lived is a place whose gateway has run: there is a root key, and ann has an account.
func lived(t *testing.T) *config.Config {
	t.Helper()
	cfg := place(t, "")
	root, _, err := keyring.LoadRoot(cfg.Keys.RootFile)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: cfg.Store.SQLite.Path, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	keys, err := keyring.Open(t.Context(), keyring.Options{Root: root, Store: db, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = db.Store(keys).Admit(t.Context(), time.Now(), account.Admission{Identity: oidc.Identity{Issuer: "https://id.example.com", Subject: "ann"},
		Provider: "main", Candidates: []string{"ann"}, AccountID: "acc-ann"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func restoreTo(t *testing.T, cfg *config.Config, from string, replace bool) (RestoreReport, error) {
	t.Helper()
	return Restore(t.Context(), RestoreOptions{Config: cfg, From: from, Replace: replace, Now: time.Now()})
}

func TestBackupOfAGatewayThatDoesNotRunChangesNothingThere(t *testing.T) {
	cfg := lived(t)
	before, err := os.ReadFile(cfg.Store.SQLite.Path)
	if err != nil {
		t.Fatal(err)
	}
	r := mustBackUp(t, cfg, false)
	if r.Running || r.Manifest.Counts["accounts"] != 1 || r.Manifest.Cardea != "test" || !strings.HasSuffix(r.File, "Z.tar") || r.Size == 0 {
		t.Errorf("%+v", r)
	}
	after, err := os.ReadFile(cfg.Store.SQLite.Path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database was changed: %v", err)
	}
	if files, _ := os.ReadDir(filepath.Dir(cfg.Store.SQLite.Path)); len(files) != 3 { // database, key, lock
		t.Errorf("%v", files)
	}
}

func TestBackupWithItsKeyBringsTheKeyToANewMachine(t *testing.T) {
	from := lived(t)
	report := mustBackUp(t, from, true)
	to := place(t, "")
	r, err := restoreTo(t, to, report.File, false)
	if err != nil || r.RootKey != to.Keys.RootFile || r.KeptAside != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	want, _ := keyring.ReadRoot(from.Keys.RootFile)
	got, err := keyring.ReadRoot(to.Keys.RootFile)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("root key: %v", err)
	}
	if again := mustBackUp(t, to, false); again.Manifest.Counts["accounts"] != 1 {
		t.Errorf("%+v", again.Manifest)
	}
}

func TestRestoreThatIsRefusedChangesNothing(t *testing.T) {
	from := lived(t)
	plain, withKey := mustBackUp(t, from, false).File, mustBackUp(t, from, true).File
	text := filepath.Join(t.TempDir(), "text")
	half := filepath.Join(t.TempDir(), "half")
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	inUse := filepath.Join(t.TempDir(), "cardea.db")
	for name, content := range map[string][]byte{text: []byte(strings.Repeat("text ", 200)), half: data[:len(data)-3000],
		inUse: []byte("SQLite format 3\x00"), inUse + "-wal": []byte("x")} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := lived(t)
	for name, tc := range map[string]struct {
		cfg     *config.Config
		file    string
		replace bool
		want    string
	}{
		"existing database":     {from, plain, false, "with --replace it is kept aside"},
		"another gateway's":     {other, plain, true, "root key does not open the data keys"},
		"another gateway's key": {other, withKey, true, "the root key in the backup is not the gateway's: to use the backup's, move " + other.Keys.RootFile},
		"another's plain copy":  {other, from.Store.SQLite.Path, true, "root key does not open the data keys"},
		"no root key":           {place(t, ""), plain, false, "the root key is not at"},
		"no variable":           {place(t, "keys: {root_env: ROOT}"), plain, false, "root_env"},
		"no backup":             {from, text, true, backup.ErrForeign.Error()},
		"damaged":               {from, half, true, backup.ErrDamaged.Error()},
		"missing":               {from, plain + "x", true, "no such file"},
		"folder":                {from, filepath.Dir(plain), true, "not a file"},
		"in use":                {from, inUse, true, "was not closed"},
	} {
		before := listing(t, tc.cfg)
		if _, err := restoreTo(t, tc.cfg, tc.file, tc.replace); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if after := listing(t, tc.cfg); before != after {
			t.Errorf("%s: before %s, after %s", name, before, after)
		}
	}
}

// listing is what a data folder holds, but for its lock.
func listing(t *testing.T, cfg *config.Config) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cfg.DataDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, file := range files {
		if filepath.Base(file) == "lock" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d %x\n", file, len(data), keyringSum(data))
	}
	return b.String()
}

func keyringSum(data []byte) (sum uint64) {
	for _, c := range data {
		sum = sum*31 + uint64(c)
	}
	return sum
}

func TestBackupOfANewerVersionIsRefusedByName(t *testing.T) {
	cfg := lived(t)
	root, err := keyring.ReadRoot(cfg.Keys.RootFile)
	if err != nil {
		t.Fatal(err)
	}
	database, err := os.Open(cfg.Store.SQLite.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	f, err := backup.Open(mustBackUp(t, cfg, false).File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := backup.Draft{Cardea: "v9.9", Schema: 9999, MadeAt: time.Now(), Root: root, Database: database}
	for _, k := range f.Manifest.DataKeys {
		d.Keys = append(d.Keys, keyring.WrappedKey{ID: k.ID, Wrapped: k.Wrapped, CreatedAt: k.CreatedAt})
	}
	path := filepath.Join(t.TempDir(), "newer.tar")
	if _, err := backup.Save(t.Context(), path, func(w io.Writer) error { return backup.Write(t.Context(), w, d) }); err != nil {
		t.Fatal(err)
	}
	if _, err := restoreTo(t, cfg, path, true); err == nil || !strings.Contains(err.Error(), "v9.9") || !strings.Contains(err.Error(), "9999") {
		t.Errorf("%v", err)
	}
}

func TestBackupSaysWhatItLacks(t *testing.T) {
	nothing := place(t, "")
	if _, err := backUp(t, nothing, false); err == nil || !strings.Contains(err.Error(), "keys.root_file") {
		t.Errorf("no root key: %v", err)
	}
	if _, err := os.Stat(nothing.DataDir); err == nil {
		t.Error("a data folder was made")
	}
	cfg := lived(t)
	db, err := sqlite.OpenOffline(cfg.Store.SQLite.Path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = backUp(t, cfg, false)
	db.Close()
	if err == nil || !strings.Contains(err.Error(), "in use by process") || !strings.Contains(err.Error(), "--admin unix:PATH") {
		t.Errorf("held by somebody who does not answer: %v", err)
	}
	if err := os.Remove(cfg.Store.SQLite.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := backUp(t, cfg, false); err == nil || !strings.Contains(err.Error(), "there is no database at") {
		t.Errorf("no database: %v", err)
	}
	if _, err := Backup(t.Context(), BackupOptions{Gateway: socketOf(cfg), Out: t.TempDir(), Version: "test", Now: time.Now()}); !errors.Is(err, admin.ErrNotRunning) {
		t.Errorf("without a configuration: %v", err)
	}
}
