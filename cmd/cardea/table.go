package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// safe makes text that others wrote fit for a terminal: no control characters, nothing
// that turns the direction of writing or hides, and not more than width columns.
func safe(text string, width int) string {
	var b strings.Builder
	used, marks := 0, 0
	for i, r := range text {
		if r == '\t' || r == '\n' || r == '\r' {
			r = ' '
		}
		if r == unicode.ReplacementChar && !strings.HasPrefix(text[i:], "\uFFFD") || !unicode.IsGraphic(r) {
			r = '\uFFFD'
		}
		w := columns(r)
		if used+w > width-1 && i+len(string(r)) < len(text) {
			b.WriteRune('…')
			break
		}
		marks++
		if w > 0 {
			marks = 0
		}
		if w == 0 && (used == 0 || marks > maxMarks) {
			continue // with nothing before it, or too many, it would cover what stands beside
		}
		b.WriteRune(r)
		used += w
	}
	return b.String()
}

// maxMarks is more than any script puts on one letter.
const maxMarks = 4

// columns is how wide a terminal shows a character: East Asian wide ones take two
// (Unicode Standard Annex 11), marks none.
func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case r < 0x1100:
		return 1
	case r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf && r != 0x303f, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f900 && r <= 0x1f9ff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

func widthOf(text string) (n int) {
	for _, r := range text {
		n += columns(r)
	}
	return n
}

func utf16Of(r rune) []uint16 { return utf16.AppendRune(nil, r) }

// table prints rows in columns that stay aligned whatever the script. Its cells are made
// safe. The zero table is as wide as its cells; newTable fits a terminal.
type table struct {
	rows   [][]string
	widths []int // from one write to the next, so that what comes later stays in its column
	goesOn bool  // what comes later is not known at the first write

	screen int // columns of the terminal; 0: no bound
	yields []yield
	steady bool // widths are never changed by what is written
	fitted bool
	hidden []bool
}

const (
	nothing = "-" // an empty cell
	gap     = 2   // blanks between columns
)

const maxCell = 60

func (t *table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		var text string
		switch v := c.(type) {
		case string:
			text = safe(v, maxCell)
		case time.Time:
			text = moment(v)
		default:
			text = fmt.Sprint(v)
		}
		if text == "" {
			text = nothing
		}
		row[i] = text
	}
	t.rows = append(t.rows, row)
}

func (t *table) write(out io.Writer) error {
	t.measure()
	if !t.fitted {
		t.fit()
	}
	var b strings.Builder
	for _, row := range t.rows {
		t.text(&b, row)
	}
	t.rows = nil
	_, err := io.WriteString(out, b.String())
	return err
}

// measure makes columns as wide as what stands in them, while that may still change.
func (t *table) measure() {
	if t.steady || t.fitted && t.screen > 0 {
		return
	}
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			t.widths[i] = max(t.widths[i], widthOf(cell))
		}
	}
}

func (t *table) text(b *strings.Builder, row []string) {
	pad := 0
	for i, cell := range row {
		if t.hidden != nil && t.hidden[i] {
			continue
		}
		if t.screen > 0 && i > 0 { // the first names the row
			cell = safe(cell, t.widths[i])
		}
		b.WriteString(strings.Repeat(" ", pad) + cell)
		pad = max(t.widths[i]-widthOf(cell), 0) + gap
	}
	b.WriteByte('\n')
}

// facts prints names with their values; those without a value are left out.
type facts struct {
	rows [][2]string
}

const maxFact = 400

func (f *facts) add(name string, value any) {
	text := ""
	switch v := value.(type) {
	case string:
		text = safe(v, maxFact)
	case time.Time:
		if !v.IsZero() {
			text = moment(v)
		}
	default:
		text = fmt.Sprint(v)
	}
	if text != "" {
		f.rows = append(f.rows, [2]string{name, text})
	}
}

func (f *facts) write(out io.Writer) error {
	width := 0
	for _, r := range f.rows {
		width = max(width, widthOf(r[0]))
	}
	var b strings.Builder
	for _, r := range f.rows {
		b.WriteString(r[0] + strings.Repeat(" ", width-widthOf(r[0])+2) + r[1] + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// moment is a time where the operator is.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}
