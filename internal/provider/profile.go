package provider

import (
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// identity names the person by the record's subject key. Keys of several claims are
// joined so that no two people can come out the same.
func (p *Provider) identity(issuer string, c oidc.Claims) (oidc.Identity, error) {
	parts := make([]string, 0, len(p.record.Claims.SubjectKey))
	for _, path := range p.record.Claims.SubjectKey {
		value := text(c, string(path))
		if value == "" {
			return oidc.Identity{}, refused("claim %s, which names the person, is absent", path)
		}
		parts = append(parts, value)
	}
	subject := parts[0]
	if len(parts) > 1 {
		for i := range parts {
			parts[i] = url.QueryEscape(parts[i])
		}
		subject = strings.Join(parts, "|")
	}
	if err := checkSubject(subject); err != nil {
		return oidc.Identity{}, refused("%w", err)
	}
	return oidc.Identity{Issuer: issuer, Subject: subject}, nil
}

// profile makes of the claims what the record says.
func (p *Provider) profile(c oidc.Claims) oidc.Profile {
	r := p.record.Claims
	out := oidc.Profile{
		PreferredUsername: cleanText(text(c, string(r.Username)), maxName),
		Name:              cleanText(text(c, string(r.Name)), maxName),
	}
	if r.Email.Source == record.FromClaim {
		out.Email = cleanEmail(c.String(string(r.Email.Claim)))
		out.EmailBelieved = out.Email != "" && p.believes(c)
	}
	if r.Groups.Source == record.FromClaim {
		out.Groups = cleanGroups(c.Strings(string(r.Groups.Claim)))
	}
	out.Picture = p.picture(c)
	return out
}

// believes says whether the address is the person's. Only the boolean true verifies one:
// the string "true", a number or an absent claim do not.
func (p *Provider) believes(c oidc.Claims) bool {
	switch p.record.Claims.Email.Verified {
	case record.EmailAlways:
		return true
	case record.EmailClaim:
		v, _ := c.At(string(p.record.Claims.Email.VerifiedClaim))
		verified, isBool := v.(bool)
		return isBool && verified
	}
	return false
}

// cleanEmail returns a bare address as it was sent, or "" for what is none.
func cleanEmail(s string) string {
	if s == "" || len(s) > maxEmail || hasControl(s) {
		return ""
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || parsed.Name != "" || strings.Count(s, "@") != 1 {
		return ""
	}
	return s
}

func cleanGroups(names []string) []string {
	var groups []string
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if name == "" || len(name) > maxGroupLength || hasControl(name) || seen[name] {
			continue
		}
		if len(groups) == maxGroups {
			break
		}
		seen[name] = true
		groups = append(groups, name)
	}
	return slices.Clip(groups)
}

// picture returns an https address of the avatar, or "". It is only ever a reference:
// nothing here fetches it.
func (p *Provider) picture(c oidc.Claims) string {
	r := p.record.Claims.Picture
	var address string
	switch r.Source {
	case record.PictureClaim:
		address = c.String(string(r.Claim))
	case record.PictureTemplate:
		address, _ = record.Expand(r.Template, func(name string) (string, bool) {
			path, ok := strings.CutPrefix(name, "claim:")
			return url.PathEscape(text(c, path)), ok
		})
	}
	u, err := url.Parse(address)
	if err != nil || len(address) > maxPicture || hasControl(address) {
		return ""
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return address
}

func (p *Provider) keepDataURLs() bool { return p.record.Claims.Picture.KeepDataURLs }
