package sqlitetest

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// Bulk opens a store in a temporary folder that holds n live sessions with one seat
// each, as they would be after n sign-ins, without n durable writes. Seat i has the hash
// SeatHash(i) and the origin "https://app.example.com".
func Bulk(t testing.TB, n int) *sqlite.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cardea.db")
	st, keys := openKeyed(t, path, Patience)
	db, err := sql.Open("sqlite", "file:"+path+"?_synchronous=OFF&_pragma=cache_size(-65536)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	insert := func(query string) *sql.Stmt {
		s, err := tx.Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sessions := insert(`INSERT INTO sessions (n, id, account, handle, provider, issuer, subject, sid, created_at, auth_time, seen_at,
		idle, absolute, idle_until, absolute_until, user_agent, address, version)
		VALUES (?1, ?2, ?3, ?4, 'main', 'https://id.example.com', ?4, ?2, ?5, ?5, ?5, ?6, ?7, ?5 + ?6, ?5 + ?7, 'Mozilla/5.0', '192.0.2.1', 1)`)
	secrets := insert("INSERT INTO session_secrets (n, sealed) VALUES (?1, ?2)")
	seats := insert("INSERT INTO seats (hash, session, origin, created_at) VALUES (?1, ?2, 'https://app.example.com', ?3)")

	exec := func(stmt *sql.Stmt, args ...any) {
		if _, err := stmt.Exec(args...); err != nil {
			t.Fatal(err)
		}
	}
	plain := secretPart(t)
	now := time.Now().UnixMicro()
	idle, absolute := time.Hour.Microseconds()*24, time.Hour.Microseconds()*24*30
	// Rows in the order of their keys fill the indexes from left to right: ten times faster.
	ids := sortedIDs(n)
	for i, id := range ids {
		sealed, err := keys.Seal("sessions", id, plain)
		if err != nil {
			t.Fatal(err)
		}
		handle := fmt.Sprintf("person%07d", i)
		exec(sessions, i+1, id, "acc-"+handle, handle, now, idle, absolute)
		exec(secrets, i+1, sealed)
	}
	for _, s := range sortedSeats(n) {
		exec(seats, s.hash[:], ids[s.i], now)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return st
}

func sortedIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = string(session.NewID())
	}
	slices.Sort(ids)
	return ids
}

type numberedSeat struct {
	i    int
	hash session.SeatHash
}

func sortedSeats(n int) []numberedSeat {
	seats := make([]numberedSeat, n)
	for i := range seats {
		seats[i] = numberedSeat{i, SeatHash(i)}
	}
	slices.SortFunc(seats, func(a, b numberedSeat) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	return seats
}

// SeatHash is the hash of seat i of a Bulk store.
func SeatHash(i int) session.SeatHash {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("seat"), uint64(i)))
}

// secretPart is the sealed part of a session with tokens of a common size.
func secretPart(t testing.TB) []byte {
	t.Helper()
	token := strings.Repeat("x", 300)
	plain, err := json.Marshal(map[string]any{
		"claims": map[string]any{"email": "person@example.com", "groups": []string{"staff"}},
		"grant":  map[string]any{"tokens": map[string]any{"access_token": token, "refresh_token": token, "id_token": token}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
