package web

import (
	"net/http"
	"slices"

	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

// leavingCookies are Set-Cookie lines that expire what this browser holds of the apps
// at this origin. They are made before the session ends, while it is still known what
// the apps set.
func (s *Server) leavingCookies(q *request, id session.ID) []string {
	var lines []string
	for _, a := range q.site.apps {
		if a.Cookies != nil {
			lines = append(lines, a.Cookies.Leaving(q.Context(), id, q.origin, q.Request)...)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func expire(w http.ResponseWriter, lines []string) {
	for _, line := range lines {
		w.Header().Add("Set-Cookie", line)
	}
}

// appByID is an app as pages name it; one that is no longer configured by its id alone.
func (s *Server) appByID(id string) pages.App {
	for i := range s.o.Apps {
		if a := &s.o.Apps[i]; a.Rules.ID == id {
			return a.page()
		}
	}
	return pages.App{Name: id}
}
