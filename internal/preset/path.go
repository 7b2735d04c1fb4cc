package preset

import (
	"path"
	"strings"

	"github.com/cardea-auth/cardea/internal/strict"
)

// CheckPath takes only paths that every party reads alike: absolute, decoded, in their
// simplest form. Its error is a *strict.Problem.
func CheckPath(p string) error {
	const fix = "write a plain path such as /app, without %, .., // or ;"
	if !strings.HasPrefix(p, "/") {
		return &strict.Problem{Message: strict.Quote(p) + " does not begin with a slash", Fix: "write /" + strings.TrimLeft(clip(p), "/")}
	}
	for _, r := range p {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/-._~!$&'()+,=:@", r)
		if !plain {
			return &strict.Problem{Message: strict.Quote(p) + " has characters that not all parties read alike", Fix: fix}
		}
	}
	if strings.Contains(p+"/", "./") && path.Clean(p) == strings.TrimSuffix(p, "/") {
		return &strict.Problem{Message: strict.Quote(p) + " has a part that ends in a dot, which some systems drop", Fix: fix}
	}
	if clean := path.Clean(p); clean != p && clean+"/" != p {
		return &strict.Problem{Message: strict.Quote(p) + " can be written in a simpler way", Fix: "write " + clip(clean)}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Own reports whether a path is among the gateway's own, which no application gets.
func Own(p string) bool {
	return p == "/.cardea" || strings.HasPrefix(p, "/.cardea/")
}

// checkPattern is CheckPath for a path of Polling, where a segment may be a star.
func checkPattern(p string) error {
	for segment := range strings.SplitSeq(p, "/") {
		if segment != "*" && strings.Contains(segment, "*") {
			return &strict.Problem{Message: strict.Quote(p) + " has a star within a segment", Fix: "write the star in place of a whole segment, such as /user/*/api"}
		}
	}
	if strings.HasSuffix(p, "/") {
		return &strict.Problem{Message: strict.Quote(p) + " ends in a slash", Fix: "write it without; what is below it is meant too"}
	}
	return CheckPath(strings.ReplaceAll(p, "*", "x"))
}

// At gives the preset with every path joined to where browsers find the application:
// base begins with a slash, and "/" or "" is the root. The copy shares nothing with p.
func (p Preset) At(base string) Preset {
	base = strings.TrimSuffix(base, "/")
	join := func(rel string) string {
		if rel == "" {
			return ""
		}
		return base + rel
	}
	out := p.clone()
	for i := range out.Logout {
		out.Logout[i].Path = join(out.Logout[i].Path)
	}
	for i := range out.Replay {
		c := &out.Replay[i]
		c.Path = join(c.Path)
		if c.XSRF != nil {
			c.XSRF.From = join(c.XSRF.From)
		}
	}
	for i := range out.Paths {
		prefix := join(out.Paths[i].Prefix)
		if prefix == base+"/" && base != "" {
			prefix = base
		}
		out.Paths[i].Prefix, out.Paths[i].Exact = prefix, join(out.Paths[i].Exact)
	}
	for i := range out.Polling {
		out.Polling[i] = join(out.Polling[i])
	}
	for _, marks := range [][]Mark{out.Recognise, out.Takes.Marks} {
		for i := range marks {
			marks[i].Path = join(marks[i].Path)
		}
	}
	return out
}
