package vault

import (
	"fmt"
	"testing"

	"github.com/cardea-auth/cardea/internal/keyring"
	"github.com/cardea-auth/cardea/internal/session"
)

// The store knows of a renewal a moment before this process is told.
func TestAnAnswerDuringARenewalKeepsItsCookies(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	r.request(page, "")
	s.set(nil, &session.EndedError{Tombstone: session.Tombstone{Session: sid, Cause: session.CauseRenewed}})
	r.response(page, "late=1; HttpOnly")
	s.set(nil, nil)
	const to = session.ID("s2")
	s.rows[key{to, "chat"}] = s.rows[chatKey]
	delete(s.rows, chatKey)
	s.ended[sid] = true
	r.vault.Moved(sid, to)
	if lines, _, err := r.app.Request(t.Context(), to, chat, get(page)); err != nil || len(lines) != 1 || lines[0] != "late=1" {
		t.Errorf("%q %v", lines, err)
	}
}

func TestWhatNoScriptSetsIsTakenFromNoBrowser(t *testing.T) {
	r := newRig(t, newStore(), Rules{Browser: []string{"*"}, Hold: []string{"_user*"}})
	r.request(page, "")
	got, drop := r.request(page, "_user_token=copied; theme=dark")
	if got != "theme=dark" || !expires(drop, "_user_token", "", "/") {
		t.Errorf("%q %q", got, drop)
	}
	r.response(page, "_user=1")
	if got, _ := r.request(page, "_user=copied"); got != "_user=1" {
		t.Errorf("%q", got)
	}
}

func TestARowThatCannotBeUnsealedIsReplaced(t *testing.T) {
	s := newStore()
	r := newRig(t, s, Rules{})
	s.rows[chatKey] = row{nil, 7}
	s.set(fmt.Errorf("row: %w", keyring.ErrSealed), nil)
	if _, err := r.vault.entry(t.Context(), chatKey); err != nil {
		t.Fatal(err)
	}
	s.set(nil, nil)
	if lines, _, err := r.app.Request(t.Context(), sid, chat, get(page)); err != nil || lines != nil {
		t.Errorf("%q %v", lines, err)
	}
	r.response(page, "sid=1; HttpOnly")
	if got, _ := newRig(t, s, Rules{}).request(page, ""); got != "sid=1" {
		t.Errorf("%q", got)
	}
}
