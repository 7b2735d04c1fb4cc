package provider

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

const (
	skew       = time.Minute // how far the two clocks may be apart
	maxSubject = 255         // OpenID Connect Core section 2
)

// idToken is a verified ID token.
type idToken struct {
	claims   oidc.Claims
	issuer   string
	subject  string // sub
	issuedAt time.Time
	authTime time.Time // zero when absent
	picture  string    // a data: picture, which is not in the claims; "" without one
}

// refused is an answer that must not be believed. The text names the check, never a
// value that could be a secret.
func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{oidc.ErrRefused}, args...)...)
}

// verifyIDToken checks an ID token as OpenID Connect Core section 3.1.3.7 says. nonce is
// what it must carry; "" after a refresh, where it need not have one (section 12.2).
// Its error wraps oidc.ErrRefused, or is an *oidc.UnreachableError where the keys cannot
// be had.
func (p *Provider) verifyIDToken(ctx context.Context, now time.Time, m *metadata, raw, accessToken, nonce string) (*idToken, error) {
	if !compactJWS(raw) {
		return nil, refused("ID token is not a signed JWT")
	}
	if err := checkType(raw); err != nil {
		return nil, err
	}
	// go-oidc reads claims without regard to case and knows one provider by name, so
	// everything but the signature and its algorithm is checked below.
	keys := &keySet{provider: p}
	parsed, err := gooidc.NewVerifier(p.issuer, keys, &gooidc.Config{
		ClientID:             p.clientID,
		SupportedSigningAlgs: p.idTokenAlgorithms(m),
		SkipIssuerCheck:      true,
		SkipExpiryCheck:      true,
	}).Verify(ctx, raw)
	if keys.absent != nil {
		return nil, &oidc.UnreachableError{Sent: true, Err: keys.absent}
	}
	if err != nil {
		return nil, refused("ID token: %s", verifyCause(err))
	}
	var payload json.RawMessage
	if err := parsed.Claims(&payload); err != nil {
		return nil, refused("ID token: claims are not JSON")
	}
	claims, err := parseClaims(payload)
	if err != nil {
		return nil, refused("ID token: %w", err)
	}
	t, err := p.checkClaims(now, m, claims, nonce)
	if err != nil {
		return nil, err
	}
	t.picture = p.dataPicture(payload, "")
	if _, ok := claims["at_hash"]; ok && accessToken != "" {
		parsed.AccessTokenHash = claims.String("at_hash")
		if parsed.VerifyAccessToken(accessToken) != nil {
			return nil, refused("ID token: at_hash does not fit the access token")
		}
	}
	return t, nil
}

// idTokenAlgorithms are those that ID and logout tokens may be signed with: the record's, where it
// knows better than the metadata, which lists what the provider can do for any client.
func (p *Provider) idTokenAlgorithms(m *metadata) []string {
	switch stated := p.record.Client.IDTokenAlgorithms; {
	case len(stated) > 0:
		names := make([]string, len(stated))
		for i, alg := range stated {
			names[i] = string(alg)
		}
		return names
	case len(m.algorithms) > 0:
		return m.algorithms
	}
	return asymmetric
}

// verifyCause names what go-oidc found without quoting the token.
func verifyCause(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, errNoKey.Error()):
		return errNoKey.Error()
	case strings.Contains(text, "audience"):
		return "aud does not name this client"
	case strings.Contains(text, "unexpected signature algorithm"):
		return "signed with an algorithm that is not accepted"
	case strings.Contains(text, "multiple signatures"):
		return "more than one signature"
	}
	return "malformed"
}

// checkType refuses JWTs that say they are something else: a logout token or an access
// token is signed with the same keys (RFC 8725 section 3.11).
func checkType(raw string) error {
	head, _, _ := strings.Cut(raw, ".")
	data, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return refused("ID token: header is malformed")
	}
	var header map[string]any
	if json.Unmarshal(data, &header) != nil {
		return refused("ID token: header is malformed")
	}
	typ, _ := header["typ"].(string)
	typ = strings.ToLower(strings.TrimPrefix(strings.ToLower(typ), "application/"))
	if strings.HasSuffix(typ, "+jwt") && typ != "id_token+jwt" {
		return refused("ID token: it is a %s", bounded(typ))
	}
	return nil
}

