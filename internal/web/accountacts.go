package web

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// accountActs are what can be posted from the page. Every one may be sent again: what is
// done already is said to be.
var accountActs = map[string]func(*Server, http.ResponseWriter, *request, *session.Session){
	"sign-out":            (*Server).signOutThere,
	"sign-out-everywhere": (*Server).signOutEverywhere,
	"link":                (*Server).beginLink,
	"unlink":              (*Server).unlink,
	"avatar":              (*Server).setPicture,
	"avatar-remove":       (*Server).removePicture,
}

// accountAct runs an act of somebody who is signed in, posted by a page of this origin.
func (s *Server) accountAct(w http.ResponseWriter, q *request, act string) {
	if !httpx.FromOrigin(q.Request, q.origin) {
		s.fail(w, q, pages.OriginRefused, errors.New("an act on an account was posted from another origin"))
		return
	}
	if x := s.visitor(w, q); x != nil {
		accountActs[act](s, w, q, x)
	}
}

// signOutThere ends one session of the account. One of another account is not found: ids
// are no secrets, and tell nothing here.
func (s *Server) signOutThere(w http.ResponseWriter, q *request, x *session.Session) {
	of, ok := s.readForm(w, q, x, "sign-out", "session")
	if !ok {
		return
	}
	id := session.ID(of)
	if id == x.ID {
		s.end(w, q, x, ModeProvider, accountPath)
		return
	}
	found, err := s.o.Account.Store.ByID(q.Context(), id)
	if ended, gone := errors.AsType[*session.EndedError](err); gone && ended.Tombstone.Account == x.Account {
		done(w, pages.NoticeSignedOutBefore)
		return
	} else if gone || errors.Is(err, session.ErrNotFound) || err == nil && found.Account != x.Account {
		s.failWith(w, q, pages.Problem{Kind: pages.NotFound, RetryURL: accountPath}, nil)
		return
	}
	if err != nil {
		s.failAccount(w, q, err)
		return
	}
	if !s.recent(q, x) {
		s.anew(w, q, x, waiting(pages.ActSignOut, of))
		return
	}
	_, err = s.o.SignOut.End(q.Context(), q.now, signout.Request{
		Session: id, Cause: session.CauseEverywhere, By: audit.ActorPerson, Known: found,
	})
	switch {
	case errors.Is(err, signout.ErrNotDurable):
		done(w, pages.NoticeNotDurable)
	case errors.Is(err, session.ErrNotFound):
		done(w, pages.NoticeSignedOutBefore)
	case err != nil:
		s.fail(w, q, pages.StoreUnavailable, err)
	default:
		done(w, pages.NoticeSignedOut)
	}
}

// signOutEverywhere ends the others first: whoever is told that one of them goes on still
// has a session to try again with.
func (s *Server) signOutEverywhere(w http.ResponseWriter, q *request, x *session.Session) {
	if _, ok := s.readForm(w, q, x, "sign-out-everywhere", ""); !ok {
		return
	}
	if !s.recent(q, x) {
		s.anew(w, q, x, everywherePath)
		return
	}
	everywhere := signout.Request{Cause: session.CauseEverywhere, By: audit.ActorPerson}
	others, err := s.o.Account.Others.EndOthers(q.Context(), q.now, x.Account, x.ID, everywhere)
	if err != nil && !errors.Is(err, signout.ErrNotDurable) {
		s.fail(w, q, pages.StoreUnavailable, err)
		return
	}
	everywhere.Here, everywhere.Others = true, others
	s.endAs(w, q, x, everywhere, accountPath)
}

// beginLink leads to a second provider. What is proven there is linked by the callback.
func (s *Server) beginLink(w http.ResponseWriter, q *request, x *session.Session) {
	provider, ok := s.readForm(w, q, x, "link", "provider")
	if !ok {
		return
	}
	if _, configured := s.providers[provider]; !configured {
		s.failWith(w, q, pages.Problem{Kind: pages.NotFound, RetryURL: accountPath}, nil)
		return
	}
	person, err := s.o.Account.Store.Person(q.Context(), x.Account)
	if err != nil {
		s.failAccount(w, q, err)
		return
	}
	if offered, _ := linkOffered(person, x, provider); !offered {
		s.failStale(w, q)
		return
	}
	if !s.recent(q, x) {
		s.anew(w, q, x, waiting(pages.ActLink, provider))
		return
	}
	s.lead(w, q, signin.Start{
		Provider: provider, Binding: q.ensureBinding(w), Target: signin.Target{Origin: string(s.o.Public), Path: accountPath},
		Root: accountPath, Link: x.ID,
	})
}

