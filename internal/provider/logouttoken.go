package provider

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// logoutAge is how old a logout token may be by its iat, whatever its exp says. Providers
	// that queue them sign seconds before they send; who repeats one sent long ago must find
	// that its jti need no longer be known to refuse it.
	logoutAge = 10 * time.Minute
	// logoutAgeNoExp is the same where the provider sends no exp: the life that Back-Channel
	// Logout section 2.4 recommends.
	logoutAgeNoExp = 2 * time.Minute
)

// VerifyLogoutToken checks what somebody posted as a logout token of this provider, as
// Back-Channel Logout 1.0 section 2.6 says. Whether its jti came before is the caller's to tell.
//
// It takes a token whose signature a published key of the provider verifies under an algorithm
// that ID tokens may have; whose typ the record lists; whose iss and aud are as in ID tokens;
// whose iat is at most 10 minutes ago and whose exp has not passed (2 minutes after iat where the
// record says that none is sent); with a jti, the logout event, no nonce, and sub, sid or both.
// Between the clocks one minute is allowed for.
//
// Its error wraps oidc.ErrRefused, or is an *oidc.UnreachableError where the keys cannot be had:
// then nobody knows yet whether the token is good. Tokens with keys that are not known lead to a
// bounded number of fetches, and never use up those that a sign-in may need.
func (p *Provider) VerifyLogoutToken(ctx context.Context, raw string) (oidc.LogoutToken, error) {
	iss, ok := oidc.IssuerOf(raw)
	if !ok {
		return oidc.LogoutToken{}, refused("logout token is not a signed JWT with an issuer")
	}
	if err := p.checkLogoutType(raw); err != nil {
		return oidc.LogoutToken{}, err
	}
	m, err := p.meta(ctx)
	if err != nil {
		return oidc.LogoutToken{}, err
	}
	if !p.acceptsIssuer(m, iss, "") {
		return oidc.LogoutToken{}, refused("logout token: iss is %q, and the configured issuer is %q", bounded(iss), p.issuer)
	}
	claims, err := p.signedByProvider(ctx, m, raw)
	if err != nil {
		return oidc.LogoutToken{}, err
	}
	return p.checkLogoutClaims(p.now(), p.keptIssuer(iss), claims)
}

// IsIssuer tells whether an iss that is not a token's own, as in a front-channel call
// (Front-Channel Logout 1.0 section 2), is this provider's. Where the record's issuers are a template it may wait for the
// metadata, two seconds at most, and without it no iss is this provider's.
func (p *Provider) IsIssuer(iss string) bool {
	if p.record.Issuer.Match != record.IssuerTemplateTID {
		return p.acceptsIssuer(nil, iss, "")
	}
	ctx, cancel := context.WithTimeout(context.Background(), staleWait)
	defer cancel()
	m, err := p.metadata.get(ctx)
	return err == nil && p.acceptsIssuer(m, iss, "")
}

// FrontChannelIssuer returns the issuer under which the sessions are kept that a
// front-channel call is about (Front-Channel Logout 1.0 section 2), and whether the call
// may be this provider's. issuer is "" where the call leaves open which of several it is.
func (p *Provider) FrontChannelIssuer(iss string) (issuer string, ok bool) {
	switch {
	case iss != "":
		return p.keptIssuer(iss), p.IsIssuer(iss)
	case p.record.Notices.FrontChannelIss == record.Yes:
		return "", false
	case p.record.Issuer.Match == record.IssuerTemplateTID:
		return "", true
	}
	return p.issuer, true
}

// checkLogoutType demands a typ that the record lists. An ID token is signed with the same keys
// for the same client: where the provider gives logout tokens a type of their own, no other token
// can pass for one (RFC 8725 section 3.11).
func (p *Provider) checkLogoutType(raw string) error {
	head, _, _ := strings.Cut(raw, ".")
	data, err := base64.RawURLEncoding.DecodeString(head)
	var header map[string]any
	if err != nil || json.Unmarshal(data, &header) != nil {
		return refused("logout token: header is malformed")
	}
	stated, present := header["typ"]
	typ, isText := stated.(string)
	if present && !isText {
		return refused("logout token: typ is not a string")
	}
	found := strings.TrimPrefix(strings.ToLower(typ), "application/")
	for _, allowed := range p.record.Notices.BackChannelTyp {
		if allowed == record.LogoutTypAbsent {
			if !present {
				return nil
			}
		} else if present && found == strings.ToLower(string(allowed)) {
			return nil
		}
	}
	if !present {
		return refused("logout token: typ is absent, and the record's notices.backchannel_typ wants one")
	}
	return refused("logout token: typ is %q, which the record's notices.backchannel_typ does not list", bounded(typ))
}

