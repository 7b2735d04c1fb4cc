package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	tokenField = "token"
	// formLife is how long a page that was left open can still be used.
	formLife = 12 * time.Hour
	// formAhead allows for nodes whose clocks differ.
	formAhead = 2 * time.Minute
	tokenSize = 8 + sha256.Size
)

// forms makes and checks the tokens of the account page's forms. A token holds for one
// session, one act, one thing that it is about, and 12 hours. It may be used again: every
// act says when it was done already.
type forms struct{ key []byte }

func (s *Server) forms() forms { return forms{s.o.Account.FormKey} }

func (f forms) token(now time.Time, id session.ID, act, of string) string {
	b := make([]byte, 8, tokenSize)
	binary.BigEndian.PutUint64(b, uint64(max(now.Unix(), 0)))
	return base64.RawURLEncoding.EncodeToString(f.mac(b, id, act, of))
}

// mac appends the authentication of what it is given. Every field carries its length, so
// that no two lists of fields read the same.
func (f forms) mac(at []byte, id session.ID, act, of string) []byte {
	h := hmac.New(sha256.New, f.key)
	_, _ = fmt.Fprintf(h, "account form\x00%d\x00%s%d\x00%s%d\x00%s", len(id), id, len(act), act, len(of), of)
	h.Write(at[:8])
	return h.Sum(at[:8:8])
}

// errForm: a token that we did not make for this session and act, or too long ago.
var errForm = errors.New("form token does not hold here")

func (f forms) check(now time.Time, token string, id session.ID, act, of string) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != tokenSize {
		return errForm
	}
	if !hmac.Equal(b, f.mac(append([]byte(nil), b[:8]...), id, act, of)) {
		return errForm
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(b)), 0)
	if now.Sub(at) > formLife || at.Sub(now) > formAhead {
		return errForm
	}
	return nil
}

// readForm reads a small form, and checks its token for what the field names. It has
// answered when it returns false.
func (s *Server) readForm(w http.ResponseWriter, q *request, x *session.Session, act, field string) (of string, ok bool) {
	media, _, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		s.failAs(w, q, http.StatusUnsupportedMediaType, pages.Problem{Kind: pages.BadRequest, RetryURL: accountPath}, errors.New("account's form has another media type"))
		return "", false
	}
	q.bound(w, maxForm)
	if err := q.ParseForm(); err != nil {
		s.failForm(w, q, err)
		return "", false
	}
	token, of := one(q, tokenField), ""
	if field != "" {
		of = one(q, field)
	}
	if err := s.forms().check(q.now, token, x.ID, act, of); err != nil || field != "" && of == "" {
		s.failStale(w, q)
		return "", false
	}
	return of, true
}

// one is the value of a field that a form has once.
func one(q *request, field string) string {
	if v := q.PostForm[field]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// failForm tells of a form that cannot be read.
func (s *Server) failForm(w http.ResponseWriter, q *request, err error) {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		s.failWith(w, q, pages.Problem{Kind: pages.FormTooLarge, RetryURL: accountPath}, errors.New("account's form is larger than is read"))
		return
	}
	s.failWith(w, q, pages.Problem{Kind: pages.BadRequest, RetryURL: accountPath}, errors.New("account's form cannot be parsed"))
}

// failStale tells of a form that is not of this session, not for this act, or too old.
func (s *Server) failStale(w http.ResponseWriter, q *request) {
	s.failWith(w, q, pages.Problem{Kind: pages.FormStale, RetryURL: accountPath}, errForm)
}