// unlink takes an identity from the account, and with it the sessions that it opened:
// this one may be among them.
func (s *Server) unlink(w http.ResponseWriter, q *request, x *session.Session) {
	key, ok := s.readForm(w, q, x, "unlink", "identity")
	if !ok {
		return
	}
	person, err := s.o.Account.Store.Person(q.Context(), x.Account)
	if err != nil {
		s.failAccount(w, q, err)
		return
	}
	of, linked := person.ByKey(key)
	switch {
	case !linked:
		done(w, pages.NoticeUnlinkedBefore)
		return
	case person.LastWay(of.Identity, s.configured):
		done(w, pages.NoticeLast)
		return
	case !s.recent(q, x):
		s.anew(w, q, x, waiting(pages.ActUnlink, key))
		return
	}
	gone := s.leavingCookies(q, x.ID) // while it is known what the apps set
	_, _, err = s.o.Account.People.Unlink(audit.InSession(q.Context(), string(x.ID)), x.Account, key, audit.ActorPerson, audit.ActorPerson)
	s.o.Account.Watch.Changed(x.Account)
	if err == nil || errors.Is(err, ErrUnfinished) {
		q.forgetProvider(w, of.Provider)
	}
	switch {
	case errors.Is(err, account.ErrLast):
		done(w, pages.NoticeLast)
	case errors.Is(err, account.ErrNotLinked):
		doneOf(w, pages.NoticeUnlinkedBefore, of.Provider)
	case err != nil && !errors.Is(err, ErrUnfinished):
		s.failAccount(w, q, err)
	case of.Identity == x.Identity:
		expire(w, gone)
		s.keepSeat(w, q, nil)
		redirect(w, ownPrefix+"/signed-out?return="+accountPath)
	case err != nil:
		doneOf(w, pages.NoticeUnlinkUnfinished, of.Provider)
	default:
		doneOf(w, pages.NoticeUnlinked, of.Provider)
	}
}

const (
	// drained is how much of a picture that is refused is read all the same: a browser
	// whose connection is cut while it sends shows no answer.
	drained = 32 << 20
	// uploadWithin bounds the time that an upload takes.
	uploadWithin = time.Minute
	// maxToken bounds the part of a form that holds its token.
	maxToken = 1 << 10
)

// setPicture takes an upload. The token is the form's first part: nothing of a picture is
// read before it holds.
func (s *Server) setPicture(w http.ResponseWriter, q *request, x *session.Session) {
	if s.o.Account.Pictures == nil {
		s.fail(w, q, pages.NotFound, nil)
		return
	}
	if q.ContentLength > drained {
		s.failForm(w, q, &http.MaxBytesError{Limit: drained})
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadWithin)) // without deadlines the listener's own holds
	q.bound(w, drained)
	parts, err := q.MultipartReader()
	if err != nil {
		s.failAs(w, q, http.StatusUnsupportedMediaType, pages.Problem{Kind: pages.BadRequest, RetryURL: accountPath}, errors.New("picture's form has another media type"))
		return
	}
	first, err := parts.NextPart()
	if err != nil {
		s.failForm(w, q, err)
		return
	}
	token, err := io.ReadAll(io.LimitReader(first, maxToken))
	if err != nil {
		s.failForm(w, q, err)
		return
	}
	if first.FormName() != tokenField || s.forms().check(q.now, string(token), x.ID, "avatar", "") != nil {
		s.failStale(w, q)
		return
	}
	picture, err := parts.NextPart()
	if err != nil && !errors.Is(err, io.EOF) {
		s.failForm(w, q, err)
		return
	}
	if picture == nil || picture.FormName() != "picture" || strings.TrimSpace(picture.FileName()) == "" {
		done(w, pages.NoticePictureMissing)
		return
	}
	_, err = s.o.Account.Pictures.Set(q.Context(), q.now, x.Account, picture)
	_, rest := io.Copy(io.Discard, q.Body)
	s.pictured(w, q, x, err, rest)
}

// pictured tells what became of an upload; rest is what reading the remainder ended in.
func (s *Server) pictured(w http.ResponseWriter, q *request, x *session.Session, err, rest error) {
	_, large := errors.AsType[*http.MaxBytesError](rest)
	switch {
	case err == nil:
		s.o.Account.Watch.Changed(x.Account)
		done(w, pages.NoticePicture)
	case large:
		s.failForm(w, q, rest)
	case errors.Is(err, account.ErrPictureTooLarge):
		done(w, pages.NoticePictureTooLarge)
	case errors.Is(err, account.ErrPictureDimensions):
		done(w, pages.NoticePictureTooWide)
	case errors.Is(err, account.ErrPictureFormat):
		done(w, pages.NoticePictureUnfit)
	case errors.Is(err, account.ErrPictureBusy):
		done(w, pages.NoticePictureBusy)
	default:
		s.failAccount(w, q, err)
	}
}

// removePicture goes back to the provider's picture, or to none.
func (s *Server) removePicture(w http.ResponseWriter, q *request, x *session.Session) {
	if s.o.Account.Pictures == nil {
		s.fail(w, q, pages.NotFound, nil)
		return
	}
	if _, ok := s.readForm(w, q, x, "avatar-remove", ""); !ok {
		return
	}
	if err := s.o.Account.Pictures.Clear(q.Context(), q.now, x.Account); err != nil {
		s.failAccount(w, q, err)
		return
	}
	s.o.Account.Watch.Changed(x.Account)
	done(w, pages.NoticePictureRemoved)
}
