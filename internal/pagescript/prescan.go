package pagescript

import (
	"bytes"
	"strings"
)

// window is how far into a page browsers look for a declared encoding.
const window = 1024

// declaration looks for the encoding that b, the rest of the window, declares behind the
// script's place (HTML section 13.2.3.2): there the script would push it out of the window.
// ok is false while more bytes may change the result.
func declaration(b []byte, whole bool) (label string, ok bool) {
	for i := 0; i < len(b); {
		rest := b[i:]
		switch {
		case rest[0] != '<':
			i++
		case bytes.HasPrefix(rest, []byte("<!--")):
			end := bytes.Index(rest[2:], []byte("-->"))
			if end < 0 {
				return "", whole
			}
			i += 2 + end + len("-->")
		case len(rest) == 1:
			return "", whole
		case rest[1] == '!', rest[1] == '?':
			end := bytes.IndexByte(rest, '>')
			if end < 0 {
				return "", whole
			}
			i += end + 1
		default:
			name, t, length := readTag(rest)
			if length == 0 {
				return "", whole
			}
			switch name {
			case "meta":
				if label := t.label(); label != "" {
					return label, true
				}
			case "body", "/head":
				return "", true // nobody declares it further down
			}
			i += length
		}
	}
	return "", whole
}

// readTag reads the tag at the start of b. Its length is 0 when b ends before it does. A
// "<" that opens no tag is passed by itself.
func readTag(b []byte) (name string, t tag, length int) {
	i := 1
	if b[i] == '/' {
		i++
	}
	if i == len(b) {
		return "", t, 0
	}
	if !isLetter(b[i]) {
		return "", t, 1
	}
	for i < len(b) && !isSpace(b[i]) && b[i] != '/' && b[i] != '>' {
		i++
	}
	name = strings.ToLower(string(b[1:i]))
	for ; i < len(b); i++ {
		if t.step(b[i]) {
			return name, t, i + 1
		}
	}
	return "", t, 0
}
