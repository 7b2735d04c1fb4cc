package access

import (
	"slices"
	"strings"
)

// Demands returns what the list accepts that a Decision's Rule names, where it is one of
// p's; nil for any other rule. E-mails and domains are one list.
func (p *Policy) Demands(rule string) []string {
	if p == nil {
		return nil
	}
	list := rule
	if p.Name != "" {
		var ours bool
		if list, ours = strings.CutPrefix(rule, p.Name+"."); !ours {
			return nil
		}
	}
	switch list {
	case "emails", "domains":
		return slices.Concat(p.Emails, p.Domains)
	case "groups":
		return p.Groups
	}
	path, ok := strings.CutPrefix(list, "claims.")
	if !ok {
		return nil
	}
	return p.Claims[path]
}

// ClaimOf returns the path of the claim that a Decision's Rule is about; "" for another.
func ClaimOf(rule string) string {
	_, path, _ := strings.Cut(rule, "claims.")
	return path
}
