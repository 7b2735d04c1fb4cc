package oidc

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// PlainText makes what a provider says of a person fit for a page, a header and a store:
// no control characters, no marks that turn the direction of the text around it, one
// line, at most so many bytes.
func PlainText(s string, most int) string {
	// What is far beyond the bound is not even looked at.
	if far := 8 * most; len(s) > far {
		s = s[:far]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsControl(r) && !unicode.IsSpace(r):
			return -1
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Bidi_Control, r), r == 0xfeff:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.TrimRight(strings.ToValidUTF8(s[:most], ""), " ")
	}
	return s
}
