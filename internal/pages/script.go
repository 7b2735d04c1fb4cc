package pages

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed account.js
var accountSource string

//go:embed account.css
var accountStyle string

// sheet is an inline style sheet that a page's policy names by its hash.
type sheet struct {
	element template.HTML
	hash    string
}

func newSheet(css string) *sheet {
	css = compactCSS(css)
	return &sheet{element: template.HTML("<style>" + css + "</style>"), hash: cspHash(css)}
}

// script is an inline script that a page's policy names by its hash.
type script struct {
	element template.HTML
	hash    string
}

func newScript(source string) script {
	text := compactScript(source)
	return script{element: template.HTML("<script>" + text + "</script>"), hash: cspHash(text)}
}

// compactScript drops indentation and the lines that are comments; no string or template
// of a source spans lines.
func compactScript(source string) string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
