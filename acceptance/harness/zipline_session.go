package harness

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	ziplineCookie = "zipline_session"
	ziplineLife   = 14 * 24 * time.Hour
)

// ziplineState is what the sealed cookie holds: which row, and a sign-in under way.
type ziplineState struct {
	User     int    `json:"id,omitempty"`
	Session  string `json:"sessionId,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	Verifier string `json:"verifier,omitempty"`
}

// ziplineSeal encrypts what people must neither read nor make up.
type ziplineSeal struct{ aead cipher.AEAD }

func newZiplineSeal() ziplineSeal {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has a right length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return ziplineSeal{aead}
}

func (s ziplineSeal) close(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own structs
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, data, nil))
}

func (s ziplineSeal) open(text string, into any) error {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	if data, err = s.aead.Open(nil, nil, data, nil); err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

func newZiplineToken() string { return rand.Text() + rand.Text() }

// state reads the cookie; what cannot be read is an empty one.
func (z *Zipline) state(r *http.Request) ziplineState {
	var state ziplineState
	if c, err := r.Cookie(ziplineCookie); err == nil && z.seal.open(c.Value, &state) != nil {
		return ziplineState{}
	}
	return state
}

// setState makes the cookie. It lacks HttpOnly, as Zipline's does, though no script of
// it reads the cookie.
func (z *Zipline) setState(w http.ResponseWriter, state ziplineState) {
	value := z.seal.close(state)
	z.secrets.Add("cookie "+ziplineCookie, value) // behind a vault no browser shows it to the tests
	http.SetCookie(w, &http.Cookie{
		Name: ziplineCookie, Value: value, Path: "/",
		SameSite: http.SameSiteLaxMode, MaxAge: int(ziplineLife.Seconds()),
	})
}

func clearZiplineState(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: ziplineCookie, Path: "/", SameSite: http.SameSiteLaxMode, MaxAge: -1})
}

// current returns whom a request's cookie belongs to, nil when its row is gone. The
// caller holds the lock.
func (z *Zipline) current(r *http.Request) (*ziplineUser, *ziplineSession) {
	row := z.sessions[z.state(r).Session]
	if row == nil || time.Since(row.Created) > ziplineLife {
		return nil, nil
	}
	return z.users[row.User], row
}

// open makes a session row for a user and the cookie that names it. The caller holds
// the lock.
func (z *Zipline) open(w http.ResponseWriter, u *ziplineUser) {
	row := &ziplineSession{ID: newZiplineToken(), User: u.ID, Created: time.Now()}
	z.sessions[row.ID] = row
	z.opened[u.Username]++
	z.setState(w, ziplineState{User: u.ID, Session: row.ID})
}

// ziplineRequest is a request of somebody that Zipline knows.
type ziplineRequest struct {
	*http.Request
	Body []byte
	user *ziplineUser
	row  *ziplineSession // nil when it came with an upload token
}

// into reads the body's JSON; a body without any changes nothing.
func (r *ziplineRequest) into(v any) bool {
	return len(r.Body) == 0 || json.Unmarshal(r.Body, v) == nil
}

// signedIn demands a session or a token, bare in Authorization. The handler runs under
// the lock.
func (z *Zipline) signedIn(next func(http.ResponseWriter, *ziplineRequest)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
		if err != nil {
			ziplineError(w, http.StatusBadRequest, "the request broke off")
			return
		}
		z.mu.Lock()
		defer z.mu.Unlock()
		known := &ziplineRequest{Request: r, Body: body}
		if known.user, known.row, err = z.identify(r); err != nil {
			ziplineError(w, http.StatusUnauthorized, err.Error())
			return
		}
		next(w, known)
	}
}

// identify finds whose request it is. The caller holds the lock.
func (z *Zipline) identify(r *http.Request) (*ziplineUser, *ziplineSession, error) {
	if token := r.Header.Get("Authorization"); token != "" {
		for _, u := range z.users {
			if u.Token == token {
				return u, nil, nil
			}
		}
		return nil, nil, errors.New("invalid authorization token")
	}
	if u, row := z.current(r); u != nil {
		return u, row, nil
	}
	return nil, nil, errors.New("not logged in")
}
