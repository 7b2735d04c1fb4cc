package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// AttemptLife is how long a person may take at the provider.
	AttemptLife = 10 * time.Minute
	// MaxReturnPath bounds the path that an attempt carries; a longer one becomes the
	// app's root.
	MaxReturnPath = 512

	maxState       = 1280            // characters, so that no provider or proxy refuses the URL
	clockTolerance = 2 * time.Minute // between the nodes that seal and read
	purposeAttempt = "sign-in attempt"
	attemptVersion = 1
)

const (
	flagFresh = 1 << iota
	flagSilent
	flagStanding

	allFlags = flagFresh | flagSilent | flagStanding
)

// attempt is a sign-in under way. It travels in the state parameter, sealed for one
// provider, so that a start leaves nothing behind (CVE-2021-22119).
type attempt struct {
	startedAt time.Time
	binding   bindingHash
	nonce     [32]byte
	verifier  [32]byte
	target    Target
	seatFor   string
	fresh     bool
	silent    bool
	maxAge    time.Duration
	standing  bool       // maxAge is what the provider asks of every sign-in, and no more
	session   session.ID // re-authorization of
}

func newAttempt(now time.Time, b bindingHash, st Start) attempt {
	a := attempt{
		startedAt: now, binding: b, target: st.Target, seatFor: st.SeatFor,
		fresh: st.Fresh, silent: st.Silent, maxAge: st.MaxAge.Truncate(time.Second), session: st.Session,
	}
	_, _ = rand.Read(a.nonce[:])
	_, _ = rand.Read(a.verifier[:])
	return a
}

// demand applies what holds for every sign-in at the attempt's provider. Asking in
// silence is no sign-in: the session was opened under the same demand.
func (a *attempt) demand(maxAge time.Duration) {
	maxAge = maxAge.Truncate(time.Second)
	if maxAge <= 0 || a.silent {
		return
	}
	a.standing = a.maxAge == 0
	if a.standing || maxAge < a.maxAge {
		a.maxAge = maxAge
	}
}

func (a *attempt) nonceText() string    { return base64.RawURLEncoding.EncodeToString(a.nonce[:]) }
func (a *attempt) verifierText() string { return base64.RawURLEncoding.EncodeToString(a.verifier[:]) }

// useKey names the attempt among the single-use values.
func (a *attempt) useKey() session.SeatHash {
	return sha256.Sum256(append([]byte("attempt\x00"), a.nonce[:]...))
}

func (a *attempt) boundTo(binding string) bool {
	b, ok := hashBinding(binding)
	return ok && subtle.ConstantTimeCompare(a.binding[:], b[:]) == 1
}

func (a *attempt) expired(now time.Time) bool { return outside(a.startedAt, now, AttemptLife) }

// special tells of attempts that must reach the provider's answer even though a session
// lives: they ask for more than a session. What every sign-in is asked for is no more.
func (a *attempt) special() bool { return a.fresh || a.silent || a.maxAge > 0 && !a.standing }

// outside tells whether now is not in the life of something made at t, allowing for
// nodes whose clocks differ a little.
func outside(t, now time.Time, life time.Duration) bool {
	return !now.Before(t.Add(life)) || t.After(now.Add(clockTolerance))
}

func (a *attempt) encode() []byte {
	var w writer
	w.uint(attemptVersion)
	w.time(a.startedAt)
	w.raw(a.binding[:])
	w.raw(a.nonce[:])
	w.raw(a.verifier[:])
	var flags uint64
	if a.fresh {
		flags |= flagFresh
	}
	if a.silent {
		flags |= flagSilent
	}
	if a.standing {
		flags |= flagStanding
	}
	w.uint(flags)
	w.uint(uint64(a.maxAge / time.Second))
	w.text(string(a.session))
	w.text(a.target.Origin)
	w.text(a.target.Path)
	seat, _ := sealedText.DecodeString(a.seatFor) // checked by Start; raw is a quarter shorter
	w.text(string(seat))
	return w.b
}

func decodeAttempt(r *reader) (attempt, error) {
	var a attempt
	version := r.uint()
	a.startedAt = r.time()
	r.raw(a.binding[:])
	r.raw(a.nonce[:])
	r.raw(a.verifier[:])
	said := r.uint()
	a.fresh, a.silent, a.standing = said&flagFresh != 0, said&flagSilent != 0, said&flagStanding != 0
	seconds := r.uint()
	a.maxAge = time.Duration(min(seconds, 1<<32)) * time.Second
	a.session = session.ID(r.text())
	a.target = Target{Origin: r.text(), Path: r.text()}
	a.seatFor = sealedText.EncodeToString([]byte(r.text()))
	if !r.done() || version != attemptVersion || said > allFlags || seconds > 1<<32 {
		return attempt{}, ErrAttempt
	}
	return a, nil
}

// sealAttempt returns the state parameter. An attempt too long for a URL loses its
// path, never its way: fallback is the root of the app.
func (s *SignIn) sealAttempt(provider string, a *attempt, fallback string) (string, error) {
	state, err := s.seal(purposeAttempt, provider, a.encode())
	if err != nil || len(state) <= maxState {
		return state, err
	}
	a.target.Path = fallback
	state, err = s.seal(purposeAttempt, provider, a.encode())
	if err == nil && len(state) > maxState {
		return "", ErrAttempt
	}
	return state, err
}

func (s *SignIn) openAttempt(provider, state string) (attempt, error) {
	r, err := s.unseal(purposeAttempt, provider, state, maxState)
	if err != nil {
		return attempt{}, err
	}
	return decodeAttempt(r)
}
