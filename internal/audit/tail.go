package audit

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// maxLine is longer than any line that is written.
const maxLine = 256 << 10

// Tail reads an exported trail from its end, line by line. The file must not grow
// meanwhile.
type Tail struct {
	r     io.ReaderAt
	whole int64
	at    int64 // end of the lines that were not read yet
}

// NewTail returns a Tail of a file of size bytes. It returns ErrNotTrail where what stands
// behind the last newline cannot be the beginning of a line that a crash cut short.
func NewTail(r io.ReaderAt, size int64) (*Tail, error) {
	rest, at, err := before(r, size)
	if err != nil {
		return nil, err
	}
	if !torn(rest) {
		return nil, ErrNotTrail
	}
	return &Tail{r: r, whole: at, at: at}, nil
}

// Whole is where the last whole line ends. What stands behind it was never finished: it is
// to be cut off before anything is appended.
func (t *Tail) Whole() int64 { return t.whole }

// Prev returns the last line that was not read yet, or io.EOF. Anything but a line of a
// trail is ErrNotTrail.
func (t *Tail) Prev() (Event, error) {
	if t.at == 0 {
		return Event{}, io.EOF
	}
	line, at, err := before(t.r, t.at-1) // without its newline
	if err != nil {
		return Event{}, err
	}
	e, err := ParseLine(line)
	if err == nil {
		t.at = at
	}
	return e, err
}

// before returns what stands between end and the newline before it, and where that begins.
func before(r io.ReaderAt, end int64) (text []byte, begin int64, err error) {
	const chunk = 8 << 10
	for begin = end; begin > 0; {
		n := min(chunk, begin)
		piece := make([]byte, n)
		if _, err := r.ReadAt(piece, begin-n); err != nil {
			return nil, 0, fmt.Errorf("reading back from %d: %w", begin, err)
		}
		if i := bytes.LastIndexByte(piece, '\n'); i >= 0 {
			return append(piece[i+1:], text...), begin - n + int64(i) + 1, nil
		}
		text = slices.Concat(piece, text)
		begin -= n
		if len(text) > maxLine {
			return nil, 0, ErrNotTrail
		}
	}
	return text, 0, nil
}

// torn tells whether text is the beginning of a line, or nothing. A power cut may leave
// zeros where a file had grown and nothing had been written.
func torn(text []byte) bool {
	text = bytes.TrimRight(text, "\x00")
	return bytes.HasPrefix(text, lineStart) || bytes.HasPrefix(lineStart, text)
}
