package devprovider

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// mostGroups is how many groups fit a token where the record says that a list can be too long.
const mostGroups = 5

// subjectClaims are the claims that name a person for good, by the record's names. Plain `id`s are
// numbers beyond what a float64 holds, as some providers' are.
func (p *Provider) subjectClaims(person Person) map[string]any {
	claims := map[string]any{}
	for _, path := range p.rec.Claims.SubjectKey {
		put(claims, path, p.subjectPart(person, path))
	}
	if p.rec.Issuer.Match == record.IssuerTemplateTID {
		claims["tid"] = tenant
	}
	return claims
}

func (p *Provider) subjectPart(person Person, path record.ClaimPath) any {
	switch path {
	case "sub":
		return person.subject()
	case "tid":
		return tenant
	case "id":
		return 1<<53 + 1 + int64(crc32.ChecksumIEEE([]byte(person.subject())))
	}
	return person.subject() + "-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r == '_' {
			return r
		}
		return -1
	}, strings.ToLower(string(path)))
}

// Subject lists what names a person at this provider, in the order of the record's subject key.
func (p *Provider) Subject(username string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var parts []string
	for _, person := range p.people {
		for _, path := range p.rec.Claims.SubjectKey {
			if person.Username == username {
				parts = append(parts, fmt.Sprint(p.subjectPart(person, path)))
			}
		}
	}
	return parts
}

// tokenClaims are a person's claims in an ID token: all of them where userinfo is never asked, else
// what names the person and the session alone.
func (p *Provider) tokenClaims(person Person, g *grant) map[string]any {
	claims := map[string]any{}
	if p.rec.Claims.UserInfo.Use == record.UserInfoNever {
		claims = p.facts(person, g)
	}
	lay(claims, p.subjectClaims(person))
	p.overage(claims, person, g)
	if path := p.rec.SignOut.LogoutHintClaim; path != "" {
		put(claims, path, logoutHint(g.Subject))
	}
	return claims
}

// logoutHint is the value by which the provider finds a person's session, no name of the person.
func logoutHint(subject string) string { return "O." + hashOf(subject)[:24] }

// facts are all claims of a person, by the record's names, for a grant that asked for the record's
// scopes; for one that did not, only what names the person.
func (p *Provider) facts(person Person, g *grant) map[string]any {
	c := p.rec.Claims
	claims := map[string]any{}
	if !p.askedForAll(g) {
		return p.subjectClaims(person)
	}
	put(claims, c.Username, person.Username)
	if c.NameTemplate == "" {
		put(claims, c.Name, person.Name)
	} else if p.rec.Client.UserParam == "" {
		p.nameParts(claims, person)
	}
	if c.Email.Source == record.FromClaim && person.Email != "" {
		put(claims, c.Email.Claim, person.Email)
		put(claims, c.Email.VerifiedClaim, saysYes(person.EmailVerified, c.Email.VerifiedValue))
	}
	p.groupClaim(claims, person, g)
	switch c.Picture.Source {
	case record.PictureClaim:
		if person.Picture != "" {
			put(claims, c.Picture.Claim, person.Picture)
		}
	case record.PictureTemplate:
		p.avatarParts(claims, person)
	}
	lay(claims, p.subjectClaims(person))
	return claims
}

// askedForAll tells whether a grant has every scope that the record asks for: without one of them
// the provider keeps to itself what the scope is about.
func (p *Provider) askedForAll(g *grant) bool {
	for _, scope := range p.rec.Scopes {
		if !slices.Contains(g.Scope, scope) {
			return false
		}
	}
	return true
}

// nameParts spreads a person's name over the claims of the record's template. What is posted as a
// person is not named again in what is posted.
func (p *Provider) nameParts(claims map[string]any, person Person) {
	slots := claimSlots(p.rec.Claims.NameTemplate)
	words := strings.SplitN(person.Name, " ", max(len(slots), 1))
	for i, path := range slots {
		path = record.ClaimPath(strings.TrimPrefix(string(path), p.rec.Client.UserParam+"."))
		if i < len(words) {
			put(claims, path, words[i])
		}
	}
}

func (p *Provider) avatarParts(claims map[string]any, person Person) {
	avatar := person.Avatar
	if avatar == "" {
		avatar = "a_" + hashOf(person.Username)[:16]
	}
	for _, path := range claimSlots(p.rec.Claims.Picture.Template) {
		if !slices.Contains(p.rec.Claims.SubjectKey, path) {
			put(claims, path, avatar)
		}
	}
}

// groupClaim puts the groups into a claim, where they were asked for.
func (p *Provider) groupClaim(claims map[string]any, person Person, g *grant) {
	c := p.rec.Claims.Groups
	if c.Source != record.FromClaim || len(person.Groups) == 0 || !p.groupsAsked(g) || p.tooMany(person) {
		return
	}
	put(claims, c.Claim, slices.Clone(person.Groups))
}

func (p *Provider) groupsAsked(g *grant) bool {
	scope := p.rec.Claims.Groups.Scope
	return scope == "" || slices.Contains(g.Scope, scope)
}

func (p *Provider) tooMany(person Person) bool {
	return p.rec.Claims.Groups.OverageClaim != "" && len(person.Groups) > mostGroups
}

// overage says in a token that the groups did not fit.
func (p *Provider) overage(claims map[string]any, person Person, g *grant) {
	path := p.rec.Claims.Groups.OverageClaim
	if !p.tooMany(person) || !p.groupsAsked(g) {
		return
	}
	put(claims, path, "src1")
	if strings.HasPrefix(string(path), "_claim_names.") { // OIDC Core 5.6.2; the address is of no use
		claims["_claim_sources"] = map[string]any{"src1": map[string]any{"endpoint": p.origin + "/retired"}}
	}
}

// told is what a person let the provider tell at the first sign-in, as JSON beside the code.
func (p *Provider) told(person Person) map[string]any {
	doc := map[string]any{"email": person.Email}
	p.nameParts(doc, person)
	return doc
}

// addresses lists a person's e-mail addresses.
func (p Person) addresses() []Address {
	if p.Addresses != nil || p.Email == "" {
		return p.Addresses
	}
	return []Address{
		{Address: "unverified-" + p.Email},
		{Address: "second-" + p.Email, Verified: true},
		{Address: p.Email, Verified: p.EmailVerified, Primary: true},
	}
}
