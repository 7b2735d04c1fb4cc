package pagescript

import (
	_ "embed"
	"strings"
)

//go:embed page.js
var source string

// compact is the script as it travels.
var compact = strip(source) //nolint:gochecknoglobals // compiled in, and never assigned again

// strip drops what only people read: comments, indentation, empty lines and the spaces
// that part no two words. It knows strings in single quotes, and comments that are whole
// lines or stand in /* */ on one; a test holds the source to that.
func strip(js string) string {
	var b strings.Builder
	for line := range strings.Lines(js) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(tighten(line))
			b.WriteByte('\n')
		}
	}
	return strings.TrimSpace(b.String())
}

func tighten(line string) string {
	var out []byte
	quoted := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case strings.HasPrefix(line[i:], "/*"):
			i += strings.Index(line[i:], "*/") + 1
			continue
		case c == ' ' && (len(out) == 0 || !word(out[len(out)-1]) || i+1 < len(line) && !word(line[i+1])):
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

func word(c byte) bool { return isLetter(c) || c >= '0' && c <= '9' || c == '_' || c == '$' }

// snippet is what goes into a page: the script, behind a copy of the declared encoding
// where the original would come too late.
func snippet(p Page, nonce, label string) string {
	var b strings.Builder
	b.Grow(len(compact) + 160)
	if label != "" {
		b.WriteString(`<meta charset="` + label + `">`)
	}
	b.WriteString("<script")
	if nonce != "" {
		b.WriteString(` nonce="` + nonce + `"`)
	}
	b.WriteString(` data-cardea="` + p.Mark + " " + p.Own + `">` + compact + "</script>")
	return b.String()
}
