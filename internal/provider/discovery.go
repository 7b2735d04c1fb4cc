package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/record"
)

const (
	metadataTTL   = time.Hour
	metadataRetry = 10 * time.Second
	metadataStale = 24 * time.Hour
	maxMetadata   = 256 << 10
	wellKnown     = "/.well-known/openid-configuration"
	tenantSlot    = "{tenantid}"
)

// metadata is what is used of a discovery document (Discovery section 3). Endpoints are
// absolute URLs that passed addresses.endpoint; "" where the provider has none.
type metadata struct {
	issuer         string
	authorization  string
	token          string
	keys           string
	userinfo       string
	endSession     string
	revocation     string
	application    string   // gives the application's own token
	emails         string   // lists a person's addresses
	groups         []string // list a person's groups, as the record's Lists
	algorithms     []string // asymmetric ones offered for ID tokens; empty: it did not say
	authMethods    []string // nil: it did not say
	authAlgorithms []string // of client assertions; nil: it did not say
	scopes         []string // nil: it did not say
	issInResponse  bool     // RFC 9207 section 3
}

// asymmetric lists the signature algorithms that may be accepted at all. Never "none";
// never HS*, whose key is a secret that a public key could be passed off as.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// discover fetches and checks the metadata.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	if p.record.Endpoints.Source == record.EndpointsStatic {
		return p.completed(&metadata{issuer: p.issuer})
	}
	body, err := p.call.get(ctx, "discovery", strings.TrimSuffix(p.issuer, "/")+wellKnown, maxMetadata)
	if err != nil {
		return nil, err
	}
	m, err := parseMetadata(body)
	if err != nil {
		return nil, err
	}
	if err := p.checkMetadataIssuer(m.issuer); err != nil {
		return nil, err
	}
	return p.completed(m)
}

// parseMetadata reads a discovery document. A member that nothing hangs on may be
// malformed: it counts as absent.
func parseMetadata(body []byte) (*metadata, error) {
	var rest map[string]json.RawMessage
	if err := json.Unmarshal(body, &rest); err != nil {
		return nil, errors.New("discovery: the answer is not a JSON object")
	}
	text := func(name string) (s string) {
		_ = json.Unmarshal(rest[name], &s) // stays "" when it is no string
		return s
	}
	list := func(name string) (l []string) {
		if json.Unmarshal(rest[name], &l) != nil {
			return nil
		}
		return l
	}
	m := &metadata{
		issuer:         text("issuer"),
		authorization:  text("authorization_endpoint"),
		token:          text("token_endpoint"),
		keys:           text("jwks_uri"),
		userinfo:       text("userinfo_endpoint"),
		endSession:     text("end_session_endpoint"),
		revocation:     text("revocation_endpoint"),
		authMethods:    list("token_endpoint_auth_methods_supported"),
		authAlgorithms: list("token_endpoint_auth_signing_alg_values_supported"),
		scopes:         list("scopes_supported"),
	}
	if m.issuer == "" {
		return nil, errors.New("discovery: the document names no issuer")
	}
	_ = json.Unmarshal(rest["authorization_response_iss_parameter_supported"], &m.issInResponse)
	offered := list("id_token_signing_alg_values_supported")
	for _, alg := range offered {
		if slices.Contains(asymmetric, alg) {
			m.algorithms = append(m.algorithms, alg)
		}
	}
	if len(offered) > 0 && len(m.algorithms) == 0 {
		return nil, fmt.Errorf("discovery: ID tokens are signed by %s only, and none of these is an asymmetric signature", bounded(strings.Join(offered, ", ")))
	}
	return m, nil
}

// checkMetadataIssuer holds the document's issuer against the configured one (Discovery
// section 4.3): the difference of a trailing slash is one.
func (p *Provider) checkMetadataIssuer(found string) error {
	accepted := []string{p.issuer}
	switch p.record.Issuer.Match {
	case record.IssuerSet:
		accepted = append(accepted, p.record.Issuer.Also...)
	case record.IssuerHostDerived:
		if p.call.to.derived(found) {
			return nil
		}
	case record.IssuerTemplateTID:
		u, err := url.Parse(found)
		if err == nil && strings.Count(found, tenantSlot) == 1 && httpx.SameOrigin(u, p.call.to.issuer) {
			return nil
		}
	}
	if slices.Contains(accepted, found) {
		return nil
	}
	hint := ""
	if strings.TrimSuffix(found, "/") == strings.TrimSuffix(p.issuer, "/") {
		hint = "; they differ in the trailing slash, which counts"
	}
	return fmt.Errorf("discovery: the configured issuer is %q, and the document says %q%s", p.issuer, bounded(found), hint)
}

