package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/store/sqlite/sqlitetest"
)

func TestWhatAnIncidentSaysOfSomebodyIsSealedAndBoundToItsId(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	st := sqlitetest.OpenPath(t, path)
	now := time.Now()
	keep := incident.Keep{Most: 10, For: time.Hour}
	list := []incident.Incident{
		{ID: "one", At: now, Kind: "denied", Path: "/" + marker, Seen: []incident.Seen{{Name: "email", Value: marker}}, Cause: marker},
		{ID: "two", At: now, Kind: "denied"},
	}
	if err := st.SaveIncidents(t.Context(), now, list, keep); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	for _, file := range files {
		if data, err := os.ReadFile(file); err != nil || bytes.Contains(data, []byte(marker)) {
			t.Errorf("%s shows what an incident holds: %v", filepath.Base(file), err)
		}
	}
	st = sqlitetest.OpenPath(t, path)
	if got, err := st.Incident(t.Context(), "one"); err != nil || got.Cause != marker {
		t.Fatalf("%+v, %v", got, err)
	}
	tamper(t, path, "UPDATE incidents SET sealed = (SELECT o.sealed FROM incidents o WHERE o.id = 'one') WHERE id = 'two'")
	if got, err := st.Incident(t.Context(), "two"); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("another incident's details: %+v, %v", got, err)
	}
}
