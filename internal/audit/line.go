package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf16"
)

// ErrNotTrail: a file or a line was not written by an export of the trail.
var ErrNotTrail = errors.New("this is no line of an audit trail")

// AppendLine appends e to b as the one line that every export writes: JSON and a newline.
// What is not visible is escaped, so that a terminal shows a line as it is.
func AppendLine(b []byte, e Event) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return b, fmt.Errorf("encoding event %d: %w", e.Seq, err)
	}
	line := bytes.TrimSuffix(text.Bytes(), []byte{'\n'})
	for _, r := range string(line) {
		if r > '~' && !unicode.IsGraphic(r) {
			for _, unit := range utf16.AppendRune(nil, r) {
				b = fmt.Appendf(b, `\u%04x`, unit)
			}
			continue
		}
		b = append(b, string(r)...)
	}
	return append(b, '\n'), nil
}

// ParseLine reads a line that AppendLine wrote, of this version or another. It returns
// ErrNotTrail for anything else.
func ParseLine(line []byte) (Event, error) {
	var e Event
	if !bytes.HasPrefix(line, lineStart) {
		return e, ErrNotTrail
	}
	if err := json.Unmarshal(line, &e); err != nil || e.Seq < 1 || e.ID == "" || e.Type == "" {
		return Event{}, ErrNotTrail
	}
	return e, nil
}

// lineStart is how every line begins.
var lineStart = []byte(`{"seq":`)