// completed lays the record's endpoints over m and checks them all. The authorization
// endpoint comes first: others may be stated relative to its origin.
func (p *Provider) completed(m *metadata) (*metadata, error) {
	e := p.record.Endpoints
	idToken, application := p.record.Claims.IDToken == record.Yes, p.record.Client.Exchange == record.ExchangeApplicationToken
	slots := []slot{
		{"authorization_endpoint", e.Authorization, &m.authorization, true, true},
		{"token_endpoint", e.Token, &m.token, true, false},
		{"jwks_uri", e.Keys, &m.keys, idToken, false},
		{"userinfo_endpoint", e.UserInfo, &m.userinfo, false, false},
		{"end_session_endpoint", e.EndSession, &m.endSession, false, true},
		{"revocation_endpoint", e.Revocation, &m.revocation, false, false},
		{"application token endpoint", e.ApplicationToken, &m.application, application, false},
		{"e-mail endpoint", p.record.Claims.Email.URL, &m.emails, p.record.Claims.Email.Source == record.FromEndpoint, false},
	}
	lists := p.record.Claims.Groups.Lists
	m.groups = make([]string, len(lists))
	for i := range lists {
		slots = append(slots, slot{"group list", lists[i].URL, &m.groups[i], true, false})
	}
	for _, s := range slots {
		if err := p.fillSlot(m, s); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// slot is one endpoint to be filled.
type slot struct {
	name, stated string
	at           *string
	required     bool
	browser      bool
}

func (p *Provider) fillSlot(m *metadata, s slot) error {
	if s.stated != "" {
		// The return address is filled in when it is known.
		*s.at = p.expandLocation(s.stated, m.authorization)
	}
	if *s.at == "" {
		if s.required {
			return fmt.Errorf("discovery: the document names no %s", s.name)
		}
		return nil
	}
	if err := p.call.to.endpoint(strings.ReplaceAll(*s.at, returnSlot, ""), s.stated != ""); err != nil {
		return fmt.Errorf("discovery: %s: %w", s.name, err)
	}
	if s.browser {
		*s.at = p.call.to.browser(*s.at)
	}
	return nil
}

// expandLocation fills in what is known of this provider, and leaves other names for
// later. authorization is the authorization endpoint; "" while it is not known.
func (p *Provider) expandLocation(template, authorization string) string {
	pairs := []string{
		"{issuer}", strings.TrimSuffix(p.issuer, "/"),
		"{origin}", p.call.to.issuer.Scheme + "://" + p.call.to.issuer.Host,
		"{client_id}", url.PathEscape(p.clientID),
	}
	if u, err := url.Parse(authorization); err == nil && u.Host != "" {
		pairs = append(pairs, "{authorization_origin}", u.Scheme+"://"+u.Host)
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

// ManualURL is where people end the provider's session themselves. "" where the record
// does not say, or as long as the metadata that the address hangs on has not been had.
func (p *Provider) ManualURL() string {
	template := p.record.SignOut.ManualURL
	if template == "" {
		return ""
	}
	authorization := p.expandLocation(p.record.Endpoints.Authorization, "")
	if m, have := p.metadata.kept(); have {
		authorization = m.authorization
	}
	address := p.expandLocation(template, authorization)
	if strings.Contains(address, "{") || p.call.to.endpoint(address, true) != nil {
		return ""
	}
	return address
}

// acceptsIssuer tells whether an `iss` value, of an ID token or of a response, is this
// provider's. tenant is the token's tid for `match: template_tid`; "" accepts any.
func (p *Provider) acceptsIssuer(m *metadata, iss, tenant string) bool {
	switch p.record.Issuer.Match {
	case record.IssuerSet:
		return iss == p.issuer || slices.Contains(p.record.Issuer.Also, iss)
	case record.IssuerHostDerived:
		return iss == p.issuer || p.call.to.derived(iss)
	case record.IssuerTemplateTID:
		before, after, templated := strings.Cut(m.issuer, tenantSlot)
		if !templated {
			return iss == m.issuer
		}
		rest, ok := strings.CutPrefix(iss, before)
		if !ok {
			return false
		}
		got, ok := strings.CutSuffix(rest, after)
		return ok && isTenant(got) && (tenant == "" || got == tenant)
	}
	return iss == p.issuer
}

// isTenant keeps a tenant id from reaching over to other parts of an issuer URL.
func isTenant(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' {
			return false
		}
	}
	return true
}

// keptIssuer is the issuer by which an identity is stored: one name for all members of a
// set and for one that follows the host, the tenant's own for a template.
func (p *Provider) keptIssuer(iss string) string {
	switch p.record.Issuer.Match {
	case record.IssuerSet, record.IssuerHostDerived:
		return p.issuer
	}
	return iss
}
