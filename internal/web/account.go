package web

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

// AccountStore reads what is known of a person.
type AccountStore interface {
	Person(ctx context.Context, id string) (account.Person, error)
	// ByID returns *session.EndedError for a session that has ended.
	ByID(ctx context.Context, id session.ID) (*session.Session, error)
	List(ctx context.Context, f session.Filter) ([]*session.Session, error)
	AuditEvents(ctx context.Context, f audit.Filter) ([]audit.Event, error)
}

// ErrUnfinished: an identity is unlinked, and some of the sessions that it opened are
// still to end.
var ErrUnfinished = errors.New("sessions of the identity are still to end")

// Unlinker takes an identity from its account and ends the sessions that it opened. It
// returns account.ErrLast, account.ErrNotLinked and ErrUnfinished.
type Unlinker interface {
	Unlink(ctx context.Context, accountID, key, actor, by string) (account.Identity, signout.Sum, error)
}

// OthersEnder ends all sessions of an account but one (package signout).
type OthersEnder interface {
	EndOthers(ctx context.Context, now time.Time, account string, but session.ID, r signout.Request) (int, error)
}

// Pictures keeps the pictures that people upload. Set returns account.ErrPictureTooLarge
// and the other errors of pictures.
type Pictures interface {
	Set(ctx context.Context, now time.Time, accountID string, upload io.Reader) (account.Picture, error)
	Clear(ctx context.Context, now time.Time, accountID string) error
}

// PersonalPage is what the page of a person lives on. All are required but Pictures.
type PersonalPage struct {
	Store      AccountStore
	People     Unlinker
	Others     OthersEnder
	Pictures   Pictures // nil: nobody uploads one
	MaxPicture int64    // bytes of an upload
	FormKey    []byte   // at least 32 random bytes, the same as long as forms are to be taken
	Watch      *Watchers
}

func (p *PersonalPage) complete() bool {
	return p.Store != nil && p.People != nil && p.Others != nil && len(p.FormKey) >= 32 && p.Watch != nil
}

const (
	everywherePath = accountPath + "/sign-out-everywhere"
	// recently is how old an authentication may be for what an app that shares the origin
	// could do in the person's name.
	recently = 5 * time.Minute
)

// accountPage tells whether an own path shows a page of the account.
func accountPage(name string) bool { return name == "account" || name == "account/sign-out-everywhere" }

// account serves a person's own page and what is posted from it. It answers at the
// gateway's own origin; nothing is done at any other.
func (s *Server) account(w http.ResponseWriter, q *request, act string) {
	switch {
	case s.o.Account == nil:
		s.fail(w, q, pages.NotFound, nil)
	case !q.site.gateway:
		redirect(w, s.url(accountPath, nil))
	case act == "":
		s.only(w, q, s.accountShow, http.MethodGet, http.MethodHead)
	case act == "sign-out-everywhere" && q.Method != http.MethodPost:
		s.only(w, q, s.askEverywhere, http.MethodGet, http.MethodHead, http.MethodPost)
	case accountActs[act] != nil:
		s.only(w, q, func(w http.ResponseWriter, q *request) { s.accountAct(w, q, act) }, http.MethodPost)
	default:
		s.fail(w, q, pages.NotFound, nil)
	}
}

// visitor returns the session of whoever asks; it has answered where there is none. A
// page that is visited and a form that is sent are somebody's doing; what the page's
// script asks is not.
func (s *Server) visitor(w http.ResponseWriter, q *request) *session.Session {
	kind := httpx.KindOf(q.Request)
	v := s.o.Guard.Check(q.Context(), q.now, guard.Query{
		App: s.gateway, Origin: string(q.origin), Seat: q.seat(), RawPath: "/", Active: kind == httpx.Navigation || q.Method == http.MethodPost,
	})
	switch {
	case v.Session != nil:
		return v.Session
	case v.Outcome == guard.Unavailable:
		s.fail(w, q, pages.StoreUnavailable, v.Err)
	case q.Method == http.MethodPost:
		i := missing(q, v)
		s.failNoted(w, q, pages.SessionRequired.Status(), pages.Problem{Kind: pages.SessionRequired, RetryURL: q.signInURL(accountPath, nil)}, i, nil)
	case kind == httpx.Navigation:
		redirect(w, q.signInURL(q.localURI(), url.Values{"auto": {"1"}}))
	case kind == httpx.Framed:
		s.o.Pages.OpenInNewTab(w, q.Request, http.StatusUnauthorized, pages.OpenInNewTab{URL: string(q.origin) + accountPath})
	default:
		s.sessionRequired(w, q, http.StatusUnauthorized, v)
	}
	return nil
}

// accountShow is the page.
func (s *Server) accountShow(w http.ResponseWriter, q *request) {
	x := s.visitor(w, q)
	if x == nil {
		return
	}
	view, err := s.accountView(q, x)
	if err != nil {
		if q.Context().Err() == nil { // else nobody is left to tell
			s.failAccount(w, q, err)
		}
		return
	}
	s.o.Pages.Account(w, q.Request, http.StatusOK, view)
}

