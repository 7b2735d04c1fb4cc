package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/signin"
)

// maxCallback bounds a posted authorization response.
const maxCallback = 16 << 10

// callback takes a provider's answer. One that is posted comes from the provider's
// site, and the cookies that tell browsers apart stay at home: it is bounced through a
// GET of our own first (OAuth 2.0 Form Post Response Mode).
func (s *Server) callback(w http.ResponseWriter, q *request, provider string) {
	known, ok := s.providers[provider]
	if !ok {
		p := pages.Problem{Kind: pages.NotFound}
		s.failNoted(w, q, p.Kind.Status(), p, incident.Incident{Reason: reasonOf(signin.ErrProvider)}, nil)
		return
	}
	q.provider = provider
	if q.Method == http.MethodPost {
		q.bound(w, maxCallback)
		if err := q.ParseForm(); err != nil {
			s.fail(w, q, pages.BadRequest, errors.New("posted answer cannot be parsed"))
			return
		}
		redirect(w, ownPrefix+"/callback/"+provider+"?"+known.passedOn(q.PostForm).Encode())
		return
	}
	query, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		s.fail(w, q, pages.BadRequest, errors.New("callback's query cannot be parsed"))
		return
	}
	res, err := s.o.SignIn.Finish(q.Context(), q.now, signin.Callback{
		Provider: provider, Binding: q.binding(), Seat: q.seat(), Query: query, Scheme: q.client.Scheme,
		UserAgent: q.UserAgent(), Address: q.client.Addr.String(),
	})
	if f, ok := errors.AsType[*signin.Failure](err); ok {
		q.incident = f.Incident
		if !f.Linking && errors.Is(err, signin.ErrOtherBrowser) && validBinding(q.binding()) {
			redirect(w, again(f))
			return
		}
	}
	if err != nil {
		s.failSignIn(w, q, provider, signin.Target{}, err)
		return
	}
	if res.Linked != nil {
		s.changed(res.Session)
		s.linked(w, res)
		return
	}
	s.arrive(w, q, res)
}

// maxPosted bounds what a provider posts of a person beside the code, for an address.
const maxPosted = 2 << 10

// passedOn is what of a posted answer goes on to the GET.
func (p Provider) passedOn(form url.Values) url.Values {
	on := url.Values{}
	for _, name := range []string{"state", cmp.Or(p.CodeParam, "code"), "iss", "error", "session_state"} {
		if v, ok := form[name]; ok {
			on[name] = v
		}
	}
	if told := form[p.UserParam]; p.UserParam != "" && len(told) == 1 && len(told[0]) <= maxPosted {
		on[p.UserParam] = told
	}
	return on
}

// again is a sign-in of this browser's own to where another attempt meant to go. Tabs
// that were opened at once in a new browser all got a binding, and one of them stayed:
// the other tabs' answers look like another browser's. A linking is not begun anew: it was
// a person's own act, and theirs to repeat. Nothing of the answer is used,
// and a browser that returns no binding at all is not sent round in circles.
func again(f *signin.Failure) string {
	query := url.Values{"provider": {f.Provider}}
	switch {
	case f.SeatFor != "":
		query.Set("seat", f.SeatFor)
	case f.Target.Path != "/":
		query.Set("return", f.Target.Path)
	}
	return ownPrefix + "/sign-in?" + query.Encode()
}

func (s *Server) arrive(w http.ResponseWriter, q *request, res signin.Result) {
	if res.SeatValue != "" {
		q.cookies.SetSeat(w, res.SeatValue, s.cookieLife(httpx.Origin(res.Target.Origin), res.Target.Path))
		if len(s.providers) > 1 {
			q.cookies.SetProvider(w, q.provider) // stands first on the next choice page
		}
	}
	s.changed(res.Session)
	if res.SeatFor == "" {
		redirect(w, res.Target.Path)
		return
	}
	target, err := s.o.SignIn.OfferSeat(q.now, res.Session, res.SeatFor)
	if err != nil {
		s.fail(w, q, pages.SignInExpired, err)
		return
	}
	redirect(w, s.carryLanguage(q, target))
}

// cookieLife is the life of a seat cookie by the app that it is for. A person's own page
// takes it for one that lasts where every app does.
func (s *Server) cookieLife(o httpx.Origin, target string) time.Duration {
	if site := s.sites.find(o); site != nil {
		if site.account && accountPage(strings.TrimPrefix(pathOf(target), ownPrefix+"/")) && !slices.ContainsFunc(s.o.Apps, func(a App) bool { return !a.Persistent }) {
			return s.o.Absolute
		}
		if app := site.app(pathOf(target)); app != nil && app.Persistent {
			return s.o.Absolute
		}
	}
	return 0
}

// takeSeat ends the way of a seat to an app's own origin.
func (s *Server) takeSeat(w http.ResponseWriter, q *request) {
	_, value, path, err := s.o.SignIn.TakeSeat(q.Context(), q.now, q.URL.Query().Get("code"), string(q.origin), q.binding())
	if errors.Is(err, signin.ErrOtherBrowser) && path != "" && validBinding(q.binding()) {
		redirect(w, q.signInURL(path, nil)) // as again does
		return
	}
	if err != nil {
		s.failSignIn(w, q, "", signin.Target{Origin: string(q.origin)}, err)
		return
	}
	s.takeLanguage(w, q)
	q.cookies.SetSeat(w, value, s.cookieLife(q.origin, path))
	redirect(w, path)
}
