package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// Revoke takes tokens back, those that the record names and that are there, in its order
// (RFC 7009 section 2.1, or the record's own call). A provider without revocation is no
// error, nor is a token that it no longer knows. All are tried; the first error is
// returned: *oidc.Error or *oidc.UnreachableError.
func (p *Provider) Revoke(ctx context.Context, t oidc.Tokens) error {
	r := p.record.Revocation
	if r.Kind == record.RevocationNone {
		return nil
	}
	m, err := p.meta(ctx)
	if err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	if m.revocation == "" {
		return nil
	}
	var first error
	for _, kind := range r.Tokens {
		token := t.RefreshToken
		if kind == record.TokenAccess {
			token = t.AccessToken
		}
		if token == "" {
			continue
		}
		if err := p.revokeOne(ctx, m, kind, token); err != nil && first == nil {
			first = fmt.Errorf("revoking the %s: %w", strings.ReplaceAll(string(kind), "_", " "), err)
		}
	}
	return first
}

func (p *Provider) revokeOne(ctx context.Context, m *metadata, kind record.TokenKind, token string) error {
	in := call{what: "revocation request", method: http.MethodPost, url: m.revocation, header: http.Header{}}
	build := p.standardRevocation
	if p.record.Revocation.Kind == record.RevocationCustom {
		build = p.customRevocation
	}
	if err := build(m, &in, kind, token); err != nil {
		return notSent(err)
	}
	a, err := p.call.do(ctx, in)
	if err != nil {
		return err
	}
	refusal := p.refusal(statusError(a, ""))
	if a.status/100 == 2 {
		if err := p.errorInAnswer(a); !errors.As(err, &refusal) {
			return nil
		}
	}
	switch refusal.Code {
	case "unsupported_token_type", "invalid_token", oidc.InvalidGrant:
		return nil // not revocable here, or gone already
	}
	if p.record.Revocation.Kind == record.RevocationCustom && (a.status == http.StatusNotFound || a.status == http.StatusUnprocessableEntity) {
		return nil
	}
	return refusal
}

func (p *Provider) standardRevocation(m *metadata, in *call, kind record.TokenKind, token string) error {
	params := map[string]string{"token": token, "token_type_hint": string(kind)}
	if err := p.authenticate(m, in, params); err != nil {
		return err
	}
	in.form(params)
	return nil
}

// customRevocation builds the record's own call: a JSON body, and who asks.
func (p *Provider) customRevocation(m *metadata, in *call, _ record.TokenKind, token string) error {
	r := p.record.Revocation
	if r.Method != "" {
		in.method = r.Method
	}
	body := make(map[string]string, len(r.Body))
	for name, template := range r.Body {
		value, ok := record.Expand(template, func(name string) (string, bool) {
			switch name {
			case "token":
				return token, true
			case "client_id":
				return p.clientID, true
			}
			return "", false
		})
		if ok {
			body[name] = value
		}
	}
	switch r.Auth {
	case record.RevocationAuthBasic:
		in.header.Set("Authorization", p.basic())
	case record.RevocationAuthBearer:
		in.header.Set("Authorization", "Bearer "+token)
	default:
		if err := p.authenticate(m, in, body); err != nil {
			return err
		}
	}
	if len(body) == 0 {
		return nil
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return errors.New("body cannot be written as JSON")
	}
	in.header.Set("Content-Type", "application/json")
	in.body = encoded
	return nil
}

// probeAddress is what a reachability probe asks: the discovery document, or what a
// provider without one has.
func (p *Provider) probeAddress() string {
	if p.record.Endpoints.Source == record.EndpointsStatic {
		return p.expandLocation(p.record.Endpoints.Token, p.record.Endpoints.Authorization)
	}
	return strings.TrimSuffix(p.issuer, "/") + wellKnown
}