// failAccount tells why the page cannot be shown. An account that has gone takes its
// sessions with it in a moment.
func (s *Server) failAccount(w http.ResponseWriter, q *request, err error) {
	switch {
	case errors.Is(err, session.ErrUnavailable):
		s.fail(w, q, pages.StoreUnavailable, err)
	case errors.Is(err, session.ErrNotFound), errors.Is(err, account.ErrDisabled):
		s.failWith(w, q, pages.Problem{Kind: pages.SessionRequired, RetryURL: ownPrefix + "/sign-in"}, err)
	default:
		s.fail(w, q, pages.Internal, err)
	}
}

// askEverywhere asks before all sessions of the person end.
func (s *Server) askEverywhere(w http.ResponseWriter, q *request) {
	x := s.visitor(w, q)
	if x == nil {
		return
	}
	s.o.Pages.Confirm(w, q.Request, http.StatusOK, pages.Confirm{
		Kind: pages.ConfirmSignOutEverywhere, Account: pages.Account{Name: x.Handle, Email: believed(x)},
		Provider: s.providerName(x.Provider), Form: s.accountForm(q, x, "sign-out-everywhere", "", ""), CancelURL: accountPath, AgainURL: everywherePath,
	})
}

func believed(x *session.Session) string {
	if x.Profile.EmailBelieved {
		return x.Profile.Email
	}
	return ""
}

// providerName is a provider as pages name it; one that is no longer configured has its
// id alone.
func (s *Server) providerName(id string) string { return cmp.Or(s.providers[id].Name, id) }

// accountForm is a form of the page: what it names, and a token that says it is ours.
func (s *Server) accountForm(q *request, x *session.Session, act, field, of string) pages.Form {
	f := pages.Form{Action: accountPath + "/" + act, Hidden: []pages.Field{
		{Name: tokenField, Value: s.forms().token(q.now, x.ID, act, of)},
	}}
	if field != "" {
		f.Hidden = append(f.Hidden, pages.Field{Name: field, Value: of})
	}
	return f
}

// recent tells whether the person authenticated so recently that the act is theirs. Where
// no app shares the origin nobody else can post the form.
func (s *Server) recent(q *request, x *session.Session) bool {
	age := q.now.Sub(x.AuthTime)
	return len(q.site.apps) == 0 || age <= recently && age >= -formAhead // one to come is of a clock that was set back since
}

// anew leads to a newer sign-in, and back to where the act waits for one more click. It
// is answered by a page, since a redirect would meet the form-action policy of ours.
func (s *Server) anew(w http.ResponseWriter, q *request, x *session.Session, back string) {
	s.lead(w, q, signin.Start{
		Provider: x.Provider, Binding: q.ensureBinding(w), Target: signin.Target{Origin: string(s.o.Public), Path: back},
		Root: accountPath, MaxAge: recently,
	})
}

// lead leads on to a provider by a page.
func (s *Server) lead(w http.ResponseWriter, q *request, start signin.Start) {
	target, err := s.o.SignIn.Start(q.Context(), q.now, start)
	if err == nil && s.down(q.Context(), start.Provider) {
		err = errProviderSilent
	}
	if err != nil {
		s.failSignIn(w, q, start.Provider, start.Target, err)
		return
	}
	s.o.Pages.MoveOn(w, q.Request, http.StatusOK, pages.MoveOn{
		Purpose: pages.MoveOnSignIn, Provider: s.providerName(start.Provider), URL: target,
	})
}

// waiting is the address of the page on which an act waits for the person's word.
func waiting(act pages.AccountActKind, of string) string {
	return accountPath + "?" + url.Values{"act": {string(act)}, "of": {of}}.Encode()
}

// done leads back to the page, which says what was done.
func done(w http.ResponseWriter, notice pages.AccountNotice) { doneOf(w, notice, "") }

// doneOf is done of a provider.
func doneOf(w http.ResponseWriter, notice pages.AccountNotice, provider string) {
	query := url.Values{"done": {string(notice)}}
	if provider != "" {
		query.Set("provider", provider)
	}
	redirect(w, accountPath+"?"+query.Encode())
}

// linkOffered tells whether the page offers to link an identity of a provider, and whether
// one is linked already. Where that one opened this session another is not offered: whoever
// signs in there as somebody else replaces the provider's own session in this browser, and
// the provider would refuse to renew ours.
func linkOffered(p account.Person, x *session.Session, provider string) (offered, another bool) {
	another = slices.ContainsFunc(p.Identities, func(i account.Identity) bool { return i.Provider == provider })
	return !another || provider != x.Provider, another
}

// forgetProvider takes a provider from the head of this browser's choice pages.
func (q *request) forgetProvider(w http.ResponseWriter, provider string) {
	if httpx.CookieValue(q.Header, q.cookies.Provider) == provider {
		q.cookies.ForgetProvider(w)
	}
}

// configured tells whether a provider is.
func (s *Server) configured(provider string) bool {
	_, ok := s.providers[provider]
	return ok
}
