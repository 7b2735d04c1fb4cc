package web

import (
	"net/http"
	"net/url"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
)

// language remembers, at this origin, the language that the person chose, and shows the
// page that they came from. What comes from elsewhere chooses nothing.
func (s *Server) language(w http.ResponseWriter, q *request) {
	query := q.URL.Query()
	to := query.Get("to")
	changed := byPerson(q) && s.o.Pages.Speaks(to)
	if changed {
		s.speak(w, q, to)
	}
	if back, ok := shownAgain(query.Get("return")); ok {
		redirect(w, back)
		return
	}
	if !changed {
		redirect(w, q.site.home())
		return
	}
	view := pages.LanguageChanged{HomeURL: q.site.home()}
	if reference := query.Get("reference"); pages.Reference(reference) {
		view.Incident = reference
	}
	s.o.Pages.LanguageChanged(w, q.Request, http.StatusOK, view)
}

// byPerson tells whether a link on a page of this origin was followed. On plain http
// beyond loopback browsers do not tell where a request comes from, and whoever wants to
// meddle there can write the cookie itself.
func byPerson(q *request) bool {
	if httpx.OwnNavigation(q.Request) {
		return true
	}
	return !q.origin.Secure() && !q.origin.Loopback() && q.Header.Get("Sec-Fetch-Site") == "" && httpx.KindOf(q.Request) == httpx.Navigation
}

// speak remembers a language, for the answer to this request too.
func (s *Server) speak(w http.ResponseWriter, q *request, to string) {
	q.cookies.SetLanguage(w, to)
	q.Request = q.WithContext(pages.InLanguage(q.Context(), to))
}

// shownAgain returns a path of this origin that may be asked for once more: one of an
// app, or an own one that only shows something.
func shownAgain(target string) (string, bool) {
	p, ok := httpx.LocalPath(target)
	if !ok {
		return "", false
	}
	u, err := url.Parse(p)
	if err != nil {
		return "", false
	}
	name, own := ownPath(u.EscapedPath())
	return p, !own || pages.ShowsAgain(name) || name == "sign-out" && u.Query().Get(askParam) != ""
}

// langParam carries a chosen language between two origins of a sign-in.
const langParam = "lang"

// carryLanguage adds the language that was chosen here to an address at another origin.
func (s *Server) carryLanguage(q *request, target string) string {
	chosen := s.o.Pages.Chosen(q.Request)
	if chosen == "" {
		return target
	}
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	query := u.Query()
	query.Set(langParam, chosen)
	u.RawQuery = query.Encode()
	return u.String()
}

// takeLanguage remembers the language that was chosen where this browser comes from. A
// choice that was made here stands.
func (s *Server) takeLanguage(w http.ResponseWriter, q *request) {
	if to := q.URL.Query().Get(langParam); s.o.Pages.Speaks(to) && s.o.Pages.Chosen(q.Request) == "" {
		s.speak(w, q, to)
	}
}