// signedByProvider returns the claims of a JWS that a key of the provider verifies. They are as
// the provider wrote them: nothing is left out that a check wants absent.
func (p *Provider) signedByProvider(ctx context.Context, m *metadata, raw string) (oidc.Claims, error) {
	if _, err := jose.ParseSignedCompact(raw, joseAlgorithms(p.idTokenAlgorithms(m))); err != nil {
		return nil, refused("logout token: malformed, or signed with an algorithm that is not accepted")
	}
	keys := &keySet{provider: p, stranger: true}
	payload, err := keys.VerifySignature(ctx, raw)
	if keys.absent != nil {
		return nil, notSent(keys.absent)
	}
	if err != nil {
		return nil, refused("logout token: %s", verifyCause(err))
	}
	var claims oidc.Claims
	if json.Unmarshal(payload, &claims) != nil || claims == nil {
		return nil, refused("logout token: claims are not a JSON object")
	}
	return claims, nil
}

// checkLogoutClaims holds the claims of a token whose signature and issuer are good against what
// is demanded of a logout token. Claims are read by their exact names.
func (p *Provider) checkLogoutClaims(now time.Time, issuer string, claims oidc.Claims) (t oidc.LogoutToken, err error) {
	if !slices.Contains(claims.Strings("aud"), p.clientID) {
		return t, refused("logout token: aud does not name this client")
	}
	// A nonce is what ID tokens have: section 2.4 forbids it, so that neither passes for the other.
	if _, present := claims["nonce"]; present {
		return t, refused("logout token: it has a nonce")
	}
	events, _ := claims["events"].(map[string]any)
	if _, logout := events[logoutEvent].(map[string]any); !logout {
		return t, refused("logout token: events has no back-channel logout event")
	}
	issued, expires, err := p.logoutTimes(now, claims)
	if err != nil {
		return t, err
	}
	id, err := identifier(claims, "jti")
	if err != nil {
		return t, err
	}
	if id == "" {
		return t, refused("logout token: jti is absent")
	}
	subject, sid, err := p.loggedOut(issuer, claims)
	if err != nil {
		return t, err
	}
	return oidc.LogoutToken{Issuer: issuer, Subject: subject, SID: sid, ID: id, IssuedAt: issued, Expires: expires}, nil
}

// logoutTimes checks iat, exp and nbf, and returns iat and when the token is too old for good.
func (p *Provider) logoutTimes(now time.Time, claims oidc.Claims) (issued, expires time.Time, err error) {
	issued, ok := numericDate(claims["iat"])
	if !ok {
		return issued, expires, refused("logout token: iat is absent or not a number")
	}
	if issued.After(now.Add(skew)) {
		return issued, expires, refused("logout token: iat is %s in the future; compare the clocks", issued.Sub(now).Round(time.Second))
	}
	expires = issued.Add(logoutAge)
	stated, present := claims["exp"]
	exp, ok := numericDate(stated)
	switch {
	case present && !ok:
		return issued, expires, refused("logout token: exp is not a number")
	case present && exp.Before(expires):
		expires = exp
	case !present && p.record.Notices.BackChannelExp != record.No:
		return issued, expires, refused("logout token: exp is absent, and the record's notices.backchannel_exp wants one")
	case !present:
		expires = issued.Add(logoutAgeNoExp)
	}
	expires = expires.Add(skew)
	if !now.Before(expires) {
		return issued, expires, refused("logout token: it is too old, issued %s ago; compare the clocks", now.Sub(issued).Round(time.Second))
	}
	if v, present := claims["nbf"]; present {
		if nbf, ok := numericDate(v); !ok || nbf.After(now.Add(skew)) {
			return issued, expires, refused("logout token: it is not valid yet")
		}
	}
	return issued, expires, nil
}

// loggedOut names the person and the session that the token is about. The person is named as at a
// sign-in; where the record takes other claims for that, which logout tokens lack, sid has to do.
func (p *Provider) loggedOut(issuer string, claims oidc.Claims) (subject, sid string, err error) {
	sub, err := identifier(claims, "sub")
	if err != nil {
		return "", "", err
	}
	if sid, err = identifier(claims, "sid"); err != nil {
		return "", "", err
	}
	if sub == "" && sid == "" {
		return "", "", refused("logout token: neither sub nor sid")
	}
	who, err := p.identity(issuer, claims)
	if err != nil && sid == "" {
		return "", "", refused("logout token: no sid, and the person is not named by the claims of the record's claims.subject_key")
	}
	return who.Subject, sid, nil
}

// identifier reads a claim that names something: "" where it is absent, an error where it is there
// and cannot be a name.
func identifier(claims oidc.Claims, name string) (string, error) {
	v, present := claims[name]
	if !present {
		return "", nil
	}
	s, ok := v.(string)
	if !ok || s == "" || len(s) > maxSubject || hasControl(s) {
		return "", refused("logout token: %s is not a string of 1 to %d printable bytes", name, maxSubject)
	}
	return s, nil
}
