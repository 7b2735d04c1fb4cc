package pagescript

import "strings"

// place is where in a tag the tokenizer stands, behind the tag's name.
type place int

const (
	beforeName place = iota
	inName
	afterName
	beforeValue
	doubleQuoted
	singleQuoted
	unquoted
	afterQuoted
	selfClosing
)

// tag reads the attributes of one tag and keeps those of a meta that say what it does.
type tag struct {
	place   place
	name    []byte // cut at the length that matters
	value   []byte
	reading bool // name and value are an attribute's

	charset, equiv, content *string
}

// longest is more than any name or value that is compared has; what is cut is equal to none.
const longest = 256

// step takes the next unit and tells whether the tag ends with it.
func (t *tag) step(c byte) (end bool) {
	switch t.place {
	case inName:
		switch {
		case c == '=':
			t.place = beforeValue
		case isSpace(c), c == '/', c == '>':
			return t.between(c)
		default:
			t.name = keep(t.name, lower(c))
		}
	case beforeValue:
		switch {
		case isSpace(c):
		case c == '"':
			t.place = doubleQuoted
		case c == '\'':
			t.place = singleQuoted
		case c == '>':
			t.finish()
			return true
		default:
			t.place = unquoted
			t.value = keep(t.value, c)
		}
	case doubleQuoted:
		t.quoted(c, '"')
	case singleQuoted:
		t.quoted(c, '\'')
	case unquoted:
		switch {
		case isSpace(c):
			t.finish()
		case c == '>':
			t.finish()
			return true
		default:
			t.value = keep(t.value, c)
		}
	default:
		return t.between(c)
	}
	return false
}

func (t *tag) quoted(c, quote byte) {
	if c != quote {
		t.value = keep(t.value, c)
		return
	}
	t.finish()
	t.place = afterQuoted
}

// between follows what stands between attributes, the end of a name included.
func (t *tag) between(c byte) (end bool) {
	named := t.place == inName || t.place == afterName
	switch {
	case isSpace(c) && named:
		t.place = afterName
	case isSpace(c):
		t.place = beforeName
	case c == '=' && t.place == afterName:
		t.place = beforeValue
	default:
		t.finish()
		switch c {
		case '>':
			return true
		case '/':
			t.place = selfClosing
		default:
			t.place, t.reading = inName, true
			t.name = keep(t.name, lower(c))
		}
	}
	return false
}

// finish notes the attribute that was read. Of several with one name the first counts.
func (t *tag) finish() {
	if t.reading {
		var slot **string
		switch string(t.name) {
		case "charset":
			slot = &t.charset
		case "http-equiv":
			slot = &t.equiv
		case "content":
			slot = &t.content
		}
		if slot != nil && *slot == nil {
			value := string(t.value)
			*slot = &value
		}
	}
	t.place, t.reading = beforeName, false
	t.name, t.value = t.name[:0], t.value[:0]
}

// harmless tells whether a meta changes nothing for a script that comes later. Those
// that act as headers do (a policy, a refresh), the one that declares the encoding apart.
func (t *tag) harmless() bool {
	return t.equiv == nil || strings.EqualFold(*t.equiv, "content-type")
}

// declares tells whether a meta declares the page's encoding.
func (t *tag) declares() bool { return t.label() != "" }

// label returns the encoding that a meta declares, in text that is safe to repeat.
func (t *tag) label() string {
	label := ""
	switch {
	case t.charset != nil:
		label = strings.Trim(*t.charset, " \t\n\f\r")
	case t.equiv != nil && t.content != nil && strings.EqualFold(*t.equiv, "content-type"):
		label = within(*t.content)
	}
	if label == "" || len(label) > 40 || !made(label, "_:.+-") {
		return ""
	}
	return label
}

// within extracts the encoding from the content of a meta (HTML section 2.5.4).
func within(content string) string {
	for {
		i := strings.Index(strings.ToLower(content), "charset")
		if i < 0 {
			return ""
		}
		content = strings.TrimLeft(content[i+len("charset"):], " \t\n\f\r")
		value, ok := strings.CutPrefix(content, "=")
		if !ok {
			continue
		}
		value = strings.TrimLeft(value, " \t\n\f\r")
		if value == "" {
			return ""
		}
		if q := value[0]; q == '"' || q == '\'' {
			label, _, closed := strings.Cut(value[1:], string(q))
			if !closed {
				return ""
			}
			return label
		}
		if end := strings.IndexAny(value, "; \t\n\f\r"); end >= 0 {
			value = value[:end]
		}
		return value
	}
}

func keep(b []byte, c byte) []byte {
	if len(b) < longest {
		b = append(b, c)
	}
	return b
}
