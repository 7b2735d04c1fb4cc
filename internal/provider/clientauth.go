package provider

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// assertionType is client_assertion_type of RFC 7523 section 2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authMethod decides how this client authenticates: by the record, else by what the
// metadata offers. Without secret and key it is a public client.
func (p *Provider) authMethod(m *metadata) (record.ClientAuth, error) {
	switch stated := p.record.Client.Auth; stated {
	case record.AuthDiscovery:
		return p.offeredAuth(m)
	case record.AuthPrivateKeyJWT, record.AuthSignedSecret, record.AuthSecretJWT, record.AuthNone:
		return stated, nil
	default:
		if p.secret == "" {
			return record.AuthNone, nil
		}
		return stated, nil
	}
}

// offeredAuth takes the first that the metadata offers: a key's signature, which sends
// no secret, then Basic and post (RFC 6749 section 2.3.1). Where the metadata says
// nothing it is Basic (Discovery section 3).
func (p *Provider) offeredAuth(m *metadata) (record.ClientAuth, error) {
	silent := m.authMethods == nil
	switch {
	case p.key != nil && (slices.Contains(m.authMethods, string(record.AuthPrivateKeyJWT)) || silent && p.secret == ""):
		return record.AuthPrivateKeyJWT, nil
	case p.secret == "" && p.key != nil:
		return "", errors.New("a client key is configured, and the provider does not offer private_key_jwt")
	case p.secret == "":
		return record.AuthNone, nil
	case silent:
		return record.AuthBasic, nil
	}
	for _, offered := range []record.ClientAuth{record.AuthBasic, record.AuthPost, record.AuthSecretJWT} {
		if slices.Contains(m.authMethods, string(offered)) {
			return offered, nil
		}
	}
	return "", errors.New("the provider offers no client authentication by a secret")
}

// authenticate makes a request show who asks. params is what its body will be made of.
func (p *Provider) authenticate(m *metadata, in *call, params map[string]string) error {
	method, err := p.authMethod(m)
	if err != nil {
		return err
	}
	switch method {
	case record.AuthBasic:
		in.header.Set("Authorization", p.basic())
		return nil
	case record.AuthQuery:
		in.url = addQuery(in.url, url.Values{p.named("client_id"): {p.clientID}, p.named("client_secret"): {p.secret}})
		return nil
	}
	params["client_id"] = p.clientID
	switch method {
	case record.AuthPost, record.AuthJSON:
		params["client_secret"] = p.secret
	case record.AuthSignedSecret:
		params["client_secret"], err = p.assertion(m, method)
	case record.AuthPrivateKeyJWT, record.AuthSecretJWT:
		params["client_assertion_type"] = assertionType
		params["client_assertion"], err = p.assertion(m, method)
	}
	return err
}

// basic is the Authorization header of client_secret_basic. Id and secret are encoded
// one by one first (RFC 6749 section 2.3.1), with a space as %20: servers that decode
// forms read it, and so do those that only undo percent signs.
func (p *Provider) basic() string {
	encode := formEncode
	if p.record.Client.SecretEncoding == record.SecretRaw {
		encode = func(s string) string { return s }
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(encode(p.clientID)+":"+encode(p.secret)))
}

func formEncode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// addQuery is withQuery for an address that was checked before.
func addQuery(address string, q url.Values) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return withQuery(u, q)
}
