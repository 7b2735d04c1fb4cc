package account

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// Bounds of a handle, in bytes. It consists of a-z, 0-9 and single inner ".", "_", "-".
const (
	MinHandle = 2
	MaxHandle = 32
)

const (
	numbered = 9   // variants are numbered 2 to this
	maxInput = 256 // longer names are not looked at beyond this
)

// NewID returns an account id: at least 128 random bits in lower-case base32.
func NewID() string { return strings.ToLower(rand.Text()) }

// Candidates returns handles for a new account in order of preference: readable ones
// from preferred_username, else from the e-mail's local part, then numbered variants,
// then random ones. It is never empty, and its last member is unguessable, so that a
// store that takes the first free one always finds one.
//
// A name that Reserved or reserved (which may be nil) refuses is never among them:
// only the operator gives those.
func Candidates(p oidc.Profile, reserved func(string) bool) []string {
	list := make([]string, 0, 2*numbered)
	add := func(handle string) {
		if Reserved(handle) || (reserved != nil && reserved(handle)) {
			return
		}
		list = append(list, handle)
	}
	if base := readable(p); base != "" {
		add(base)
		for n := 2; n <= numbered; n++ {
			add(suffixed(base, fmt.Sprint(n)))
		}
		add(suffixed(base, randomText(5)))
	}
	return append(list, "user-"+randomText(15))
}

func readable(p oidc.Profile) string {
	name := p.PreferredUsername
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		name = name[i+1:] // DOMAIN\name
	}
	if handle, ok := sanitize(localPart(name)); ok {
		return handle
	}
	if handle, ok := sanitize(localPart(p.Email)); ok {
		return handle
	}
	return ""
}

func localPart(address string) string {
	local, _, found := strings.Cut(address, "@")
	if found {
		local, _, _ = strings.Cut(local, "+")
	}
	return local
}

// sanitize makes a handle of a name. It reports false when the name has a letter that
// cannot be transliterated, or when less than MinHandle remains: half a name would be
// a stranger's name.
func sanitize(name string) (string, bool) {
	if len(name) > maxInput {
		name = strings.ToValidUTF8(name[:maxInput], "")
	}
	var b strings.Builder
	separator := byte(0)
	for _, r := range name {
		text, kind := translate(r)
		switch kind {
		case unknownRune:
			return "", false
		case separatorRune:
			separator = text[0]
		case letterRune:
			if separator != 0 && b.Len() > 0 {
				b.WriteByte(separator)
			}
			separator = 0
			b.WriteString(text)
		}
	}
	handle := bounded(b.String(), MaxHandle)
	if handle != "" && strings.Trim(handle, "0123456789._-") == "" {
		// Digits alone would be read as a numeric user id somewhere.
		handle = bounded("u"+handle, MaxHandle)
	}
	return handle, len(handle) >= MinHandle
}

func suffixed(base, suffix string) string {
	return bounded(base, MaxHandle-len(suffix)-1) + "-" + suffix
}

func bounded(handle string, limit int) string {
	if len(handle) > limit {
		handle = handle[:limit]
	}
	return strings.TrimRight(handle, "._-")
}

func randomText(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
