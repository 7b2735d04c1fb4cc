package setup

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// MissingName says that a provider was found whose issuer needs a name in its path, and that
// none was given, or one that the provider does not have.
type MissingName struct {
	Title   string
	Pattern string // the issuer, with * in place of the name
	Unknown string // the name that was given; empty: none
}

// Error says how the issuer is written, or what is wrong with the name in it.
func (e *MissingName) Error() string {
	if e.Unknown != "" {
		return fmt.Sprintf("%s answers, and has nothing of the name %q (%s); names are case-sensitive", e.Title, e.Unknown, e.With(e.Unknown))
	}
	return fmt.Sprintf("this is %s, and its issuer lacks a name in the path: write it as %s", e.Title, strings.Replace(e.Pattern, "*", "NAME", 1))
}

// With gives the issuer with the name in it.
func (e *MissingName) With(name string) string { return strings.Replace(e.Pattern, "*", name, 1) }

// nameless recognises a provider by what each of its installations has, where the name in
// the issuer's path was left out.
func (t *trail) nameless(ctx context.Context, at *url.URL) (f find, found bool, err error) {
	for _, r := range t.anywhere() {
		for _, always := range r.Recognise.Always {
			f, ok, _ := t.metadata(ctx, origin(at)+always)
			if !ok {
				continue
			}
			for _, pattern := range r.Recognise.Paths {
				if matches(pattern, always) && strings.Count(pattern, "*") == 1 {
					return f, false, &MissingName{Title: r.Title, Pattern: strings.TrimSuffix(f.at, always) + pattern, Unknown: t.given(r, at.Path)}
				}
			}
			return f, true, nil
		}
	}
	return f, false, nil
}

// names are the first names behind the # of an address: consoles that are one page have
// there, in one of the first two places, what of the provider is looked at.
func names(raw string) []string {
	_, fragment, _ := strings.Cut(raw, "#")
	fragment, _, _ = strings.Cut(fragment, "?")
	var all []string
	for name := range strings.SplitSeq(strings.Trim(fragment, "/"), "/") {
		if plain := url.PathEscape(name) == name; name == "" || !plain || len(all) == 2 {
			break
		}
		all = append(all, name)
	}
	return all
}

// given is the name that was meant for the star in a record's paths: one behind the #, the
// one that stands there, or a whole path of one name. Empty: there is none.
func (t *trail) given(r record.Record, p string) string {
	p = strings.Trim(p, "/")
	single := !strings.Contains(p, "/")
	fixed := func(name string) bool { // a part of the paths themselves
		return slices.ContainsFunc(r.Recognise.Paths, func(pattern string) bool { return strings.Contains(pattern, "/"+name+"/") })
	}
	for _, name := range t.names {
		if !fixed(name) {
			return name
		}
	}
	for _, pattern := range r.Recognise.Paths {
		before, after, _ := strings.Cut(pattern, "*")
		rest, ok := strings.CutPrefix("/"+p, before)
		if name, behind, _ := strings.Cut(rest, "/"); ok && before != "/" && strings.HasPrefix("/"+behind, after) {
			return name
		}
	}
	if single && !fixed(p) {
		return p
	}
	return ""
}

func matches(pattern, p string) bool {
	ok, err := path.Match(pattern, p)
	return ok && err == nil
}
