package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// width is how long lines for people are, in characters.
const width = 96

// marks are how levels begin a line; the words carry the meaning, colours only repeat it.
var marks = map[Level]struct{ word, colour string }{
	OK:      {"ok", "\x1b[32m"},
	Note:    {"note", "\x1b[36m"},
	Warning: {"warning", "\x1b[33m"},
	Error:   {"ERROR", "\x1b[1;31m"},
}

const plainAgain = "\x1b[0m"

// WriteText writes the report for people, grouped, with a summary as its last line.
func (r *Report) WriteText(w io.Writer, colour bool) error { return r.write(w, colour, false) }

// WriteBrief is WriteText with one line for each note.
func (r *Report) WriteBrief(w io.Writer, colour bool) error { return r.write(w, colour, true) }

func (r *Report) write(w io.Writer, colour, brief bool) error {
	var b strings.Builder
	for _, g := range r.Groups {
		title := g.Kind
		if g.ID != "" {
			title += " " + g.ID
		}
		fmt.Fprintf(&b, "%s  %s\n", title, g.At)
		for _, f := range g.Findings {
			f.write(&b, colour, brief)
		}
		b.WriteByte('\n')
	}
	s := r.Summary
	fmt.Fprintf(&b, "%s, %s, %s, %d ok\n", many(s.Error, "error"), many(s.Warning, "warning"), many(s.Note, "note"), s.OK)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (f Finding) write(b *strings.Builder, colour, brief bool) {
	mark := marks[f.Level]
	word := fmt.Sprintf("%-7s", mark.word)
	if colour {
		word = mark.colour + word + plainAgain
	}
	if f.Level == OK {
		fmt.Fprintf(b, "  %s  %s: %s\n", word, f.Check, f.Found)
		return
	}
	fmt.Fprintf(b, "  %s  %s: %s\n", word, f.ID, f.Found)
	if brief && f.Level == Note {
		return
	}
	paragraph(b, "", f.Meaning)
	for _, e := range f.Evidence {
		paragraph(b, "seen: ", e)
	}
	for _, fix := range f.Fix {
		text, code, _ := strings.Cut(fix, "\n")
		paragraph(b, "fix:  ", text)
		for line := range strings.Lines(code) {
			fmt.Fprintf(b, "                     %s\n", printable(strings.TrimRight(line, "\n"))) // never wrapped: it is copied
		}
	}
	paragraph(b, "more: ", f.More)
	if f.About != "" {
		paragraph(b, "      ", f.About)
	}
}

// paragraph writes text indented and wrapped. What is printed comes in part from servers:
// nothing but printable characters reaches a terminal.
func paragraph(b *strings.Builder, label, text string) {
	if text == "" {
		return
	}
	const indent = "           "
	line := indent + label
	hang := indent + strings.Repeat(" ", len(label))
	started := false
	for _, word := range strings.Fields(printable(text)) {
		if started && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			b.WriteString(line + "\n")
			line, started = hang, false
		}
		if started {
			line += " "
		}
		line += word
		started = true
	}
	b.WriteString(line + "\n")
}

func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
