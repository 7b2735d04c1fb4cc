package preset

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/strict"
)

// Mark is something that an application answers to a GET that is harmless, without cookies.
// What is stated must all hold of the one answer.
type Mark struct {
	// Path is what is asked. It may not have a query.
	Path string `yaml:"path"`
	// Status is the answer's status. 0: any.
	Status int `yaml:"status"`
	// Header are header fields of the answer and a text that each has to contain. An
	// empty text: the field is there.
	Header map[string]string `yaml:"header"`
	// Body is a text that the beginning of the body has to contain.
	Body string `yaml:"body"`
}

// Takes says how it shows that an application takes people from the gateway.
type Takes struct {
	// Marks lists what the application answers where it does. All of them must hold.
	// Empty: it does not show.
	Marks []Mark `yaml:"marks"`
	// Lacks is told to operators where they do not hold: what is missing in the
	// application.
	Lacks string `yaml:"lacks"`
}

// Missing gives the first mark that does not hold. ask reports false where no answer came:
// nothing is known of that mark then, and it is passed over.
func (t Takes) Missing(ask func(path string) (Seen, bool)) (m Mark, missing bool) {
	for _, m := range t.Marks {
		if a, answered := ask(m.Path); answered && !m.Holds(a) {
			return m, true
		}
	}
	return Mark{}, false
}

// Seen is what an application answered.
type Seen struct {
	Status int
	Header http.Header
	Body   []byte
}

// Holds reports whether an answer has the mark.
func (m Mark) Holds(a Seen) bool {
	if m.Status != 0 && a.Status != m.Status {
		return false
	}
	for name, text := range m.Header {
		has := func(value string) bool { return strings.Contains(value, text) }
		if !slices.ContainsFunc(a.Header.Values(name), has) {
			return false
		}
	}
	return strings.Contains(string(a.Body), m.Body)
}

// Recognised lists the presets of the application that answers at base ("/" or "" is the
// root), those with the most marks first. Each path is asked once, by ask, which reports
// false where no answer came; the rest of a preset's marks is then not asked for.
func Recognised(base string, ask func(path string) (Seen, bool)) []string {
	type reply struct {
		seen Seen
		ok   bool
	}
	replies := map[string]reply{}
	once := func(path string) (Seen, bool) {
		r, asked := replies[path]
		if !asked {
			r.seen, r.ok = ask(path)
			replies[path] = r
		}
		return r.seen, r.ok
	}
	marks := map[string]int{}
	for _, name := range Names() {
		p, ok := Lookup(name)
		if !ok || len(p.Recognise) == 0 {
			continue
		}
		lacks := func(m Mark) bool {
			a, answered := once(m.Path)
			return !answered || !m.Holds(a)
		}
		if p = p.At(base); !slices.ContainsFunc(p.Recognise, lacks) {
			marks[name] = len(p.Recognise)
		}
	}
	names := slices.Sorted(maps.Keys(marks))
	slices.SortStableFunc(names, func(a, b string) int { return marks[b] - marks[a] })
	return names
}

// maxMark bounds a text that answers are searched for, in bytes.
const maxMark = 200

func (c *checker) marks(path string, list []Mark) {
	for i, m := range list {
		at := strict.Index(path, i)
		c.path(strict.Key(at, "path"), m.Path)
		c.when(m.Status != 0 && (m.Status < 200 || m.Status > 599), strict.Key(at, "status"), "is no status of an answer", "write status: 200, or another from 200 to 599")
		for _, name := range slices.Sorted(maps.Keys(m.Header)) {
			field := strict.Key(strict.Key(at, "header"), name)
			c.when(!ValidToken(name), field, strict.Quote(name)+" is not a header's name", "write letters, digits and dashes")
			c.when(!printable(m.Header[name]) || len(m.Header[name]) > maxMark, field, "is no short text", "write at most 200 characters without control characters")
		}
		c.when(!printable(m.Body) || len(m.Body) > maxMark, strict.Key(at, "body"), "is no short text", "write at most 200 ASCII characters without control characters")
		c.when(m.Status == 0 && len(m.Header) == 0 && m.Body == "", at, "holds of every answer", "write status, header or body")
	}
}

func (c *checker) takes(t Takes) {
	c.marks("takes.marks", t.Marks)
	c.when(len(t.Marks) == 0 && t.Lacks != "", "takes.lacks", "is said of marks, and there are none", "write takes.marks, or remove it")
}
