package access

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// Evaluate asks p about s. A nil or zero Policy admits everyone. It holds no state, is
// safe for concurrent use, and allocates only when it refuses.
//
// E-mail and domain rules fail closed: an e-mail that is missing, not believed, or not
// plainly one local part, one "@" and one host name satisfies none.
func (p *Policy) Evaluate(s Subject) Decision {
	if p == nil {
		return Decision{Allowed: true}
	}
	if d, ok := p.email(s.Profile); !ok {
		return d
	}
	if len(p.Groups) > 0 && !slices.ContainsFunc(s.Profile.Groups, p.listsGroup) {
		if s.Profile.GroupsUnknown {
			return p.refuse(ReasonGroupsUnknown, "groups")
		}
		return p.refuse(ReasonGroup, "groups")
	}
	if path, ok := p.claims(s.Claims); !ok {
		return p.refuse(ReasonClaim, "claims."+path)
	}
	return Decision{Allowed: true}
}

func (p *Policy) refuse(r Reason, list string) Decision {
	if p.Name != "" {
		list = p.Name + "." + list
	}
	return Decision{Reason: r, Rule: list}
}

func (p *Policy) email(who oidc.Profile) (Decision, bool) {
	list := "emails"
	switch {
	case len(p.Emails) > 0:
	case len(p.Domains) > 0:
		list = "domains"
	default:
		return Decision{}, true
	}
	if who.Email == "" {
		return p.refuse(ReasonEmailMissing, list), false
	}
	if !who.EmailBelieved {
		return p.refuse(ReasonEmailUnverified, list), false
	}
	domain, ok := emailDomain(who.Email)
	if !ok {
		return p.refuse(ReasonEmail, list), false
	}
	if containsFold(p.Emails, who.Email) || matchesDomain(p.Domains, domain) {
		return Decision{}, true
	}
	return p.refuse(ReasonEmail, list), false
}

func (p *Policy) listsGroup(group string) bool {
	return group != "" && slices.Contains(p.Groups, group)
}

// claims returns the first path, by name, that is not satisfied. A path without
// accepted values is satisfied by nobody: a rule must not turn inert by a slip.
func (p *Policy) claims(c oidc.Claims) (path string, ok bool) {
	ok = true
	for name, accepted := range p.Claims {
		if claimAccepted(c, name, accepted) {
			continue
		}
		if ok || name < path {
			path = name
		}
		ok = false
	}
	return path, ok
}

func claimAccepted(c oidc.Claims, path string, accepted []string) bool {
	value, found := c.At(path)
	if !found {
		return false
	}
	switch list := value.(type) {
	case []any:
		return slices.ContainsFunc(list, func(v any) bool { return scalarAccepted(v, accepted) })
	case []string:
		return slices.ContainsFunc(list, func(v string) bool { return slices.Contains(accepted, v) })
	}
	return scalarAccepted(value, accepted)
}

// scalarAccepted compares a JSON scalar with the accepted values as JSON writes it:
// true is accepted by "true", 7 by "7". Objects and null are accepted by nothing.
func scalarAccepted(value any, accepted []string) bool {
	switch v := value.(type) {
	case string:
		return slices.Contains(accepted, v)
	case bool:
		return slices.Contains(accepted, strconv.FormatBool(v))
	case float64:
		return slices.Contains(accepted, strconv.FormatFloat(v, 'f', -1, 64))
	case json.Number:
		return slices.Contains(accepted, v.String())
	}
	return false
}