// checkClaims holds the claims of a token whose signature is good against what is
// demanded of an ID token. Claims are read by their exact names.
func (p *Provider) checkClaims(now time.Time, m *metadata, claims oidc.Claims, nonce string) (*idToken, error) {
	t := &idToken{claims: claims, issuer: claims.String("iss"), subject: claims.String("sub")}
	if !p.acceptsIssuer(m, t.issuer, claims.String("tid")) {
		return nil, refused("ID token: iss is %q, and the configured issuer is %q", bounded(t.issuer), p.issuer)
	}
	if p.record.Issuer.Match == record.IssuerTemplateTID && strings.Contains(m.issuer, tenantSlot) && claims.String("tid") == "" {
		return nil, refused("ID token: tid is absent, and iss names a tenant")
	}
	if err := checkSubject(t.subject); err != nil {
		return nil, refused("ID token: %w", err)
	}
	if err := p.checkAudience(claims); err != nil {
		return nil, err
	}
	if err := t.checkTimes(now); err != nil {
		return nil, err
	}
	if nonce != "" && subtle.ConstantTimeCompare([]byte(claims.String("nonce")), []byte(nonce)) != 1 {
		return nil, refused("ID token: nonce is not the one that was sent")
	}
	if events, ok := claims["events"].(map[string]any); ok {
		if _, logout := events[logoutEvent]; logout {
			return nil, refused("ID token: it is a logout token")
		}
	}
	return t, nil
}

func checkSubject(sub string) error {
	if sub == "" {
		return errors.New("sub is absent or not a string")
	}
	if len(sub) > maxSubject || hasControl(sub) {
		return errors.New("sub is too long or not printable")
	}
	return nil
}

// checkAudience demands that the token is for this client, and was given to it where it
// is for others too.
func (p *Provider) checkAudience(claims oidc.Claims) error {
	aud := claims.Strings("aud")
	if !slices.Contains(aud, p.clientID) {
		return refused("ID token: aud does not name this client")
	}
	azp, present := claims["azp"]
	if len(aud) > 1 && !present {
		return refused("ID token: several audiences and no azp")
	}
	if present && azp != p.clientID {
		return refused("ID token: azp names another client")
	}
	return nil
}

func (t *idToken) checkTimes(now time.Time) error {
	exp, ok := numericDate(t.claims["exp"])
	if !ok {
		return refused("ID token: exp is absent or not a number")
	}
	if !now.Before(exp.Add(skew)) {
		return refused("ID token: it has expired")
	}
	if t.issuedAt, ok = numericDate(t.claims["iat"]); !ok {
		return refused("ID token: iat is absent or not a number")
	}
	if t.issuedAt.After(now.Add(skew)) {
		return refused("ID token: iat is %s in the future; compare the clocks", t.issuedAt.Sub(now).Round(time.Second))
	}
	if v, present := t.claims["nbf"]; present {
		if nbf, ok := numericDate(v); !ok || nbf.After(now.Add(skew)) {
			return refused("ID token: it is not valid yet")
		}
	}
	// 0 is what some servers send for "unknown", and nobody signs in after the token that
	// tells of it: such a time would satisfy every max_age.
	if at, ok := numericDate(t.claims["auth_time"]); ok && at.Unix() > 0 && !at.After(t.issuedAt.Add(skew)) {
		t.authTime = at
	}
	return nil
}

// numericDate reads a NumericDate (RFC 7519 section 2), saturating far away.
func numericDate(v any) (time.Time, bool) {
	f, ok := v.(float64)
	if !ok || f != f {
		return time.Time{}, false
	}
	const far = 253402214400 // the last day of year 9999, which JSON can still write
	f = min(max(f, 0), far)
	return time.Unix(int64(f), 0), true
}

// checkAge holds auth_time against what was asked for. Both sides are compared at the
// time of the request, on the provider's clock: iat, which it wrote between asked and
// answered, tells how far that is from ours.
func (p *Provider) checkAge(asked, answered time.Time, t *idToken, ask oidc.CodeExchange) error {
	if !ask.Fresh && ask.MaxAge <= 0 {
		return nil
	}
	if !p.checksAuthTime() {
		if ask.Fresh || p.promptForcesLogin() {
			return nil
		}
		return fmt.Errorf("%w: this provider does not say when the person signed in", oidc.ErrStale)
	}
	if t == nil || t.authTime.IsZero() {
		return fmt.Errorf("%w: auth_time is absent", oidc.ErrStale)
	}
	requested := ask.RequestedAt
	if requested.IsZero() {
		requested = asked
	}
	var offset time.Duration
	switch {
	case t.issuedAt.After(answered):
		offset = min(t.issuedAt.Sub(answered), skew)
	case t.issuedAt.Before(asked):
		offset = max(t.issuedAt.Sub(asked), -skew)
	}
	const rounding = 2 * time.Second // auth_time counts whole seconds
	earliest := requested.Add(offset - rounding)
	if !ask.Fresh {
		earliest = earliest.Add(-ask.MaxAge)
	}
	if t.authTime.Before(earliest) {
		return fmt.Errorf("%w: it is %s too old", oidc.ErrStale, earliest.Sub(t.authTime).Round(time.Second))
	}
	return nil
}
