package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// maxAddresses bounds how many addresses of one person are looked at.
const maxAddresses = 100

// address is one e-mail address of a person.
type address struct {
	text     string
	believed bool
	primary  bool
}

// listedEmail asks for the person's addresses and takes one of them: the primary if it is
// believed, else the first that is, else the primary, which then decides nothing. No
// address is no error.
func (p *Provider) listedEmail(ctx context.Context, m *metadata, by bearer) (address, error) {
	a, err := p.fetch(ctx, by, "e-mail request", m.emails, maxPage)
	if err != nil {
		return address{}, err
	}
	entries, _, err := entriesOf(a.body, p.record.Claims.Email.List)
	if err != nil {
		return address{}, fmt.Errorf("e-mail request: %w", err)
	}
	return p.bestAddress(entries), nil
}

func (p *Provider) bestAddress(entries []oidc.Claims) address {
	var best address
	rank := func(a address) int {
		switch {
		case a.believed && a.primary:
			return 3
		case a.believed:
			return 2
		case a.primary:
			return 1
		}
		return 0
	}
	r := p.record.Claims.Email
	for i, e := range entries {
		if i == maxAddresses {
			break
		}
		a := address{text: cleanEmail(e.String(string(r.Claim)))}
		if a.text == "" {
			continue
		}
		a.believed = p.believes(e)
		a.primary = r.PrimaryClaim == "" && best.text == "" || r.PrimaryClaim != "" && saysYes(e, r.PrimaryClaim, r.PrimaryValue)
		if best.text == "" || rank(a) > rank(best) {
			best = a
		}
	}
	return best
}

// believes says whether an address is the person's. The boolean true verifies one, or what
// the record names for it: another text, another number or an absent claim do not.
func (p *Provider) believes(c oidc.Claims) bool {
	switch e := p.record.Claims.Email; e.Verified {
	case record.EmailAlways:
		return true
	case record.EmailClaim:
		v, _ := c.At(string(e.VerifiedClaim))
		if verified, isBool := v.(bool); isBool {
			return verified
		}
		return e.VerifiedValue != "" && text(c, string(e.VerifiedClaim)) == e.VerifiedValue
	}
	return false
}

// saysYes tells whether a member is true, or the record's text for it, alone or in a list.
func saysYes(c oidc.Claims, path record.ClaimPath, text string) bool {
	v, _ := c.At(string(path))
	if yes, isBool := v.(bool); isBool {
		return yes
	}
	if text == "" {
		return false
	}
	for _, said := range c.Strings(string(path)) {
		if strings.EqualFold(said, text) {
			return true
		}
	}
	return false
}
