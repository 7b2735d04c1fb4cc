package pagescript

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
)

// policy is one Content-Security-Policy (CSP3 section 2.2).
type policy []directive

// directive keeps its text as long as nothing about it changes.
type directive struct {
	text    string
	name    string // lower case; empty for what is no directive or comes a second time
	sources []string
}

// sandboxed tells whether a policy takes the document's origin or scripts from it.
func sandboxed(lines []string) bool {
	for _, line := range lines {
		for text := range strings.SplitSeq(line, ",") {
			if parse(text).find("sandbox") >= 0 {
				return true
			}
		}
	}
	return false
}

// extend lets the script run and reach the own paths under every policy that would refuse
// it, and returns the nonce that the script needs for that; empty when it needs none.
// Nothing else becomes stricter or laxer.
func extend(lines []string, p Page) (extended []string, nonce string) {
	fresh := newNonce()
	for _, line := range lines {
		var out []string
		for text := range strings.SplitSeq(line, ",") {
			pol := parse(text)
			runs, reaches := pol.letRun(fresh), pol.letReach(p)
			if runs {
				nonce = fresh
			}
			if runs || reaches {
				text = pol.String()
			}
			out = append(out, text)
		}
		extended = append(extended, strings.Join(out, ","))
	}
	return extended, nonce
}

func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

func parse(text string) policy {
	var p policy
	for part := range strings.SplitSeq(text, ";") {
		d := directive{text: part}
		fields := strings.FieldsFunc(part, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) })
		if len(fields) > 0 && p.find(strings.ToLower(fields[0])) < 0 {
			d.name, d.sources = strings.ToLower(fields[0]), fields[1:]
		}
		p = append(p, d)
	}
	return p
}

func (p policy) find(names ...string) int {
	for _, name := range names {
		if i := slices.IndexFunc(p, func(d directive) bool { return d.name == name }); i >= 0 {
			return i
		}
	}
	return -1
}

// String is the policy as a header's value.
func (p policy) String() string {
	parts := make([]string, len(p))
	for i, d := range p {
		parts[i] = d.text
	}
	return strings.Join(parts, ";")
}

// letRun adds the nonce where inline scripts are refused, and tells whether it did. A list
// in which 'unsafe-inline' is in force lets the script run as it is; a nonce would turn the
// page's own inline scripts off.
func (p *policy) letRun(nonce string) bool {
	i := p.find("script-src-elem", "script-src", "default-src")
	if i < 0 || allowsInline((*p)[i].sources) {
		return false
	}
	p.add(i, "script-src", "'nonce-"+nonce+"'")
	return true
}

// letReach adds the own paths where connections to them are refused.
func (p *policy) letReach(page Page) bool {
	i := p.find("connect-src", "default-src")
	if i < 0 || reaches((*p)[i].sources, page) {
		return false
	}
	p.add(i, "connect-src", ownSource(page))
	return true
}

// add puts a source into the directive at i. Where that is default-src, which governs
// more than this, the directive itself is stated, with the same sources.
func (p *policy) add(i int, name, source string) {
	d := (*p)[i]
	var sources []string
	for _, s := range d.sources {
		if !strings.EqualFold(s, "'none'") {
			sources = append(sources, s)
		}
	}
	sources = append(sources, source)
	if d.name != "default-src" {
		name = d.name
	}
	stated := directive{text: name + " " + strings.Join(sources, " "), name: name, sources: sources}
	if i > 0 || d.name == "default-src" {
		stated.text = " " + stated.text
	}
	switch last := len(*p) - 1; {
	case d.name != "default-src":
		(*p)[i] = stated
	case (*p)[last].name == "" && strings.TrimSpace((*p)[last].text) == "":
		*p = append((*p)[:last:last], stated) // behind a final ";"
	default:
		*p = append((*p)[:len(*p):len(*p)], stated)
	}
}

// allowsInline tells whether a source list allows all inline scripts (CSP3 section 6.7.3.2).
func allowsInline(sources []string) bool {
	allows := false
	for _, s := range sources {
		s = strings.ToLower(s)
		switch {
		case s == "'unsafe-inline'":
			allows = true
		case s == "'strict-dynamic'", isNonce(s), isHash(s):
			return false
		}
	}
	return allows
}

// isNonce and isHash hold a source to its grammar (CSP3 section 2.3.1): what does not fit
// is no source at all, and leaves 'unsafe-inline' in force.
func isNonce(s string) bool {
	value, ok := strings.CutPrefix(s, "'nonce-")
	return ok && isBase64(value)
}

func isHash(s string) bool {
	for _, algorithm := range []string{"'sha256-", "'sha384-", "'sha512-"} {
		if value, ok := strings.CutPrefix(s, algorithm); ok {
			return isBase64(value)
		}
	}
	return false
}

func isBase64(quoted string) bool {
	value, ok := strings.CutSuffix(quoted, "'")
	value = strings.TrimSuffix(strings.TrimSuffix(value, "="), "=")
	return ok && value != "" && made(value, "+/-_")
}
