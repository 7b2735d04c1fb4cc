package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/strict"
)

func (c *checker) providers() {
	list := c.cfg.Providers
	if len(list) == 0 {
		c.fault("providers", "is missing or empty", "write at least one provider with id, kind, issuer and client_id")
	}
	ids, clients, domains := map[string]int{}, map[string]int{}, map[string]string{}
	for i := range list {
		p, path := &list[i], strict.Index("providers", i)
		c.id(strict.Key(path, "id"), p.ID, "provider", ids, i)
		known := c.kind(path, p)
		c.issuer(path, p, known)
		c.client(path, p, known)
		c.scopes(path, p, known)
		c.homes(strict.Key(path, "domains"), p.Domains, domains)
		if known && p.MaxAge >= time.Second {
			c.tellsAge(strict.Key(path, "max_age"), []Provider{*p})
		}
		if p.Name == "" {
			p.Name = firstOf(p.Record.Title, p.ID)
		}
		client := p.Issuer + "\x00" + p.ClientID
		if first, twice := clients[client]; twice && p.Issuer != "" {
			c.fault(strict.Key(path, "client_id"), fmt.Sprintf("is the same client of the same issuer as %s", strict.Index("providers", first)), "keep one of the two")
		} else {
			clients[client] = i
		}
	}
	c.linkers()
}

