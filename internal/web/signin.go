package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/access"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signin"
	"github.com/cardea-auth/cardea/internal/signout"
)

var errProviderSilent = &oidc.UnreachableError{Err: errors.New("no connection to its own address is to be had")}

// wanted is what a visit to the sign-in page asks for.
type wanted struct {
	target   signin.Target
	seatFor  string // sealed request of another origin for a seat
	app      *App   // nil when no app lives at the target
	auto     bool   // a page was asked for, and nobody clicked "sign in"
	renew    bool   // somebody who is signed in wants to be for longer
	provider string
	domain   string             // of the e-mail address that the person signs in with; "" unknown
	hint     string             // whom the provider should expect (OpenID Connect Core section 3.1.2.1)
	unlinked string             // provider of an identity that the account signed in here lost: nobody is led there unasked
	ended    *session.Tombstone // the end of this browser's last session, as far as it is known
}

// signIn starts a sign-in. At an app's own origin it first goes to the gateway's, which
// alone knows whether this browser is signed in.
func (s *Server) signIn(w http.ResponseWriter, q *request) {
	if s.initiated(w, q) {
		return
	}
	switch httpx.KindOf(q.Request) {
	case httpx.Navigation:
	case httpx.Framed:
		s.o.Pages.OpenInNewTab(w, q.Request, http.StatusUnauthorized, pages.OpenInNewTab{URL: string(q.origin) + q.localURI()})
		return
	default:
		s.sessionRequired(w, q, http.StatusUnauthorized, guard.Verdict{})
		return
	}
	if !q.site.gateway {
		s.toGateway(w, q)
		return
	}
	want, err := s.wanted(q)
	if err != nil {
		s.fail(w, q, pages.SignInExpired, err)
		return
	}
	if want.seatFor != "" {
		s.takeLanguage(w, q)
	}
	s.signInAt(w, q, want)
}

// toGateway carries the wish for a seat to the gateway's origin, bound to this browser.
func (s *Server) toGateway(w http.ResponseWriter, q *request) {
	query := q.URL.Query()
	target := q.site.local(query.Get("return"))
	if len(target) > signin.MaxSeatPath { // too long to carry: the app's own root
		target = rootOf(q.site.app(pathOf(target)))
	}
	sealed, err := s.o.SignIn.RequestSeat(q.now, string(q.origin), target, q.ensureBinding(w))
	if err != nil {
		s.fail(w, q, pages.Internal, err)
		return
	}
	on := url.Values{"seat": {sealed}}
	for _, name := range []string{"auto", "provider", "renew", "login_hint", "domain_hint"} {
		if v := query.Get(name); v != "" {
			on.Set(name, v)
		}
	}
	redirect(w, s.carryLanguage(q, s.url(ownPrefix+"/sign-in", on)))
}

func (s *Server) wanted(q *request) (wanted, error) {
	query := q.URL.Query()
	want := wanted{auto: query.Get("auto") == "1", renew: query.Get("renew") == "1", provider: query.Get("provider"), seatFor: query.Get("seat")}
	if hint := query.Get("login_hint"); len(hint) <= maxHint {
		want.hint = hint
	}
	want.domain = hintedDomain(query.Get("domain_hint"), want.hint)
	if want.seatFor != "" {
		target, err := s.o.SignIn.ReadSeatRequest(q.now, want.seatFor)
		if err != nil {
			return wanted{}, err
		}
		want.target = target
	} else {
		want.target = signin.Target{Origin: string(s.o.Public), Path: q.site.local(query.Get("return"))}
	}
	site := s.sites.find(httpx.Origin(want.target.Origin))
	if site == nil {
		return wanted{}, errors.New("the origin that asks for a seat is not served here")
	}
	want.app = site.app(pathOf(want.target.Path))
	return want, nil
}

// rootOf is where an app begins.
func rootOf(app *App) string {
	if app == nil {
		return "/"
	}
	return app.Path
}

// signInAt decides, at the gateway's origin, between a seat for the session that this
// browser has, the signed-out page, the choice of a provider, and the provider.
func (s *Server) signInAt(w http.ResponseWriter, q *request, want wanted) {
	var rules *guard.App
	if want.app != nil {
		rules = want.app.Rules
	}
	v := s.check(q, rules, pathOf(want.target.Path))
	start := signin.Start{
		Binding: q.ensureBinding(w), Target: want.target, Root: rootOf(want.app), SeatFor: want.seatFor, MaxAge: v.MaxAge,
		ACRValues: v.ACR, LoginHint: want.hint,
	}
	switch v.Outcome {
	case guard.Unavailable:
		s.fail(w, q, pages.StoreUnavailable, v.Err)
		return
	case guard.Allow, guard.Denied:
		if want.renew && v.Outcome == guard.Allow {
			start.Provider = v.Session.Provider
			s.toProvider(w, q, start)
			return
		}
		if v.Session != nil && !(v.Decision.Reason == access.ReasonProvider && want.provider != "") {
			s.enter(w, q, want, v)
			return
		}
	case guard.Reauthorize:
		start.Silent, start.Session, start.Provider = true, v.Session.ID, v.Session.Provider
		s.toProvider(w, q, start)
		return
	case guard.TooOld, guard.TooWeak:
		start.Provider = v.Session.Provider
		s.toProvider(w, q, start)
		return
	case guard.NoSession:
		ended := v.Ended
		want.ended = ended
		if want.auto && ended != nil && signout.RuleOf(ended.Cause, signout.ModeProvider).Stay {
			s.stayOut(w, q, want, *ended)
			return
		}
		// A cookie that names no live session was left by a sign-out, unless the record
		// says otherwise.
		if ended != nil && ended.Cause == session.CauseIdentity {
			want.unlinked = ended.Provider
		}
		start.Fresh = q.seat() != "" && (ended == nil || ended.Fresh)
	}
	s.chooseProvider(w, q, want, start)
}

