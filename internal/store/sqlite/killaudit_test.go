package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
)

// workForTheTrail signs people in and out until it is killed, and says what was
// acknowledged, in the words of the trail, after it was.
func workForTheTrail(path string) error {
	st, err := openStore(path)
	if err != nil {
		return err
	}
	var out sync.Mutex
	say := func(t audit.Type, id string) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf("%s %s .\n", t, id)
	}
	failed := make(chan error)
	for range 4 {
		go func() {
			for {
				if err := trailOnce(st, say); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func trailOnce(st *sqlite.Store, say func(audit.Type, string)) error {
	ctx, now := context.Background(), time.Now()
	id := session.NewID()
	acc, _, err := st.Admit(ctx, now, account.Admission{Identity: oidc.Identity{Issuer: "i", Subject: string(id)}, Provider: "main",
		Candidates: []string{string(id)}, AccountID: string(id)})
	if err != nil {
		return err
	}
	say(audit.AccountCreated, acc.ID)
	s := &session.Session{ID: id, Account: acc.ID, Handle: acc.Handle, Provider: "main", Identity: oidc.Identity{Issuer: "i", Subject: string(id)},
		CreatedAt: now, AuthTime: now, SeenAt: now, Version: 1}
	_, hash := session.NewSeatValue()
	if err := st.OpenSession(ctx, now, s, session.Seat{Hash: hash, Origin: "https://a", CreatedAt: now}, ""); err != nil {
		return err
	}
	say(audit.SessionOpened, string(id))
	if _, err := st.End(ctx, now, ending(id)); err != nil {
		return err
	}
	say(audit.SessionEnded, string(id))
	refused := audit.Event{ID: audit.NewID(), Type: audit.SigninRefused, Actor: audit.ActorPerson, Cause: "denied"}
	if err := st.Record(ctx, now, refused); err != nil {
		return err
	}
	say(audit.SigninRefused, refused.ID)
	return nil
}

func TestKilled200TimesTheTrailHasEveryAcknowledgedActOnce(t *testing.T) {
	t.Parallel()
	const stores, kills = 4, 50
	for i := range stores {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "cardea.db")
			acknowledged := map[string]bool{}
			for range kills {
				killTrailWorker(t, path, acknowledged)
			}
			if len(acknowledged) < 4*kills {
				t.Fatalf("%d acts were acknowledged", len(acknowledged))
			}
			checkTrail(t, path, acknowledged)
		})
	}
}

// killTrailWorker lets another process work on the store for a moment and kills it.
func killTrailWorker(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	cmd, _, out := startHelper(t, "trail", path)
	first := true
	for out.Scan() {
		act, whole := strings.CutSuffix(out.Text(), " .")
		if !whole {
			continue // the kill cut a line short: nobody has read an acknowledgement
		}
		acknowledged[act] = true
		if first && strings.HasPrefix(act, string(audit.SigninRefused)) { // from here on all acts happen at once
			first = false
			time.AfterFunc(rand.N(8*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	// A worker that could not go on ends by itself, which is no kill.
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("worker was not killed: %v", err)
	}
}

// checkTrail demands every act that was acknowledged, and each that the store holds, once.
func checkTrail(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	st, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	told := map[string]int{}
	last := int64(0)
	for {
		list, err := st.AuditEvents(t.Context(), audit.Filter{After: last, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			id := e.Session
			switch e.Type {
			case audit.AccountCreated:
				id = e.Account
			case audit.SigninRefused:
				id = e.ID
			}
			told[string(e.Type)+" "+id]++
			last = e.Seq
		}
		if len(list) < 1000 {
			break
		}
	}
	for act, n := range told {
		if n != 1 {
			t.Errorf("%s is told %d times", act, n)
		}
	}
	for act := range acknowledged {
		if told[act] == 0 {
			t.Errorf("%s was acknowledged, and is not told", act)
		}
	}
	// What was committed and not acknowledged is told as well, and nothing else is.
	stones, err := st.Tombstones(t.Context(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	ended := 0
	for act := range told {
		if strings.HasPrefix(act, string(audit.SessionEnded)) {
			ended++
		}
	}
	if len(stones) != ended {
		t.Errorf("%d sessions ended, %d ends are told", len(stones), ended)
	}
}
