package account

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// Linking joins an identity to an account that is there. Whoever asks for it has seen the
// person prove both.
type Linking struct {
	Account  string
	Identity oidc.Identity
	Provider string
	Profile  oidc.Profile
	How      string // HowPerson or HowAutomatic
	// Session is the live session of the account that the linking happens in; the store
	// refuses when it has ended. "" asks for none.
	Session string
	// Incident is what a refusal can be asked about by; "" for none.
	Incident string
}

// Ways by which an identity comes to an account that it did not make.
const (
	HowPerson    = "person"    // the person linked it
	HowAutomatic = "automatic" // by a verified e-mail of a provider that the operator trusts with it
)

// keyLen is 132 bits: nobody finds a second identity with the same key.
const keyLen = 22

// KeyOf names an identity in forms and on command lines: opaque, safe in a URL, the same
// at all times. It is no secret, and tells neither issuer nor subject.
func KeyOf(id oidc.Identity) string {
	sum := sha256.Sum256([]byte(id.Issuer + "\x00" + id.Subject))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:keyLen]
}

// Key is KeyOf the identity.
func (i Identity) Key() string { return KeyOf(i.Identity) }

// ByKey finds one of the person's identities.
func (p Person) ByKey(key string) (Identity, bool) {
	for _, i := range p.Identities {
		if i.Key() == key {
			return i, true
		}
	}
	return Identity{}, false
}

// Configured tells whether a provider is configured: nobody signs in with an identity of
// another one. It answers at once.
type Configured func(provider string) bool

// LastWay tells whether without an identity nobody could sign in to the account any more:
// it is the only one, or the only one of a provider that is configured.
func (p Person) LastWay(of oidc.Identity, configured Configured) bool {
	if len(p.Identities) < 2 {
		return true
	}
	last := false
	for _, i := range p.Identities {
		switch {
		case !configured(i.Provider):
		case i.Identity != of:
			return false
		default:
			last = true
		}
	}
	return last
}

var (
	// ErrLast: without this identity nobody could sign in to the account again (Person.LastWay).
	ErrLast = errors.New("it is the account's only identity that can be signed in with")
	// ErrTaken: the identity belongs to another account, and is never moved.
	ErrTaken = errors.New("identity belongs to another account")
	// ErrNotLinked: the identity is not one of the account's, or not any more.
	ErrNotLinked = errors.New("identity is not linked to the account")
)

// TakenError is ErrTaken with what an operator needs who is asked about it.
type TakenError struct {
	Asking, Owner string // handles of the account that it was to go to, and of the one that has it
	Key           string // of the identity
	Only          bool   // the owner has no other identity
}

func (e *TakenError) Error() string {
	return "linking to account " + e.Asking + " what account " + e.Owner + " has: " + ErrTaken.Error()
}

// Unwrap is ErrTaken.
func (e *TakenError) Unwrap() error { return ErrTaken }

// Trusts tells whether the operator trusts a provider so far that its verified e-mails
// link identities, and whether the issuer is that provider's. It answers at once.
type Trusts func(provider, issuer string) bool

// Admitted is what became of an admission that an e-mail may link.
type Admitted struct {
	Account Account
	Created bool
	Linked  bool  // the identity is new, and went to an account that was there
	Apart   Apart // why it did not, for a new account
}

// Apart is why an e-mail linked nothing.
type Apart string

// Reasons, in the words of the log.
const (
	ApartUntrusted   Apart = "the provider is not trusted with it"
	ApartNotVerified Apart = "the e-mail is not verified"
	ApartNoAddress   Apart = "the e-mail is not plainly one address"
	ApartNoMatch     Apart = "no identity of a provider that is trusted with it has this e-mail"
	ApartSeveral     Apart = "several accounts have this e-mail"
	ApartUnlinked    Apart = "an identity of this issuer was unlinked from the account with this e-mail"
	ApartOther       Apart = "the account with this e-mail has another identity of the same issuer, which says that these are two people"
)

// maxAddress is more than any address has (RFC 5321 section 4.5.3.1.3).
const maxAddress = 320

// PlainAddress tells whether an e-mail leaves no doubt about whose it is: one "@" between
// two parts, nothing invisible, bounded.
func PlainAddress(email string) bool {
	local, domain, found := strings.Cut(email, "@")
	if !found || local == "" || domain == "" || len(email) > maxAddress || !utf8.ValidString(email) || strings.Contains(domain, "@") {
		return false
	}
	return !strings.ContainsFunc(email, func(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) || unicode.IsSpace(r) })
}