// stayOut answers a page that was asked for after a sign-out: by the signed-out page,
// or first by the provider's logout where a script's sign-out could not lead there.
func (s *Server) stayOut(w http.ResponseWriter, q *request, want wanted, ended session.Tombstone) {
	if !s.goLater(w, q, ended) {
		redirect(w, s.signedOutURL(want.target))
	}
}

// goLater leads the browser to the provider's logout where a script's sign-out could
// not, and reports whether it did.
func (s *Server) goLater(w http.ResponseWriter, q *request, ended session.Tombstone) bool {
	call, ok := s.o.SignOut.LaterCall(q.Context(), q.now, ended)
	switch {
	case !ok:
		return false
	case call.Form == nil:
		redirect(w, call.URL)
	default:
		s.moveOn(w, q, call, s.providers[ended.Provider].Name)
	}
	return true
}

// enter leads a browser that is signed in to where it wanted to go.
func (s *Server) enter(w http.ResponseWriter, q *request, want wanted, v guard.Verdict) {
	if want.seatFor == "" {
		redirect(w, want.target.Path)
		return
	}
	target, err := s.o.SignIn.OfferSeat(q.now, v.Session, want.seatFor)
	if err != nil {
		s.fail(w, q, pages.SignInExpired, err)
		return
	}
	redirect(w, s.carryLanguage(q, target))
}

func (s *Server) chooseProvider(w http.ResponseWriter, q *request, want wanted, start signin.Start) {
	offered := s.offered(want.app)
	switch {
	case slices.Contains(offered, want.provider):
		start.Provider = want.provider
	case len(offered) == 1 && offered[0] != want.unlinked:
		start.Provider = offered[0]
	default:
		if start.Provider = s.ofDomain(offered, want.domain); start.Provider == "" || start.Provider == want.unlinked {
			s.choice(w, q, want, offered)
			return
		}
	}
	if ended := want.ended; ended != nil && ended.Provider == start.Provider && !s.down(q.Context(), start.Provider) {
		s.o.SignOut.TellNow(q.Context(), q.now, *ended)
	}
	s.toProvider(w, q, start)
}

// hintedDomain is the domain that a link names, else the one of the address that it names.
func hintedDomain(domain, address string) string {
	if domain == "" {
		if at := strings.LastIndexByte(address, '@'); at > 0 {
			domain = address[at+1:]
		}
	}
	if len(domain) > maxHint {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(domain, "."))
}

// ofDomain is the one provider on offer where the people of an e-mail domain sign in; ""
// where there is none, or more than one. It only spares a click: who somebody is, the
// provider says.
func (s *Server) ofDomain(offered []string, domain string) string {
	found := ""
	for _, id := range offered {
		if domain == "" || !slices.Contains(s.providers[id].Domains, domain) {
			continue
		}
		if found != "" {
			return ""
		}
		found = id
	}
	return found
}

// offered lists the providers that an app takes; the gateway's own pages take all.
func (s *Server) offered(app *App) []string {
	if app != nil {
		return app.Providers
	}
	ids := make([]string, 0, len(s.o.Providers))
	for _, p := range s.o.Providers {
		ids = append(ids, p.ID)
	}
	return ids
}

func (s *Server) choice(w http.ResponseWriter, q *request, want wanted, offered []string) {
	view := pages.Choice{}
	if want.app != nil {
		view.App = want.app.page()
	}
	last := httpx.CookieValue(q.Header, q.cookies.Provider)
	for _, id := range offered {
		query := url.Values{"provider": {id}}
		if want.hint != "" {
			query.Set("login_hint", want.hint)
		}
		if want.seatFor != "" {
			query.Set("seat", want.seatFor)
		} else if want.target.Path != "/" {
			query.Set("return", want.target.Path)
		}
		p := s.providers[id]
		view.Providers = append(view.Providers, pages.ChoiceProvider{
			Name: p.Name, Host: p.Host, URL: ownPrefix + "/sign-in?" + query.Encode(), Remembered: id == last,
			Unlinked: id == want.unlinked,
		})
	}
	s.o.Pages.Choice(w, q.Request, http.StatusOK, view)
}

func (s *Server) toProvider(w http.ResponseWriter, q *request, start signin.Start) {
	start.UILocales = s.o.Pages.UILocales(q.Request)
	target, err := s.o.SignIn.Start(q.Context(), q.now, start)
	if err == nil && s.down(q.Context(), start.Provider) {
		err = errProviderSilent
	}
	if err != nil {
		s.failSignIn(w, q, start.Provider, start.Target, err)
		return
	}
	redirect(w, target)
}
