package guard

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/access"
)

// maxPolicies bounds how many policies the readings of one path can add up to.
const maxPolicies = 8

// rule is what holds for a request: the strictest of all readings of its path.
type rule struct {
	public, bearer bool
	bare           bool // an Authorization header without a scheme will do as well
	maxAge         time.Duration
	acr            []string                    // one of these classes; nil: any; empty: no class will do
	access         [maxPolicies]*access.Policy // all of them must admit
	policies       int
	readings       int
}

// Validate tells what is wrong with an app's path rules: paths that are not absolute,
// not in their plain form, or named twice, and classes without a name.
func (a *App) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for _, r := range a.Paths {
		key := fmt.Sprint(r.Exact, strings.ToLower(trimSlash(r.Path)))
		switch {
		case !strings.HasPrefix(r.Path, "/"):
			errs = append(errs, fmt.Errorf("path %q does not start with /", r.Path))
		case !plainRule(r.Path):
			errs = append(errs, fmt.Errorf("path %q: write it decoded, without . or .. segments, //, \\, ;, ?, # or control characters", r.Path))
		case seen[key]:
			errs = append(errs, fmt.Errorf("path %q is named twice", r.Path))
		}
		seen[key] = true
		if slices.Contains(r.ACR, "") {
			errs = append(errs, fmt.Errorf("path %q: acr names an empty class, which a session without one has", r.Path))
		}
	}
	if slices.Contains(a.ACR, "") {
		errs = append(errs, errors.New("acr names an empty class, which a session without one has"))
	}
	return errors.Join(errs...)
}

// plainRule tells whether a rule's path is the only reading of itself.
func plainRule(p string) bool {
	set, ok := readings(p, false)
	if !ok || strings.ContainsAny(p, "?#") {
		return false
	}
	for _, r := range set {
		if r != p {
			return false
		}
	}
	return true
}

// ruleOf returns what holds at a path. It reports false for a path that is malformed,
// or that is ambiguous beyond what can be enumerated while some rule hangs on it.
func (a *App) ruleOf(raw string) (rule, bool) {
	class := classify(raw)
	if class == malformed {
		return rule{}, false
	}
	if len(a.Paths) == 0 {
		r := rule{maxAge: a.MaxAge}
		r.class(a.ACR)
		r.require(a.Access)
		return r, true
	}
	r := rule{public: true, bearer: true, bare: true}
	if class == plain {
		return r, r.addAll(a, raw)
	}
	set, ok := readings(raw, true)
	if !ok {
		return rule{}, false
	}
	for _, p := range set {
		if !r.addAll(a, p) {
			return rule{}, false
		}
	}
	return r, true
}

// addAll adds what holds at a decoded path for servers that do and do not mind letter
// case and a slash at the end.
func (r *rule) addAll(a *App, path string) bool {
	return r.add(a, a.match(path, false, false)) && r.add(a, a.match(path, true, false)) &&
		r.add(a, a.match(path, false, true)) && r.add(a, a.match(path, true, true))
}

// add makes r at least as strict as a reading that m rules; nil is the app's own rule.
func (r *rule) add(a *App, m *PathRule) bool {
	public, bearer, bare, policy, maxAge, acr := false, false, false, a.Access, a.MaxAge, a.ACR
	if m != nil {
		public, bearer, bare = m.Public, m.Bearer || m.Public, m.BareToken || m.Public
		if m.Access != nil {
			policy = m.Access
		}
		if m.MaxAge != 0 {
			maxAge = m.MaxAge
		}
		if len(m.ACR) > 0 {
			acr = m.ACR
		}
	}
	r.public = r.public && public
	r.bearer = r.bearer && bearer
	r.bare = r.bare && bare
	if maxAge != 0 && (r.maxAge == 0 || maxAge < r.maxAge) {
		r.maxAge = maxAge
	}
	r.class(acr)
	r.readings++
	return r.require(policy)
}

// class demands one of the classes as well. What several readings demand must hold
// together, so that only the classes that are in all lists are left.
func (r *rule) class(acr []string) {
	switch {
	case len(acr) == 0:
	case r.acr == nil:
		r.acr = acr
	default:
		r.acr = common(r.acr, acr)
	}
}

// common returns what is in both lists, a itself where all of it is.
func common(a, b []string) []string {
	if len(a) == 0 || len(a) == len(b) && &a[0] == &b[0] {
		return a // as nearly always: the same rule read twice
	}
	missing := func(class string) bool { return !slices.Contains(b, class) }
	if !slices.ContainsFunc(a, missing) {
		return a
	}
	return slices.DeleteFunc(slices.Clone(a), missing)
}

// impossible tells whether no sign-in can satisfy the rule.
func (r *rule) impossible() bool { return r.acr != nil && len(r.acr) == 0 }

func (r *rule) require(p *access.Policy) bool {
	if p == nil {
		return true
	}
	for _, have := range r.access[:r.policies] {
		if have == p {
			return true
		}
	}
	if r.policies == maxPolicies {
		return false
	}
	r.access[r.policies] = p
	r.policies++
	return true
}

// match returns the rule that governs a path: the longest, an exact one first.
func (a *App) match(path string, fold, trim bool) *PathRule {
	if trim {
		path = trimSlash(path)
	}
	var best *PathRule
	bestLen := -1
	for i := range a.Paths {
		r := &a.Paths[i]
		want := r.Path
		if trim {
			want = trimSlash(want)
		}
		if !covers(want, path, r.Exact, fold) {
			continue
		}
		if len(want) > bestLen || (len(want) == bestLen && r.Exact) {
			best, bestLen = r, len(want)
		}
	}
	return best
}

func trimSlash(p string) string { return strings.TrimRight(p, "/") }

// covers tells whether a rule's path is the path, or a prefix of it that ends where a
// segment ends.
func covers(want, path string, exact, fold bool) bool {
	if len(path) < len(want) || (exact && len(path) != len(want)) || !same(path[:len(want)], want, fold) {
		return false
	}
	return len(path) == len(want) || want == "" || want[len(want)-1] == '/' || path[len(want)] == '/'
}

func same(a, b string, fold bool) bool {
	if a == b {
		return true
	}
	return fold && strings.EqualFold(a, b)
}
