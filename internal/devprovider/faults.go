package devprovider

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Endpoint names one of the provider's endpoints to fault hooks.
type Endpoint string

// The endpoints.
const (
	Discovery   Endpoint = "discovery"
	Keys        Endpoint = "keys"
	Authorize   Endpoint = "authorize"
	Interaction Endpoint = "interaction"
	Token       Endpoint = "token"
	UserInfo    Endpoint = "userinfo"
	Revocation  Endpoint = "revocation"
	EndSession  Endpoint = "end_session"
	Home        Endpoint = "home"

	// These exist where a record has them.
	ApplicationToken Endpoint = "application_token"
	Emails           Endpoint = "emails"
	Groups           Endpoint = "groups"
	Manual           Endpoint = "manual" // where people end the provider's session themselves
)

// Faults are hooks that make the provider misbehave. Every field may be nil. Hooks run without the
// provider's lock, on the goroutine of the request, possibly several at once; they may block.
type Faults struct {
	// Before runs before a request is processed. An answer it returns is sent instead of
	// processing; with nil the request goes on.
	Before func(Endpoint, *http.Request) *Answer
	// After runs when a request has been processed and may change the answer, or drop it.
	After func(Endpoint, *http.Request, *Answer)

	// Discovery may change the provider configuration.
	Discovery func(map[string]any)
	// Keys may change the key set.
	Keys func([]json.RawMessage) []json.RawMessage
	// AuthorizeResponse may change the parameters of an answer to the redirect URI: code or error,
	// state, iss.
	AuthorizeResponse func(url.Values)
	// TokenResponse may change a good answer of the token endpoint; the grant type comes with it.
	TokenResponse func(grantType string, body map[string]any)
	// IDToken may change an ID token's claims before it is signed.
	IDToken func(claims map[string]any)
	// Sign signs ID tokens in place of the provider. See SignNone, SignHS256WithPublicKey,
	// SignWithStrangerKey.
	Sign func(key SigningKey, claims map[string]any) (string, error)
	// LogoutToken may change a logout token before it is signed and posted. See LogoutForgeries.
	LogoutToken func(*LogoutNotice)
	// UserInfo may change a good answer of the UserInfo endpoint.
	UserInfo func(map[string]any)
}

// Answer is an HTTP answer as hooks see it.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Delay is waited for before the first byte leaves.
	Delay time.Duration
	// Trickle, if set, is waited for between the bytes of the body.
	Trickle time.Duration
	// Drop cuts the connection instead of answering.
	Drop bool
}

// NewAnswer is an answer with a body of the given media type.
func NewAnswer(status int, mediaType, body string) *Answer {
	return &Answer{
		Status: status,
		Header: http.Header{"Content-Type": {mediaType}},
		Body:   []byte(body),
	}
}

// HugeAnswer is a JSON document of at least size bytes, valid to its end.
func HugeAnswer(size int) *Answer {
	body := append([]byte(`{"filler":"`), bytes.Repeat([]byte("a"), size)...)
	return NewAnswer(http.StatusOK, "application/json", string(append(body, `"}`...)))
}

// SetFaults replaces all faults; SetFaults(Faults{}) ends them.
func (p *Provider) SetFaults(f Faults) { p.faultsNow.Store(&f) }

func (p *Provider) faults() *Faults { return p.faultsNow.Load() }

// faulty runs a handler between the Before and After hooks. The answer is gathered first: it is
// small, and only so can a hook see that processing is over before the client sees anything.
func (p *Provider) faulty(e Endpoint, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		faults := p.faults()
		if faults.Before != nil {
			if answer := faults.Before(e, r); answer != nil {
				send(w, r, answer)
				return
			}
		}
		rec := &recorder{answer: Answer{Header: http.Header{}}}
		next(rec, r)
		if rec.answer.Status == 0 {
			rec.answer.Status = http.StatusOK
		}
		if faults.After != nil {
			faults.After(e, r, &rec.answer)
		}
		send(w, r, &rec.answer)
	}
}

// recorder is a ResponseWriter that keeps the answer.
type recorder struct{ answer Answer }

func (r *recorder) Header() http.Header { return r.answer.Header }

func (r *recorder) WriteHeader(status int) {
	if r.answer.Status == 0 {
		r.answer.Status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	r.answer.Body = append(r.answer.Body, b...)
	return len(b), nil
}

func send(w http.ResponseWriter, r *http.Request, a *Answer) {
	if a.Delay > 0 && !wait(r, a.Delay) {
		return
	}
	if a.Drop {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	if a.Trickle <= 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(max(a.Status, http.StatusOK))
	if a.Trickle <= 0 {
		w.Write(a.Body) // a client that has gone is not told
		return
	}
	for _, b := range a.Body {
		if _, err := w.Write([]byte{b}); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil || !wait(r, a.Trickle) {
			return
		}
	}
}

// wait reports whether the request was still wanted after d.
func wait(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
