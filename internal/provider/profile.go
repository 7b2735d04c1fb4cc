package provider

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
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

// profile makes of the claims what the record says of them.
func (p *Provider) profile(c oidc.Claims) oidc.Profile {
	r := p.record.Claims
	out := oidc.Profile{
		PreferredUsername: oidc.PlainText(text(c, string(r.Username)), maxName),
		Name:              p.personName(c),
	}
	if r.Email.Source == record.FromClaim {
		out.Email = cleanEmail(c.String(string(r.Email.Claim)))
		out.EmailBelieved = out.Email != "" && p.believes(c)
	}
	out.Groups = p.claimedGroups(c)
	out.Picture = p.picture(c)
	return out
}

// personName is the claim Name, or what the record makes of several; a part that is not
// known is left out.
func (p *Provider) personName(c oidc.Claims) string {
	r := p.record.Claims
	if name := oidc.PlainText(text(c, string(r.Name)), maxName); name != "" || r.NameTemplate == "" {
		return name
	}
	known := false
	name, ok := record.Expand(r.NameTemplate, func(name string) (string, bool) {
		path, isClaim := strings.CutPrefix(name, "claim:")
		value := text(c, path)
		known = known || value != ""
		return cmp.Or(value, " "), isClaim
	})
	if !ok || !known {
		return ""
	}
	return oidc.PlainText(name, maxName)
}

// profileAtSignIn is the profile of somebody who has just been verified, by the claims and
// by what else the provider is asked for. Nothing of it breaks the sign-in: an address
// that cannot be had is none, and groups that cannot be had satisfy no rule. user is what
// the provider posted beside the code.
func (p *Provider) profileAtSignIn(ctx context.Context, m *metadata, auth oidc.Authentication, user string) oidc.Profile {
	out := p.profile(auth.Claims)
	if named := p.withUser(auth.Claims, user); out.Name == "" && named != nil {
		out.Name = p.personName(named)
	}
	ctx, cancel := context.WithTimeout(ctx, p.call.timeout)
	defer cancel()
	by := p.bearerOf(m, auth.Tokens.AccessToken)
	if p.asksEmail() {
		email, err := p.listedEmail(ctx, m, by)
		p.emailFails.note(p.log, "provider's list of e-mail addresses", "people sign in without one", err)
		out.Email, out.EmailBelieved = email.text, email.believed
	}
	if p.groupsListed(auth.Claims) {
		var err error
		out.Groups, err = p.groupsOf(ctx, m, by)
		out.GroupsUnknown = err != nil
		p.groupsFail.note(p.log, "provider's list of groups", "rules that ask for groups let nobody in who signs in now", err)
	}
	return out
}

// profileAgain is the profile of somebody who was signed in already. whole is false where
// a part cannot be had: what was known before then stays.
func (p *Provider) profileAgain(ctx context.Context, m *metadata, c oidc.Claims, tokens oidc.Tokens) (out oidc.Profile, whole bool) {
	out = p.profile(c)
	ctx, cancel := context.WithTimeout(ctx, p.call.timeout)
	defer cancel()
	by := p.bearerOf(m, tokens.AccessToken)
	if p.asksEmail() {
		email, err := p.listedEmail(ctx, m, by)
		p.emailFails.note(p.log, "provider's list of e-mail addresses", "refreshed sessions keep their old claims", err)
		if err != nil {
			return oidc.Profile{}, false
		}
		out.Email, out.EmailBelieved = email.text, email.believed
	}
	if p.groupsListed(c) {
		groups, err := p.groupsOf(ctx, m, by)
		p.groupsFail.note(p.log, "provider's list of groups", "refreshed sessions keep their old groups", err)
		if err != nil {
			return oidc.Profile{}, false
		}
		out.Groups = groups
	}
	return out, true
}

func (p *Provider) asksEmail() bool { return p.record.Claims.Email.Source == record.FromEndpoint }

// maxUser bounds what a provider posts of a person beside the code.
const maxUser = 2 << 10

// withUser lays what was posted beside the code under the claims, by the name that it was
// posted under; nil where there is nothing. It came by way of the browser and nobody
// signed it: it serves for a name and for nothing else.
func (p *Provider) withUser(c oidc.Claims, user string) oidc.Claims {
	name := p.record.Client.UserParam
	if name == "" || user == "" || len(user) > maxUser {
		return nil
	}
	posted, err := parseClaims([]byte(user))
	if err != nil {
		return nil
	}
	named := oidc.Claims{name: map[string]any(posted)}
	for claim, v := range c {
		named[claim] = v
	}
	return named
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

// picture returns an https address of the avatar, or "". A provider on this machine may
// name one on this machine by http. It is only ever a reference: nothing here fetches it.
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
	issuer := p.call.to.issuer.Hostname()
	local := u.Scheme == "http" && httpx.LoopbackHost(u.Hostname()) && httpx.LoopbackHost(issuer)
	if u.Scheme != "https" && !local || u.Host == "" || u.User != nil {
		return ""
	}
	return address
}

// maxDataPicture bounds the claims document out of which a data: picture is handed on.
const maxDataPicture = 8 << 20

// dataPicture returns the data: URL that stands in a claims document for the picture, or
// "". It goes nowhere but to whoever makes an avatar of it.
func (p *Provider) dataPicture(document []byte, envelope record.ClaimPath) string {
	r := p.record.Claims.Picture
	if r.Source != record.PictureClaim || len(document) > maxDataPicture || !bytes.Contains(document, []byte("data:")) {
		return "" // most documents have none and are not read twice
	}
	var doc oidc.Claims
	if json.Unmarshal(document, &doc) != nil {
		return ""
	}
	if envelope != "" {
		inner, _ := doc.At(string(envelope))
		member, _ := inner.(map[string]any)
		doc = member
	}
	if s := doc.String(string(r.Claim)); isDataURL(s) {
		return s
	}
	return ""
}
