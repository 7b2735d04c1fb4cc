package signin

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// lost signs a browser in and loses the grant.
func lost(t *testing.T) (*world, *browser, *session.Session) {
	w, b := newWorld(t), newBrowser()
	s := *w.signIn(t, b, "ann").Session
	s.Grant.State, s.Grant.LostSince = session.GrantLost, w.now
	w.store.sessions[s.ID] = &s
	w.now = w.now.Add(time.Minute)
	w.replace = func(old *session.Session, a oidc.Authentication) (*session.Session, error) {
		next := *old
		next.Grant = session.Grant{Tokens: a.Tokens, CheckedAt: w.now}
		w.store.sessions[next.ID] = &next
		return &next, nil
	}
	return w, b, &s
}

func silent(of session.ID) func(*Start) {
	return func(s *Start) { s.Silent, s.Session = true, of }
}

func failed(q url.Values, code string) url.Values {
	q.Del("code")
	q.Set("error", code)
	return q
}

func TestReauthorizationGivesTheSameSessionANewGrant(t *testing.T) {
	w, b, s := lost(t)
	q := w.idp.login(t, w.start(t, b, silent(s.ID)), "ann")
	if !w.idp.last.Silent || w.idp.last.IDTokenHint != "id-ann" {
		t.Errorf("request %+v", w.idp.last)
	}
	res, err := w.Finish(t.Context(), w.now, w.callback(b, q))
	if err != nil || !res.Reauthorized || res.Session.ID != s.ID || res.SeatValue != "" || res.Target.Path != "/deep?x=1" {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestRefusedReauthorizationEndsTheSession(t *testing.T) {
	for _, code := range []string{oidc.LoginRequired, oidc.InteractionRequired, oidc.ConsentRequired, oidc.AccountSelectionRequired, oidc.AccessDenied} {
		w, b, s := lost(t)
		q := failed(w.idp.login(t, w.start(t, b, silent(s.ID)), "ann"), code)
		_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
		if !errors.Is(err, ErrNotConfirmed) || oidc.CodeOf(err) != code || len(w.ends) != 1 || w.ends[0] != string(s.ID)+" refresh-refused" {
			t.Errorf("%s: %v, %v", code, err, w.ends)
		}
	}
}

func TestAskingInSilenceIsNoSignInAndHasNoAge(t *testing.T) {
	w, b, s := lost(t)
	w.Reconfigure(Terms{Limits: w.o.Limits, MaxAge: map[string]time.Duration{"main": time.Hour}})
	w.start(t, b, silent(s.ID))
	if !w.idp.last.Silent || w.idp.last.MaxAge != 0 {
		t.Errorf("%+v", w.idp.last)
	}
	s.Grant.State = session.GrantInteraction
	w.start(t, b, silent(s.ID))
	if w.idp.last.Silent || w.idp.last.MaxAge != time.Hour {
		t.Errorf("with interaction: %+v", w.idp.last)
	}
}

func TestAProviderThatWantsToSeeThePersonIsNotAskedInSilence(t *testing.T) {
	w, b, s := lost(t)
	s.Grant.State = session.GrantInteraction
	q := w.idp.login(t, w.start(t, b, silent(s.ID)), "ann")
	res, err := w.Finish(t.Context(), w.now, w.callback(b, q))
	if w.idp.last.Silent || w.idp.last.IDTokenHint != "" || err != nil || res.Session.Account != s.Account {
		t.Errorf("%+v, %v", w.idp.last, err)
	}
}

func TestTroubleAtTheProviderIsNoRefusal(t *testing.T) {
	for _, code := range []string{oidc.ServerError, oidc.TemporarilyUnavailable, "invalid_request"} {
		w, b, s := lost(t)
		q := failed(w.idp.login(t, w.start(t, b, silent(s.ID)), "ann"), code)
		if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); oidc.CodeOf(err) != code || errors.Is(err, ErrNotConfirmed) || len(w.ends) != 0 {
			t.Errorf("%s: %v, %v", code, err, w.ends)
		}
	}
	w, b, s := lost(t)
	q := w.idp.login(t, w.start(t, b, silent(s.ID)), "ann")
	w.idp.err = &oidc.UnreachableError{Err: errors.New("down")}
	if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err == nil || len(w.ends) != 0 {
		t.Errorf("%v, %v", err, w.ends)
	}
}

func TestSomebodyElseAtTheProviderDoesNotConfirm(t *testing.T) {
	w, b, s := lost(t)
	q := w.idp.login(t, w.start(t, b, silent(s.ID)), "bob")
	_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
	if !errors.Is(err, ErrNotConfirmed) || len(w.ends) != 1 || len(w.revoked) != 1 || w.revoked[0].tokens.IDToken != "id-bob" {
		t.Errorf("%v, %v, %+v", err, w.ends, w.revoked)
	}
}

func TestReauthorizationNeverRevivesWhatEnded(t *testing.T) {
	w, b, s := lost(t)
	q := w.idp.login(t, w.start(t, b, silent(s.ID)), "ann")
	w.store.end(s.ID, session.CauseButton)
	_, err := w.Finish(t.Context(), w.now, w.callback(b, q))
	if _, ok := errors.AsType[*session.EndedError](err); !ok || len(w.store.sessions) != 0 || w.idp.spent[q.Get("code")] != 0 {
		t.Errorf("%v", err)
	}
	if _, err := w.Start(t.Context(), w.now, Start{Provider: "main", Binding: b.binding, Silent: true, Session: s.ID}); err == nil {
		t.Error("a re-authorization of an ended session was started")
	}
}

func TestReauthorizationWithoutTheSeatOpensNothing(t *testing.T) {
	w, b, s := lost(t)
	q := w.idp.login(t, w.start(t, b, silent(s.ID)), "ann")
	b.seat = ""
	if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); !errors.Is(err, session.ErrNotFound) || w.idp.spent[q.Get("code")] != 0 {
		t.Errorf("%v", err)
	}
}

func TestSecondTabsReauthorizationSpendsNothing(t *testing.T) {
	w, b, s := lost(t)
	first := w.idp.login(t, w.start(t, b, silent(s.ID)), "ann")
	second := failed(w.idp.login(t, w.start(t, b, silent(s.ID)), "ann"), oidc.LoginRequired)
	w.now = w.now.Add(time.Second)
	for _, q := range []url.Values{first, second, first} {
		if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err != nil {
			t.Errorf("%v", err)
		}
	}
	if len(w.ends) != 0 || w.idp.spent[first.Get("code")] != 1 {
		t.Errorf("ends %v, spent %v", w.ends, w.idp.spent)
	}
}

func TestReauthorizationsThatNeverHelpAreALoop(t *testing.T) {
	w, b, s := lost(t)
	for range loopRounds {
		q := w.idp.login(t, w.start(t, b, silent(s.ID)), "ann")
		w.now = w.now.Add(time.Second)
		if _, err := w.Finish(t.Context(), w.now, w.callback(b, q)); err != nil {
			t.Fatal(err)
		}
		w.store.sessions[s.ID] = s // lost again
	}
	_, err := w.Start(t.Context(), w.now, Start{Provider: "main", Binding: b.binding, Silent: true, Session: s.ID})
	if loop, ok := errors.AsType[*LoopError](err); !ok || loop.Cause != LoopGrant {
		t.Errorf("%v", err)
	}
}