// homes checks the e-mail domains of a provider. One that two providers claim would lead
// nobody anywhere.
func (c *checker) homes(path string, list []string, seen map[string]string) {
	for i, d := range list {
		at, lower := strict.Index(path, i), strings.ToLower(d)
		if !validDomain(lower) {
			fix := "write the domain alone, such as example.com (other scripts in their xn-- form)"
			if _, after, found := strings.Cut(lower, "@"); found && validDomain(after) {
				fix = "write " + after
			}
			c.fault(at, strict.Quote(d)+" is not a domain", fix)
			continue
		}
		list[i] = lower
		if first, twice := seen[lower]; twice {
			c.fault(at, strict.Quote(d)+" stands at "+first+" already", "keep one of the two")
			continue
		}
		seen[lower] = at
	}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// id checks an id's form and that nobody before has it.
func (c *checker) id(path, id, what string, seen map[string]int, i int) {
	if id == "" {
		c.fault(path, "is missing", "name the "+what+" with a-z, 0-9 and dashes")
		return
	}
	if !validID(id) {
		c.fault(path, strict.Quote(id)+" is not an id", "write a-z, 0-9 and dashes within, at most 63 characters")
		return
	}
	if first, twice := seen[id]; twice {
		c.fault(path, fmt.Sprintf("%q is the id of %ss[%d] already", id, what, first), "take another id")
		return
	}
	seen[id] = i
}

func validID(id string) bool {
	if len(id) > 63 || strings.HasPrefix(id, "-") || strings.HasSuffix(id, "-") {
		return false
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}

// kind finds the provider's record and applies the overrides. It reports
// whether the record can be asked.
func (c *checker) kind(path string, p *Provider) bool {
	kinds := record.Kinds()
	at := strict.Key(path, "kind")
	if p.Kind == "" {
		c.fault(at, "is missing", "write kind: oidc, or one of: "+strings.Join(kinds, ", "))
		return false
	}
	base, ok := record.Lookup(p.Kind)
	if !ok {
		fix := "write oidc for any other OpenID provider; known: " + strings.Join(kinds, ", ")
		if near := strict.Nearest(p.Kind, kinds); near != "" {
			fix = fmt.Sprintf("write %q, or oidc for any other OpenID provider", near)
		}
		c.fault(at, "there is no provider record "+strict.Quote(p.Kind), fix)
		return false
	}
	p.Record = base
	if p.Override != nil {
		r, faults := record.Decode(base, p.Override, strict.Key(path, "record"))
		c.faults = append(c.faults, faults...)
		if len(faults) > 0 {
			return false
		}
		p.Record = r
	}
	c.believed(path, p)
	c.linking(path, p)
	return true
}

// believed applies email_verified, the short form of the record's field.
func (c *checker) believed(path string, p *Provider) {
	if p.EmailVerified == "" {
		return
	}
	at := strict.Key(path, "email_verified")
	email := &p.Record.Claims.Email
	stated := p.Override != nil && c.overrides(p, "email", "verified")
	c.when(stated, at, "is stated in record.claims.email.verified too", "keep one of the two")
	wrong := email.Source == record.FromNone && p.EmailVerified != record.EmailNever
	c.when(wrong, at, "this provider gives no e-mail address", "remove it")
	email.Verified = p.EmailVerified
	c.when(email.Verified == record.EmailClaim && email.VerifiedClaim == "", at, "the record names no claim that says it", "write record.claims.email.verified_claim")
}

// linking checks that the provider's e-mails can carry what link_verified_email rests on.
func (c *checker) linking(path string, p *Provider) {
	if !p.LinkVerifiedEmail {
		return
	}
	at := strict.Key(path, "link_verified_email")
	email := p.Record.Claims.Email
	switch {
	case email.Source == record.FromNone:
		c.fault(at, "this provider gives no e-mail address", "remove it")
	case email.Verified == record.EmailNever:
		c.fault(at, "this provider's e-mails are never believed, so that none can link an identity",
			"remove it; or, where the provider says which addresses it has verified, write email_verified: claim")
	case email.Verified == record.EmailAlways && (p.EmailVerified == record.EmailAlways || p.Override != nil && c.overrides(p, "email", "verified")):
		c.warn(at, "rests on email_verified: always, which the provider's record does not say: whoever can enter an address there that is not theirs gets the account of whom it belongs to")
	}
}

// linkers warns where one provider alone is marked: an e-mail links what two say.
func (c *checker) linkers() {
	marked := -1
	for i := range c.cfg.Providers {
		if c.cfg.Providers[i].LinkVerifiedEmail && marked >= 0 {
			return
		} else if c.cfg.Providers[i].LinkVerifiedEmail {
			marked = i
		}
	}
	if marked >= 0 {
		c.warn(strict.Key(strict.Index("providers", marked), "link_verified_email"), "does nothing yet: an e-mail links identities of two providers that are both marked so")
	}
}

// overrides reports whether the provider's overrides state claims.<names...>.
func (c *checker) overrides(p *Provider, names ...string) bool {
	scratch := p.Record
	positions, _ := strict.Decode(p.Override, "", &scratch)
	return positions.Has("claims." + strings.Join(names, "."))
}

func (c *checker) issuer(path string, p *Provider, known bool) {
	at := strict.Key(path, "issuer")
	if p.Issuer == "" {
		if known && p.Record.Issuer.Default != "" {
			p.Issuer = p.Record.Issuer.Default
			return
		}
		c.when(known, at, "is missing", "write the issuer exactly as the provider states it, such as https://id.example.com/realms/acme")
		return
	}
	u, err := parseURL(p.Issuer, "http", "https")
	if err != nil {
		c.problem(at, err)
		return
	}
	o := Origin{Scheme: u.Scheme, Host: u.Host}
	c.when(strings.Contains(o.Host, "*"), at, "a star has no meaning here", "write the issuer exactly as the provider states it")
	c.when(strings.Contains(p.Issuer, "/.well-known/"), at, "is the address of the metadata, not the issuer", "write what stands before /.well-known/")
	c.secure(at, o)
}

func (c *checker) client(path string, p *Provider, known bool) {
	at := strict.Key(path, "client_id")
	c.when(p.ClientID == "", at, "is missing", "write the client id that the provider gave")
	c.when(!printable(p.ClientID), at, "has blanks or control characters", "write the client id exactly as the provider gave it")
	if b := p.BackchannelURL; b != nil && b.Scheme == "http" && !b.Loopback() {
		c.warn(strict.Key(path, "backchannel_url"), "the client secret and tokens travel over plain http")
	}
	c.key(path, p, known)
	c.secret(path, p, known)
	c.behind(path, p, known)
	p.CA = c.authorities(strict.Key(path, "ca_file"), &p.CAFile)
	c.age(strict.Key(path, "max_age"), p.MaxAge)
}

func printable(s string) bool {
	for _, r := range s {
		if r <= ' ' || r == 0x7f {
			return false
		}
	}
	return true
}

func (c *checker) secret(path string, p *Provider, known bool) {
	file, env := strict.Key(path, "client_secret_file"), strict.Key(path, "client_secret_env")
	hasFile, hasEnv := c.positions.Has(file), c.positions.Has(env)
	switch {
	case hasFile && hasEnv:
		c.fault(env, "stands beside client_secret_file", "keep one of the two")
	case hasFile:
		p.ClientSecretFile = absolute(c.folder, p.ClientSecretFile)
		p.ClientSecret = c.fromFile(file, p.ClientSecretFile)
	case hasEnv:
		p.ClientSecret = c.fromEnv(env, p.ClientSecretEnv)
	case known && c.needsSecret(p) && !c.refusedSecret(path):
		c.fault(file, "there is no client secret", "write client_secret_file: PATH or client_secret_env: NAME")
	}
}

// needsSecret reports whether the client proves who it is by a secret.
func (c *checker) needsSecret(p *Provider) bool {
	switch auth := p.Record.Client.Auth; {
	case p.Record.Client.Exchange == record.ExchangeApplicationToken:
		return true
	case auth == record.AuthNone || keyMust(auth):
		return false
	default:
		return !keyMay(auth) || p.ClientKeyFile == "" && p.ClientKeyEnv == ""
	}
}

// behind checks that signing out behind the provider can be asked for.
func (c *checker) behind(path string, p *Provider, known bool) {
	if !p.SignOutUpstream || !known {
		return
	}
	at := strict.Key(path, "sign_out_upstream")
	switch p.Record.SignOut.Upstream {
	case record.UpstreamOnRequest:
	case record.UpstreamAlways:
		c.warn(at, "is not needed: this provider always signs out of what is behind it")
	default:
		c.fault(at, "this provider knows no request to sign out of what is behind it", "remove it, or state record.sign_out.upstream and upstream_params")
	}
}

// refusedSecret reports whether a secret was written out, which is told already.
func (c *checker) refusedSecret(path string) bool {
	return slices.ContainsFunc(c.decoded, func(f Fault) bool {
		key, ok := strings.CutPrefix(f.Path, path+".")
		if !ok {
			return false
		}
		_, _, refused := (*Provider)(nil).RefusedKey(key)
		return refused
	})
}

func (c *checker) scopes(path string, p *Provider, known bool) {
	at := strict.Key(path, "scopes")
	c.inert(at, len(p.Scopes))
	for i, s := range p.Scopes {
		entry := strict.Index(at, i)
		c.when(!validScope(s), entry, strict.Quote(s)+" is not a scope", "write one scope per entry, without blanks or quotes")
		c.when(slices.Index(p.Scopes, s) < i, entry, strict.Quote(s)+" is listed twice", "keep one of the two")
	}
	if len(p.Scopes) == 0 || !known {
		return
	}
	needsOpenID := p.Record.Claims.IDToken == record.Yes && !slices.Contains(p.Scopes, "openid")
	c.when(needsOpenID, at, "the scope openid is missing, without which there is no ID token", "add openid")
	p.Record.Scopes = p.Scopes
}

// validScope is RFC 6749 section 3.3.
func validScope(s string) bool {
	for _, r := range s {
		if r < 0x21 || r > 0x7e || r == '"' || r == '\\' {
			return false
		}
	}
	return s != ""
}
