package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// AttemptLife is how long a person may take at the provider.
	AttemptLife = 10 * time.Minute
	// MaxReturnPath bounds the path that an attempt carries; a longer one becomes the
	// app's root.
	MaxReturnPath = 512

	// MaxClasses bounds the classes that an attempt carries, with a blank between each.
	MaxClasses = 256

	maxState       = 1280 // characters, so that no provider or proxy refuses the URL
	roomForClasses = (MaxClasses+2)*4/3 + 1
	clockTolerance = 2 * time.Minute // between the nodes that seal and read
	purposeAttempt = "sign-in attempt"
	attemptVersion = 1
)

const (
	flagFresh = 1 << iota
	flagSilent
	flagStanding
	flagClasses
	flagLink

	allFlags = flagFresh | flagSilent | flagStanding | flagClasses | flagLink
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
	classes   string     // of which the authentication must be one, as acr_values; "" for any
	session   session.ID // re-authorization of, or, with link, what asked for it
	link      bool       // the identity goes to the account of session
}

func newAttempt(now time.Time, b bindingHash, st Start) attempt {
	a := attempt{
		startedAt: now, binding: b, target: st.Target, seatFor: st.SeatFor,
		fresh: st.Fresh, silent: st.Silent, maxAge: st.MaxAge.Truncate(time.Second), session: st.Session,
		classes: strings.Join(st.ACRValues, " "),
	}
	if st.Link != "" {
		a.session, a.link = st.Link, true
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

// asksAnew tells of attempts that had the person authenticate, or be found to have done
// so. Of any other, an answer that does not say when proves nothing newer: whoever shares
// the origin can have a provider answer from its own session, and nobody sees it.
func (a *attempt) asksAnew() bool { return a.fresh || a.maxAge > 0 }

// acrValues are the classes of which the authentication must be one; nil for any.
func (a *attempt) acrValues() []string {
	if a.classes == "" {
		return nil
	}
	return strings.Split(a.classes, " ")
}

// satisfiedBy tells whether an authentication of the class is one that was asked for.
func (a *attempt) satisfiedBy(acr string) bool {
	return a.classes == "" || slices.Contains(a.acrValues(), acr)
}

// unmet tells of a sign-in whose session would be sent back at once by what the attempt
// was made for, and so on without end: the provider judges the age by its own clock and
// when it is asked, and a consent, or a clock that is behind, comes on top.
func (a *attempt) unmet(now time.Time, s *session.Session) error {
	if !a.satisfiedBy(s.ACR) {
		return oidc.ErrWeak
	}
	if age := now.Sub(s.AuthTime); a.maxAge > 0 && !a.standing && age > a.maxAge {
		return fmt.Errorf("%w: it was %s old when it arrived", oidc.ErrStale, age.Round(time.Second))
	}
	return nil
}

// validClasses tells whether classes can be asked for (OpenID Connect Core section
// 3.1.2.1: separated by blanks) and carried.
func validClasses(list []string) bool {
	for _, class := range list {
		if class == "" || strings.ContainsFunc(class, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return false
		}
	}
	return len(strings.Join(list, " ")) <= MaxClasses
}

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
	if a.classes != "" {
		flags |= flagClasses
	}
	if a.link {
		flags |= flagLink
	}
	w.uint(flags)
	w.uint(uint64(a.maxAge / time.Second))
	w.text(string(a.session))
	w.text(a.target.Origin)
	w.text(a.target.Path)
	seat, _ := sealedText.DecodeString(a.seatFor) // checked by Start; raw is a quarter shorter
	w.text(string(seat))
	if a.classes != "" {
		w.text(a.classes)
	}
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
	a.link = said&flagLink != 0
	seconds := r.uint()
	a.maxAge = time.Duration(min(seconds, 1<<32)) * time.Second
	a.session = session.ID(r.text())
	a.target = Target{Origin: r.text(), Path: r.text()}
	a.seatFor = sealedText.EncodeToString([]byte(r.text()))
	if said&flagClasses != 0 {
		a.classes = r.text()
	}
	if !r.done() || version != attemptVersion || said > allFlags || seconds > 1<<32 {
		return attempt{}, ErrAttempt
	}
	return a, nil
}

// sealAttempt returns the state parameter. An attempt too long for a URL loses its
// path, never its way: fallback is the root of the app.
func (s *SignIn) sealAttempt(provider string, a *attempt, fallback string) (string, error) {
	limit := maxState
	if a.classes != "" {
		limit += roomForClasses
	}
	state, err := s.seal(purposeAttempt, provider, a.encode())
	if err != nil || len(state) <= limit {
		return state, err
	}
	a.target.Path = fallback
	state, err = s.seal(purposeAttempt, provider, a.encode())
	if err == nil && len(state) > limit {
		return "", ErrAttempt
	}
	return state, err
}

func (s *SignIn) openAttempt(provider, state string) (attempt, error) {
	r, err := s.unseal(purposeAttempt, provider, state, maxState+roomForClasses)
	if err != nil {
		return attempt{}, err
	}
	return decodeAttempt(r)
}
