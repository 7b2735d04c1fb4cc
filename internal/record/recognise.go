package record

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
)

// Recognised lists the kinds whose marks an issuer has, the most telling first: more
// stated conditions, then a host among them, then more letters of the marks. metadata is
// the issuer's discovery document; nil: it was not looked at, and marks in it are not there.
func Recognised(issuer *url.URL, metadata map[string]any) []string {
	return recognised(marks(), issuer, metadata)
}

// marks are those of all kinds, by kind. They are compiled in: reading all records takes a tenth
// of a second, and one search for a provider asks many times. Nobody changes them.
var marks = sync.OnceValue(func() map[string]Recognise {
	all := map[string]Recognise{}
	for _, kind := range Kinds() {
		if r, ok := Lookup(kind); ok {
			all[kind] = r.Recognise
		}
	}
	return all
})

func recognised(marks map[string]Recognise, issuer *url.URL, metadata map[string]any) []string {
	if issuer == nil || issuer.Hostname() == "" {
		return nil
	}
	like := map[string]likeness{}
	var kinds []string
	for kind, m := range marks {
		if l, holds := m.likens(issuer, metadata); holds {
			like[kind] = l
			kinds = append(kinds, kind)
		}
	}
	slices.SortFunc(kinds, func(a, b string) int {
		return cmp.Or(like[b].compare(like[a]), cmp.Compare(a, b))
	})
	return kinds
}

// likeness says how telling the marks are that an issuer has.
type likeness struct {
	conditions int // stated, and all of them hold
	hosts      int // 1 where a host is among them
	letters    int // of the marks themselves, without their wildcards
}

func (l likeness) compare(other likeness) int {
	return cmp.Or(
		cmp.Compare(l.conditions, other.conditions),
		cmp.Compare(l.hosts, other.hosts),
		cmp.Compare(l.letters, other.letters),
	)
}

// likens holds the marks against an issuer. It reports false where one of them does not
// hold, and where there are none.
func (g Recognise) likens(issuer *url.URL, metadata map[string]any) (likeness, bool) {
	var l likeness
	if len(g.Hosts) > 0 {
		letters, ok := longest(g.Hosts, issuer.Hostname(), hostMatches)
		if !ok {
			return l, false
		}
		l.conditions, l.hosts, l.letters = 1, 1, letters
	}
	if len(g.Paths) > 0 {
		letters, ok := longest(g.Paths, issuer.Path, pathMatches)
		if !ok {
			return l, false
		}
		l.conditions++
		l.letters += letters
	}
	for _, member := range g.Members {
		if !memberHolds(member, metadata) {
			return l, false
		}
		l.letters += len(member)
	}
	if len(g.Members) > 0 {
		l.conditions++
	}
	return l, l.conditions > 0
}

// longest finds the pattern with most letters among those that match.
func longest(patterns []string, value string, matches func(pattern, value string) bool) (letters int, found bool) {
	for _, pattern := range patterns {
		if matches(pattern, value) {
			found = true
			letters = max(letters, len(pattern)-strings.Count(pattern, "*")-strings.Count(pattern, "?"))
		}
	}
	return letters, found
}

func hostMatches(pattern, host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if below, wild := strings.CutPrefix(pattern, "*"); wild {
		return strings.HasSuffix(host, below) && len(host) > len(below)
	}
	return host == pattern
}

// pathMatches leaves a slash at the end aside: people leave it out, and put it in.
func pathMatches(pattern, issuerPath string) bool {
	trim := func(s string) string { return strings.TrimSuffix(s, "/") }
	ok, err := path.Match(trim(pattern), trim(issuerPath))
	return ok && err == nil
}

// memberHolds tells whether the metadata have a member, and whether its value, or one of
// its values, contains the text.
func memberHolds(member string, metadata map[string]any) bool {
	name, text, _ := strings.Cut(member, "=")
	value, present := metadata[name]
	if !present || value == nil {
		return false
	}
	if text == "" {
		return true
	}
	switch value := value.(type) {
	case string:
		return strings.Contains(value, text)
	case []any:
		return slices.ContainsFunc(value, func(v any) bool {
			s, isText := v.(string)
			return isText && strings.Contains(s, text)
		})
	}
	return false
}
