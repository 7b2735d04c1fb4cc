package oidc

import "strings"

// Claims are the claims of an ID token or a userinfo answer, as decoded from JSON.
type Claims map[string]any

// At returns the claim at a dotted path. A name that itself contains dots (as
// "https://example.com/roles") is found by its whole name first.
func (c Claims) At(path string) (any, bool) {
	if v, ok := c[path]; ok {
		return v, true
	}
	head, rest, nested := strings.Cut(path, ".")
	if !nested {
		return nil, false
	}
	switch inner := c[head].(type) {
	case map[string]any:
		return Claims(inner).At(rest)
	case Claims:
		return inner.At(rest)
	}
	return nil, false
}

// String returns the string claim at path, or "".
func (c Claims) String(path string) string {
	v, _ := c.At(path)
	s, _ := v.(string)
	return s
}

// Strings returns the claim at path as a list: a list of strings, or a single string.
// Members that are not strings are left out.
func (c Claims) Strings(path string) []string {
	v, _ := c.At(path)
	switch v := v.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		list := make([]string, 0, len(v))
		for _, m := range v {
			if s, ok := m.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}
