package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// SeatPath is where an origin takes a seat's code.
	SeatPath = "/.cardea/seat"
	// SeatCodeLife is how long a code may travel.
	SeatCodeLife = 60 * time.Second
	// MaxSeatPath bounds the path that a seat request carries; a longer one becomes "/".
	MaxSeatPath = 300

	maxSeatRequest = 800 // characters: a request fits into an attempt
	maxSeatCode    = 1024
	maxOrigin      = 130

	purposeRequest = "seat request"
	purposeCode    = "seat code"
)

// seatClaim is a seat request, or, with a session and an id, the code that answers it.
type seatClaim struct {
	at      time.Time
	binding bindingHash // of the browser at the origin that asks
	target  Target
	session session.ID
	id      [16]byte
}

func (c *seatClaim) encode() []byte {
	var w writer
	w.time(c.at)
	w.raw(c.binding[:])
	w.raw(c.id[:])
	w.text(string(c.session))
	w.text(c.target.Origin)
	w.text(c.target.Path)
	return w.b
}

func (s *SignIn) openClaim(purpose, text string, limit int) (seatClaim, error) {
	r, err := s.unseal(purpose, s.o.Origin, text, limit)
	if err != nil {
		return seatClaim{}, err
	}
	var c seatClaim
	c.at = r.time()
	r.raw(c.binding[:])
	r.raw(c.id[:])
	c.session = session.ID(r.text())
	c.target = Target{Origin: r.text(), Path: r.text()}
	if !r.done() {
		return seatClaim{}, ErrAttempt
	}
	return c, nil
}

// RequestSeat returns what a browser without a seat at origin carries to the gateway:
// sealed, good for ten minutes, bound to the browser's binding at that origin.
// ErrAttempt: a binding that is none, or an origin too long.
func (s *SignIn) RequestSeat(now time.Time, origin, path, binding string) (string, error) {
	b, ok := hashBinding(binding)
	if !ok || len(origin) > maxOrigin {
		return "", ErrAttempt
	}
	path = localOr(path, "/")
	if len(path) > MaxSeatPath {
		path = "/"
	}
	c := seatClaim{at: now, binding: b, target: Target{Origin: origin, Path: path}}
	text, err := s.seal(purposeRequest, s.o.Origin, c.encode())
	if err != nil {
		return "", fmt.Errorf("sealing seat request: %w", err)
	}
	return text, nil
}

// ReadSeatRequest returns what a seat request asks for. Errors: ErrAttempt, ErrExpired.
func (s *SignIn) ReadSeatRequest(now time.Time, sealed string) (Target, error) {
	c, err := s.readRequest(now, sealed)
	return c.target, err
}

func (s *SignIn) readRequest(now time.Time, sealed string) (seatClaim, error) {
	c, err := s.openClaim(purposeRequest, sealed, maxSeatRequest)
	if err != nil {
		return seatClaim{}, err
	}
	if outside(c.at, now, AttemptLife) {
		return seatClaim{}, ErrExpired
	}
	return c, nil
}

// OfferSeat returns the address at the asking origin that takes the seat, with a code
// that is good once, for a minute, in the browser that asked. Errors: ErrAttempt,
// ErrExpired.
func (s *SignIn) OfferSeat(now time.Time, sess *session.Session, sealedRequest string) (string, error) {
	c, err := s.readRequest(now, sealedRequest)
	if err != nil {
		return "", err
	}
	c.at, c.session = now, sess.ID
	_, _ = rand.Read(c.id[:])
	code, err := s.seal(purposeCode, s.o.Origin, c.encode())
	if err != nil {
		return "", fmt.Errorf("sealing seat code: %w", err)
	}
	return c.target.Origin + SeatPath + "?code=" + url.QueryEscape(code), nil
}

// TakeSeat turns a code into a seat at origin. With ErrOtherBrowser the path may be
// told all the same, so that the browser can ask for a seat of its own. Errors: ErrAttempt, ErrExpired,
// ErrOtherBrowser, ErrUsed, a *LoopError, *session.EndedError, session.ErrNotFound and
// session.ErrUnavailable.
func (s *SignIn) TakeSeat(ctx context.Context, now time.Time, code, origin, binding string) (sess *session.Session, seatValue, path string, err error) {
	c, err := s.readCode(now, code, origin, binding)
	if err != nil {
		return nil, "", c.target.Path, err
	}
	key := loopKey{binding: c.binding, origin: origin}
	if err := s.checkSeatLoop(now, key); err != nil {
		return nil, "", "", err
	}
	if err := s.o.Store.Use(ctx, now, c.useKey(), c.at.Add(SeatCodeLife+2*clockTolerance)); err != nil {
		return nil, "", "", fmt.Errorf("using the seat code up: %w", err)
	}
	sess, err = s.o.Store.ByID(ctx, c.session)
	if err != nil {
		return nil, "", "", fmt.Errorf("reading the session of a seat: %w", err)
	}
	if expiredAt(sess, now) {
		return nil, "", "", ErrExpired
	}
	value, hash := session.NewSeatValue()
	if err := s.o.Store.AddSeat(ctx, now, sess.ID, session.Seat{Hash: hash, Origin: origin, CreatedAt: now}); err != nil {
		return nil, "", "", fmt.Errorf("adding a seat: %w", err)
	}
	s.rounds.completed(key, c.at, round{session: sess.ID, seat: hash, at: now, cause: LoopCookie})
	return sess, value, c.target.Path, nil
}

func (s *SignIn) readCode(now time.Time, code, origin, binding string) (seatClaim, error) {
	c, err := s.openClaim(purposeCode, code, maxSeatCode)
	if err != nil {
		return seatClaim{}, err
	}
	if c.target.Origin != origin {
		return seatClaim{}, ErrOtherBrowser
	}
	b, ok := hashBinding(binding)
	if !ok || subtle.ConstantTimeCompare(b[:], c.binding[:]) != 1 {
		return seatClaim{target: c.target}, ErrOtherBrowser
	}
	if outside(c.at, now, SeatCodeLife) {
		return seatClaim{}, ErrExpired
	}
	return c, nil
}

// checkSeatLoop refuses a fourth seat within a minute of three that were never shown.
func (s *SignIn) checkSeatLoop(now time.Time, key loopKey) error {
	if rounds := s.rounds.unseen(now, key); len(rounds) >= loopRounds {
		return &LoopError{Cause: rounds[len(rounds)-1].cause}
	}
	return nil
}

func (c *seatClaim) useKey() session.SeatHash {
	return sha256.Sum256(append([]byte("seat\x00"), c.id[:]...))
}

func cutScheme(origin string) (scheme, host string, ok bool) { return strings.Cut(origin, "://") }
