package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

// Avatars are people's pictures.
type Avatars interface {
	// Of returns the hash and the source of what is shown of an account; "" where nothing is.
	Of(ctx context.Context, accountID string) (hash, source string, err error)
	// ByHash returns session.ErrNotFound for a hash that nobody has.
	ByHash(ctx context.Context, hash string) (account.Picture, error)
}

// pictureless is Avatars where there are none.
type pictureless struct{}

func (pictureless) Of(context.Context, string) (hash, source string, err error) { return "", "", nil }
func (pictureless) ByHash(context.Context, string) (account.Picture, error) {
	return account.Picture{}, session.ErrNotFound
}

// pictureOf returns the path of a session's picture; "" without one, or without a store:
// nothing depends on a picture.
func (s *Server) pictureOf(q *request, x *session.Session) string {
	hash, _, err := s.o.Avatars.Of(q.Context(), x.Account)
	if err != nil || hash == "" {
		return ""
	}
	return ownPrefix + "/avatar/" + url.PathEscape(hash)
}

// ownAvatar leads to the picture of whoever asks, or is their initial.
func (s *Server) ownAvatar(w http.ResponseWriter, q *request) {
	v := s.check(q, nil, "/")
	if v.Session == nil {
		s.withoutSession(w, q, v)
		return
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	if path := s.pictureOf(q, v.Session); path != "" {
		w.Header().Set("Location", path)
		w.WriteHeader(http.StatusFound)
		return
	}
	x := v.Session
	servePicture(w, q, "image/svg+xml", initial(x.Account, x.Profile.Name, x.Handle))
}

// avatar serves a picture by the hash of its content. Whoever has a session may see it:
// apps show people to each other.
func (s *Server) avatar(w http.ResponseWriter, q *request, hash string) {
	v := s.check(q, nil, "/")
	if v.Session == nil {
		s.withoutSession(w, q, v)
		return
	}
	p, err := s.o.Avatars.ByHash(q.Context(), hash)
	switch {
	case errors.Is(err, session.ErrNotFound):
		s.fail(w, q, pages.NotFound, nil)
		return
	case errors.Is(err, session.ErrUnavailable):
		s.fail(w, q, pages.StoreUnavailable, err)
		return
	case err != nil:
		s.fail(w, q, pages.Internal, err)
		return
	}
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	servePicture(w, q, p.Type, p.Bytes)
}

// servePicture answers with bytes that are a picture to everybody, whatever they are
// opened as: nothing in them runs, and no other site loads them.
func servePicture(w http.ResponseWriter, q *request, media string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Disposition", `inline; filename="avatar`+extensions[media]+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Cookie")
	w.WriteHeader(http.StatusOK)
	if q.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

var extensions = map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/svg+xml": ".svg"}
