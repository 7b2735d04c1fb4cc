package app

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestAProvidersMaxAgeHoldsForItsSignIns(t *testing.T) {
	cfg := &config.Config{Providers: []config.Provider{{ID: "any"}, {ID: "strict", MaxAge: time.Hour}}}
	if diff := cmp.Diff(map[string]time.Duration{"strict": time.Hour}, maxAges(cfg)); diff != "" {
		t.Error(diff)
	}
}

func TestAStoreThatIsSlowAtFirstDoesNotFailTheStart(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.stop()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(w.dir, "cardea.db"+suffix)) // what is not there need not go
	}
	if err := os.WriteFile(filepath.Join(w.dir, "cardea.db"), migrated(), 0o600); err != nil {
		t.Fatal(err)
	}
	db := w.database()
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil { // the first data key cannot be written
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	start := func(within time.Duration) error {
		app, err := New(t.Context(), Options{Config: w.config(), Logger: logger, StoreWithin: within})
		if err == nil {
			app.Close()
		}
		return err
	}
	if err := start(10 * time.Millisecond); !errors.Is(err, session.ErrUnavailable) || strings.Count(log.String(), "it is asked again") != openTries-1 {
		t.Fatalf("a store that never answers: %v\n%s", err, log)
	}
	started := make(chan error, 1)
	go func() { started <- start(time.Second) }()
	eventually(t, "it was too slow once", func() bool { return strings.Count(log.String(), "it is asked again") == openTries })
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Error(err)
	}
	w.start() // which the end of the test stops
}

func TestAnAppThatDoesNotAnswerIsToldByTheStatusThatSuitsWhy(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	w.upstream.Close()
	if got := b.fetch("/api/whoami"); got.status != http.StatusBadGateway || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("an app that is down: %d %s", got.status, got.header.Get("Content-Type"))
	}
}
