package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"strings"
	"unicode"
)

// backgrounds are dark enough for white letters of any size (WCAG 2.2 success criterion
// 1.4.3, 4.5 to 1).
var backgrounds = []string{
	"#9a3412", "#b91c1c", "#be123c", "#a21caf", "#7e22ce", "#6d28d9", "#4338ca", "#1d4ed8",
	"#0369a1", "#0e7490", "#0f766e", "#047857", "#15803d", "#4d7c0f", "#a16207", "#57534e",
}

// initial draws the picture of somebody who has none: the first letter of a name, on a
// colour that is always the account's.
func initial(accountID string, names ...string) []byte {
	sum := sha256.Sum256([]byte("avatar\x00" + accountID))
	var letter bytes.Buffer
	_ = xml.EscapeText(&letter, []byte(firstLetter(names...))) // a buffer takes everything
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256" width="256" height="256" role="img">` +
		`<rect width="256" height="256" fill="` + backgrounds[int(sum[0])%len(backgrounds)] + `"/>` +
		`<text x="128" y="128" dy="0.35em" text-anchor="middle" fill="#ffffff" font-size="128" font-weight="600" ` +
		`font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif">` + letter.String() + `</text></svg>`)
}

// firstLetter is the first letter or digit of the first name that has one, as a capital,
// else the first symbol, such as an emoji; "?" without any. It is one character and no mark
// with it: marks, joiners and what turns the direction of a text stand alone badly.
func firstLetter(names ...string) string {
	for _, name := range names {
		if i := strings.IndexFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }); i >= 0 {
			for _, r := range name[i:] {
				return string(unicode.ToUpper(r))
			}
		}
	}
	for _, name := range names {
		for _, r := range name {
			if unicode.IsSymbol(r) && !unicode.Is(unicode.Sk, r) && r != unicode.ReplacementChar {
				return string(r)
			}
		}
	}
	return "?"
}
