package app

import (
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/setup"
)

// What may be missing, and the flags that give it.
const (
	theProvider   = "the provider"
	providerFlags = "--issuer URL or --kind KIND"
	theApp        = "the app's address"
	appFlag       = "--app URL"
	theClientID   = "the client id"
	clientIDFlag  = "--client-id ID"
	theSecret     = "the client secret"
	secretFlags   = "--client-secret-file FILE (- reads standard input), --client-secret-env NAME, or --public-client; or set " + usualEnv
	theKey        = "the client's private key"
	keyFileFlag   = "--client-key-file FILE"
	theKeyID      = "the key's id"
	keyIDFlag     = "--client-key-id ID"
	theKeyName    = "the key's owner"
	keyNameFlag   = "--client-key-issuer NAME"
)

// MissingFlag is one thing that was not given, and the flags that give it.
type MissingFlag struct{ What, Flag string }

// MissingFlagError lists all that was not given where nobody could be asked.
type MissingFlagError struct{ All []MissingFlag }

// Error names the flags.
func (e *MissingFlagError) Error() string {
	if len(e.All) == 1 {
		return e.All[0].What + " is missing: give it by " + e.All[0].Flag
	}
	var b strings.Builder
	b.WriteString("nobody can be asked here, and this is missing:")
	for _, m := range e.All {
		b.WriteString("\n  " + m.What + ": give it by " + m.Flag)
	}
	return b.String()
}

// missing lists one thing that was not given, and whatever else will be.
func (i *initial) missing(what, flag string) *MissingFlagError {
	first := MissingFlag{what, flag}
	all := i.lacking()
	if !slices.Contains(all, first) {
		all = slices.Insert(all, 0, first)
	}
	return &MissingFlagError{all}
}

// lacking is what is needed and not known yet, as far as can be told.
func (i *initial) lacking() []MissingFlag {
	var all []MissingFlag
	add := func(lacks bool, what, flag string) {
		if lacks {
			all = append(all, MissingFlag{what, flag})
		}
	}
	r := i.plan.Provider.Record
	if r.Kind == "" {
		r, _ = setup.LookupKind(i.Kind)
	}
	_, usual := i.Env(usualEnv)
	keyed := signs(r) || i.KeyFile != ""
	public := i.Public || r.Client.Auth == record.AuthNone
	add(i.Issuer == "" && i.Kind == "", theProvider, providerFlags)
	add(i.App == "", theApp, appFlag)
	add(firstOf(i.ClientID, i.plan.Credentials.ClientID) == "", theClientID, clientIDFlag)
	add(!public && !keyed && i.SecretFile == "" && i.SecretEnv == "" && !usual, theSecret, secretFlags)
	add(!public && keyed && i.KeyFile == "", theKey, keyFileFlag)
	add(!public && keyed && i.KeyID == "", theKeyID, keyIDFlag)
	add(!public && keyed && i.KeyName == "" && namesOwner(r), theKeyName, keyNameFlag)
	return all
}

// signs tells whether clients of a kind prove themselves by a key.
func signs(r record.Record) bool {
	return r.Client.Auth == record.AuthPrivateKeyJWT || r.Client.Auth == record.AuthSignedSecret
}

// namesOwner tells whether what such a client signs names the key's owner.
func namesOwner(r record.Record) bool {
	return strings.Contains(r.Client.Assertion.Issuer, "{key_issuer}")
}
