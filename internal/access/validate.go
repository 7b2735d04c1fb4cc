package access

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate returns one joined error for all members that can never be satisfied: an
// inert rule must stop the start, not silently refuse or be taken for one that holds.
func (p *Policy) Validate() error {
	var faults []error
	report := func(list, member, why string) {
		faults = append(faults, fmt.Errorf("%s: %q %s", p.refuse(ReasonNone, list).Rule, member, why))
	}
	for _, e := range p.Emails {
		if _, ok := emailDomain(e); !ok {
			report("emails", e, "is not an e-mail address")
		}
	}
	for _, d := range p.Domains {
		if !hostName(strings.TrimPrefix(d, "*.")) {
			report("domains", d, `is not a domain; write "example.com", or "*.example.com" for its subdomains`)
		}
	}
	for _, g := range p.Groups {
		if g == "" {
			report("groups", g, "is empty")
		}
	}
	for _, path := range slices.Sorted(maps.Keys(p.Claims)) {
		if path == "" {
			report("claims", path, "is not a claim path")
		}
		if len(p.Claims[path]) == 0 {
			report("claims", path, "lists no accepted value")
		}
	}
	return errors.Join(faults...)
}
