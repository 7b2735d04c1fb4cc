package record

import (
	"path"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/strict"
)

func (c *checker) claims(l Claims) {
	c.when(len(l.SubjectKey) == 0, "claims.subject_key", "nobody can be told apart", "write subject_key: [sub]")
	c.when(l.IDToken == No && l.UserInfo.Use == UserInfoNever, "claims.userinfo.use", "without ID tokens userinfo is the only source", "write use: after_sign_in")
	c.when(l.UserInfo.Recheck < 0, "claims.userinfo.recheck", "cannot be negative", "write it as 10m")

	c.when(l.Email.Source == FromNone && l.Email.Verified != EmailNever, "claims.email.verified", "there is no e-mail to believe", "write verified: never")
	c.when(l.Email.Source != FromNone && l.Email.Claim == "", "claims.email.claim", "is not stated", "write claim: email")
	c.when(l.Email.Verified == EmailClaim && l.Email.VerifiedClaim == "", "claims.email.verified_claim", "`verified: claim` needs it", "write verified_claim: email_verified")
	c.when(l.Email.Source == FromEndpoint && l.Email.URL == "", "claims.email.url", "`source: endpoint` needs it", "write its URL")

	c.when(l.Email.Source != FromEndpoint && (l.Email.PrimaryClaim != "" || l.Email.List != ""), "claims.email.primary_claim", "only `source: endpoint` uses it", "remove it")

	c.when(l.Picture.Source == PictureClaim && l.Picture.Claim == "", "claims.picture.claim", "is not stated", "write claim: picture, or source: none")
	c.when(l.Picture.Source == PictureTemplate && l.Picture.Template == "", "claims.picture.template", "is not stated", "write it, or source: none")
	c.template("claims.picture.template", l.Picture.Template, "claim:")
	c.template("claims.name_template", l.NameTemplate, "claim:")
	c.templates("claims.userinfo.params", l.UserInfo.Params, "client_id", "claim:")
}

// lists checks where groups come from.
func (c *checker) lists(g Groups) {
	c.when(g.Source == FromClaim && g.Claim == "", "claims.groups.claim", "is not stated", "write claim: groups, or source: none")
	asked := g.Source == FromEndpoint || g.OverageClaim != ""
	c.when(asked && len(g.Lists) == 0, "claims.groups.lists", "the groups are asked for there", "write at least one url and name")
	c.when(!asked && len(g.Lists) > 0, "claims.groups.lists", "nothing asks for them", "write source: endpoint, or an overage_claim")
	for i, l := range g.Lists {
		at := strict.Index("claims.groups.lists", i)
		c.when(l.URL == "", strict.Key(at, "url"), "is not stated", "write the endpoint's URL")
		c.location(strict.Key(at, "url"), l.URL)
		c.when(!strings.Contains(l.Name, "{claim:"), strict.Key(at, "name"), "names no member of the entries", "write it as '{claim:name}'")
		c.template(strict.Key(at, "name"), l.Name, "claim:")
		c.when((l.Next == NextMember) != (l.NextMember != ""), strict.Key(at, "next_member"), "goes with `next: member` and with nothing else", "state both, or neither")
	}
}

// operators checks what is there for people who set a provider up.
func (c *checker) operators(r Record) {
	for i, host := range r.Recognise.Hosts {
		bare := strings.TrimPrefix(host, "*.")
		c.when(bare == "" || strings.ContainsAny(bare, "*/: "), strict.Index("recognise.hosts", i), strict.Quote(host)+" is not a host", "write id.example.com, or *.example.com")
	}
	for i, pattern := range r.Recognise.Paths {
		_, err := path.Match(pattern, "/")
		c.when(err != nil || !strings.HasPrefix(pattern, "/"), strict.Index("recognise.paths", i), strict.Quote(pattern)+" is not a path", "write it as /realms/*")
	}
	for i, member := range r.Recognise.Members {
		name, _, _ := strings.Cut(member, "=")
		c.when(name == "", strict.Index("recognise.members", i), "names no member", "write its name, or name=text")
	}
	for i, always := range r.Recognise.Always {
		below := slices.ContainsFunc(r.Recognise.Paths, func(p string) bool { ok, err := path.Match(p, always); return ok && err == nil })
		c.when(!below, strict.Index("recognise.always", i), strict.Quote(always)+" is none of recognise.paths", "write a path that one of them matches")
	}
	for i, step := range r.Register.Steps {
		c.template(strict.Index("register.steps", i), step, "public_url", "id", "client_id")
	}
	for name, fix := range r.Fixes {
		c.when(name == "" || fix == "", strict.Key("fixes", name), "says nothing", "write what to change at the provider")
	}
}
