package devprovider

import (
	"fmt"
	"maps"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// put sets what a claim path names. A path with a scheme in it is one name, dots and all, as such
// claims are named after addresses; any other goes down into objects by its dots.
func put(doc map[string]any, path record.ClaimPath, value any) {
	if path == "" {
		return
	}
	if strings.Contains(string(path), "://") {
		doc[string(path)] = value
		return
	}
	parts := strings.Split(string(path), ".")
	for _, name := range parts[:len(parts)-1] {
		inner, ok := doc[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			doc[name] = inner
		}
		doc = inner
	}
	doc[parts[len(parts)-1]] = value
}

// lookup finds what a claim path names.
func lookup(doc map[string]any, path string) (any, bool) {
	if v, ok := doc[path]; ok {
		return v, true
	}
	head, rest, nested := strings.Cut(path, ".")
	inner, ok := doc[head].(map[string]any)
	if !nested || !ok {
		return nil, false
	}
	return lookup(inner, rest)
}

// lay puts the members of over into doc, down into objects that both have.
func lay(doc, over map[string]any) {
	for name, value := range over {
		inner, ok := doc[name].(map[string]any)
		if more, both := value.(map[string]any); ok && both {
			inner = maps.Clone(inner)
			lay(inner, more)
			doc[name] = inner
			continue
		}
		doc[name] = value
	}
}

// claimSlots lists the claim paths that a template names, in its order.
func claimSlots(template string) []record.ClaimPath {
	var paths []record.ClaimPath
	for rest := template; ; {
		_, after, found := strings.Cut(rest, "{claim:")
		if !found {
			return paths
		}
		path, tail, _ := strings.Cut(after, "}")
		paths = append(paths, record.ClaimPath(path))
		rest = tail
	}
}

// fill fills a template of {claim:PATH} and of the given names.
func fill(template string, claims map[string]any, names map[string]string) (string, bool) {
	return record.Expand(template, func(name string) (string, bool) {
		if path, ok := strings.CutPrefix(name, "claim:"); ok {
			v, ok := lookup(claims, path)
			return fmt.Sprint(v), ok
		}
		v, ok := names[name]
		return v, ok
	})
}
