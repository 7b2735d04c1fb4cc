package pagescript

import "strings"

// verdict is what a scanner says of the text up to and with the unit that it was given.
type verdict int

const (
	pass  verdict = iota // harmless: the script may come later
	hold                 // undecided since the last pass
	here                 // the script belongs behind the last pass
	never                // no place was found, and none will be
)

// most is how many units a scanner holds before it puts the script in front of them.
const most = 64 << 10

// state is where a scanner stands; the names are those of the tokenizer's states in
// section 13.2.5 of the HTML standard, shortened.
type state int

const (
	data state = iota
	tagOpen
	endTagOpen
	markup
	markupDash
	bogus // bogus comment, and DOCTYPE: both end at the first ">"
	commentStart
	commentStartDash
	comment
	commentEndDash
	commentEnd
	commentEndBang
	tagName
	inTag
	rcdata
	rcdataLess
	rcdataEnd
)

// scanner finds the place for the script. It passes what may stand before it: white space,
// comments, the DOCTYPE, <html>, <head>, <title> and the kinds of <meta> that change nothing
// for scripts, so that a declared encoding stays within the bytes that browsers look at.
// It wants one unit after the other, so that the result does not depend on chunks.
type scanner struct {
	state    state
	stateful bool // the encoding may be one with escape sequences
	held     int  // units since the last pass
	any      bool // some markup was seen
	declared bool // a meta declared the encoding

	name string // of the tag, as far as it was read
	tag  tag
}

// step takes the next unit: an ASCII byte, or 0x80 for anything else.
func (s *scanner) step(c byte) verdict {
	if c == 0 {
		return never // an encoding that nobody declared, or no text at all
	}
	if c == 0x1B && s.stateful && s.state != data && s.state != tagOpen {
		return never // ISO-2022: what looks like "<" may be half a character
	}
	v := s.next(c)
	switch v {
	case pass:
		s.held = 0
	case hold:
		if s.held++; s.held > most {
			return here
		}
	}
	return v
}

// end says what becomes of a document that ends here.
func (s *scanner) end() verdict {
	switch {
	case s.state == tagOpen, s.state == endTagOpen: // a "<" is text
		return here
	case s.state == data && s.any:
		return here
	}
	return never // inside of a tag, a comment or the title, or nothing at all
}

func (s *scanner) next(c byte) verdict {
	switch s.state {
	case data:
		switch {
		case isSpace(c):
			return pass
		case c == '<':
			s.state = tagOpen
			return hold
		}
		return here
	case tagOpen:
		return s.opened(c)
	case endTagOpen:
		switch {
		case isLetter(c):
			return here
		case c == '>': // no tag at all
			s.state = data
			return pass
		}
		s.state, s.any = bogus, true
		return pass
	case tagName:
		return s.named(c)
	case inTag:
		return s.inside(c)
	case rcdata, rcdataLess, rcdataEnd:
		return s.title(c)
	}
	s.state = s.remark(c)
	return pass
}

// opened follows a "<".
func (s *scanner) opened(c byte) verdict {
	switch {
	case c == '!':
		s.state, s.any = markup, true
		return pass
	case c == '?':
		s.state, s.any = bogus, true
		return pass
	case c == '/':
		s.state = endTagOpen
		return hold
	case isLetter(c):
		s.state, s.name = tagName, ""
		return s.named(c)
	}
	return here
}

// remark follows a "<!", to the end of the comment or DOCTYPE.
func (s *scanner) remark(c byte) state {
	after := func(dash, close, other state) state {
		switch c {
		case '-':
			return dash
		case '>':
			return close
		}
		return other
	}
	switch s.state {
	case markup:
		return after(markupDash, data, bogus)
	case markupDash:
		return after(commentStart, data, bogus)
	case bogus:
		return after(bogus, data, bogus)
	case commentStart:
		return after(commentStartDash, data, comment)
	case commentStartDash:
		return after(commentEnd, data, comment)
	case commentEndDash:
		return after(commentEnd, comment, comment)
	case commentEnd:
		if c == '!' {
			return commentEndBang
		}
		return after(commentEnd, data, comment)
	case commentEndBang:
		return after(commentEndDash, data, comment)
	}
	return after(commentEndDash, comment, comment)
}

// named follows the letters of a start tag's name.
func (s *scanner) named(c byte) verdict {
	if !isSpace(c) && c != '/' && c != '>' {
		s.name += string(lower(c))
		for _, known := range []string{"html", "head", "title", "meta"} {
			if strings.HasPrefix(known, s.name) {
				return hold
			}
		}
		return here
	}
	switch s.name {
	case "html", "head", "title", "meta":
		s.state, s.any, s.tag = inTag, true, tag{}
		return s.inside(c)
	}
	return here
}

// inside follows the attributes of a tag that is known.
func (s *scanner) inside(c byte) verdict {
	if !s.tag.step(c) {
		if s.name == "meta" {
			return hold
		}
		return pass
	}
	s.state = data
	switch s.name {
	case "title":
		s.state = rcdata
	case "meta":
		if !s.tag.harmless() {
			return here
		}
		s.declared = s.declared || s.tag.declares()
	}
	return pass
}

// title follows the text of a title to the end of its end tag.
func (s *scanner) title(c byte) verdict {
	const name = "title"
	switch {
	case s.state == rcdataLess && c == '/':
		s.state, s.name = rcdataEnd, ""
		return pass
	case s.state == rcdataEnd && len(s.name) < len(name) && lower(c) == name[len(s.name)]:
		s.name += string(lower(c))
		return pass
	case s.state == rcdataEnd && s.name == name && (isSpace(c) || c == '/' || c == '>'):
		s.state, s.name, s.tag = inTag, "/title", tag{}
		return s.inside(c)
	case c == '<':
		s.state = rcdataLess
	default:
		s.state = rcdata
	}
	return pass
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
