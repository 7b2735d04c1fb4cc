package devprovider

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// plainRecord says in a record's words what a provider does that was given none: what the
// specifications say, and what Options change of it.
func plainRecord(o *Options) record.Record {
	r := record.Record{
		Scopes:     []string{"openid"},
		Endpoints:  record.Endpoints{Source: record.EndpointsDiscovery},
		Issuer:     record.Issuer{Match: record.IssuerExact, Param: record.IssParamRequired},
		Client:     record.Client{Auth: record.AuthDiscovery, SecretEncoding: record.SecretForm, PKCE: record.PKCES256, ResponseMode: record.ResponseQuery, CodeParam: "code", Exchange: record.ExchangeCode, TokenBody: record.TokenBodyForm, TokenReply: record.TokenReplyJSON, ErrorIn200: record.No, ErrorParam: "error"},
		Prompt:     record.Prompt{Unknown: record.PromptUnknownIgnored},
		FreshLogin: record.FreshLogin{By: record.FreshByPromptAndMaxAge, Prompt: record.PromptLogin, AuthTime: record.AuthTimeChecked},
		Refresh:    record.Refresh{Rotation: record.RotationNone, ReuseEnds: record.ReuseGrant},
		SignOut: record.SignOut{
			Kind: record.SignOutOIDC, Hint: record.HintRecommended, HintExpiredOK: record.Yes, PostOK: record.Yes,
			Params:           map[string]string{"id_token_hint": "{id_token_hint}", "client_id": "{client_id}", "post_logout_redirect_uri": "{return_url}", "state": "{state}"},
			ConfirmPageWhen:  []record.ConfirmWhen{record.ConfirmNoHint, record.ConfirmOtherSession},
			ReturnRegistered: record.RegisteredPostLogout, ReturnMatch: record.ReturnMatchExact, ReturnsState: record.Yes,
			EndsSSOByDefault: record.Yes, ServerCall: record.ServerHint,
		},
		Notices:    record.Notices{FrontChannel: record.Yes, FrontChannelIss: record.Yes, BackChannel: record.Yes, BackChannelExp: record.Yes, BackChannelTyp: []record.LogoutTyp{record.LogoutTypOwn}, Sid: record.Yes},
		Revocation: record.Revocation{Kind: record.RevocationRFC7009, Tokens: []record.TokenKind{record.TokenRefresh, record.TokenAccess}, Ends: record.RevocationEndsGrant},
		Claims:     record.Claims{IDToken: record.Yes, SubjectKey: []record.ClaimPath{"sub"}},
	}
	for _, value := range o.Prompts {
		r.Prompt.OK = append(r.Prompt.OK, record.PromptValue(value))
	}
	if o.RefuseOtherPrompts {
		r.Prompt.Unknown = record.PromptUnknownError
	}
	if o.IgnoreMaxAge {
		r.FreshLogin.By = record.FreshByPrompt
	}
	if o.RefreshRotation {
		r.Refresh.Rotation, r.Refresh.Grace = record.RotationSingleUse, o.RefreshReuseGrace
	}
	if o.RefreshTokens == RefreshOffline {
		r.Refresh.Needs.Scopes = []string{"offline_access"}
	}
	if o.AlwaysConfirmLogout {
		r.SignOut.ConfirmPageWhen = append(r.SignOut.ConfirmPageWhen, record.ConfirmAlways)
	}
	return r
}

// byRecord reads Options.Record: where the provider is, and what of it stands for other options.
func (o *Options) byRecord() {
	if o.Record == nil {
		return
	}
	placed := Placed(*o.Record, originOf(o.Issuer))
	o.Record = &placed
	u, err := url.Parse(o.Issuer)
	if err == nil && strings.Trim(u.Path, "/") == "" && placed.Issuer.Default != "" {
		o.Issuer = placed.Issuer.Default
	}
	o.Prompts = nil
	for _, value := range placed.Prompt.OK {
		o.Prompts = append(o.Prompts, string(value))
	}
	if algorithms := placed.Client.IDTokenAlgorithms; len(algorithms) > 0 && o.SigningAlg == "" {
		// One that the metadata offers and few clients are registered for comes first.
		for _, alg := range []string{RS256, ES256} {
			if slices.Contains(algorithms, record.SignatureAlgorithm(alg)) {
				o.SigningAlg = alg
			}
		}
	}
}

// behave settles what the provider does, and where its endpoints are.
func (p *Provider) behave() {
	p.origin = originOf(p.opts.Issuer)
	if p.strict = p.opts.Record != nil; p.strict {
		p.rec = *p.opts.Record
	} else {
		p.rec = plainRecord(&p.opts)
	}
	e := p.rec.Endpoints
	p.at = map[Endpoint]string{
		Discovery:        p.base + "/.well-known/openid-configuration",
		Authorize:        p.stated(e.Authorization, "/authorize"),
		Token:            p.stated(e.Token, "/token"),
		UserInfo:         p.stated(e.UserInfo, "/userinfo"),
		Keys:             p.stated(e.Keys, "/jwks"),
		Revocation:       p.stated(e.Revocation, "/revoke"),
		EndSession:       p.stated(e.EndSession, "/end-session"),
		ApplicationToken: p.stated(e.ApplicationToken, ""),
		Emails:           p.stated(p.rec.Claims.Email.URL, ""),
		Home:             p.base + "/",
		Manual:           p.stated(p.rec.SignOut.ManualURL, ""),
	}
	if p.rec.SignOut.Kind == record.SignOutNone {
		delete(p.at, EndSession)
	}
	if p.rec.Revocation.Kind == record.RevocationNone {
		delete(p.at, Revocation)
	}
}

// stated is an endpoint of the record, or the fallback below the issuer where the record leaves it
// to the metadata.
func (p *Provider) stated(template, fallback string) string {
	if template == "" {
		if fallback == "" || p.rec.Endpoints.Source == record.EndpointsStatic {
			return ""
		}
		return p.base + fallback
	}
	return strings.NewReplacer("{issuer}", p.base, "{origin}", p.origin, "{authorization_origin}", p.origin).Replace(template)
}

// Address is where an endpoint is; "" where the provider has none such.
func (p *Provider) Address(e Endpoint) string { return p.at[e] }

// Origin is the origin of all that the provider serves.
func (p *Provider) Origin() string { return p.origin }

// tenant is the directory that everybody is of where the issuer is a template.
const tenant = "11111111-2222-4333-8444-555555555555"

// metadataIssuer is the issuer as the provider configuration names it.
func (p *Provider) metadataIssuer() string {
	if p.rec.Issuer.Match == record.IssuerTemplateTID {
		return p.templated("{tenantid}")
	}
	return p.opts.Issuer
}

// tokenIssuer is the iss of what the provider signs: another of the set where there is one, and the
// tenant's own where the issuer is a template.
func (p *Provider) tokenIssuer() string {
	switch i := p.rec.Issuer; {
	case i.Match == record.IssuerTemplateTID:
		return p.templated(tenant)
	case i.Match == record.IssuerSet && len(i.Also) > 0:
		return i.Also[0]
	}
	return p.opts.Issuer
}

// follow moves an issuer of this provider to the host that a request came for, where the record says
// that issuers follow it.
func (p *Provider) follow(r *http.Request, iss string) string {
	path, own := strings.CutPrefix(iss, p.origin)
	if p.rec.Issuer.Match != record.IssuerHostDerived || !own {
		return iss
	}
	scheme, _, _ := strings.Cut(p.origin, "://")
	return scheme + "://" + r.Host + path
}

// ownIssuer tells whether an iss is this provider's, at whatever host it was asked.
func (p *Provider) ownIssuer(iss string) bool {
	if p.rec.Issuer.Match == record.IssuerHostDerived {
		return strings.TrimPrefix(iss, originOf(iss)) == strings.TrimPrefix(p.tokenIssuer(), p.origin)
	}
	return iss == p.tokenIssuer()
}

// templated puts a tenant into the issuer, for the first part of its path. The host that Placed put
// in front is no part of it.
func (p *Provider) templated(tenant string) string {
	rest := strings.TrimPrefix(p.opts.Issuer, p.origin+"/")
	before := p.origin + "/"
	if host, path, ok := strings.Cut(rest, "/"); ok && strings.HasPrefix(host, "~") {
		before, rest = before+host+"/", path
	}
	_, after, _ := strings.Cut(rest, "/")
	return before + tenant + "/" + after
}

// responseIssuer is the iss of authorization responses (RFC 9207); "" where none is sent.
func (p *Provider) responseIssuer() string {
	switch i := p.rec.Issuer; {
	case i.Param == record.IssParamNone:
		return ""
	case i.ParamValue != "":
		return i.ParamValue
	case i.Match == record.IssuerSet:
		return p.opts.Issuer
	}
	return p.tokenIssuer()
}

// saysIDToken tells whether a grant of a scope comes with ID tokens.
func (p *Provider) saysIDToken(scope []string) bool {
	return p.rec.Claims.IDToken != record.No && slices.Contains(scope, "openid")
}

// forces tells whether a means takes part in making the provider ask for credentials again.
func (p *Provider) forces(by ...record.FreshBy) bool { return slices.Contains(by, p.rec.FreshLogin.By) }

// sid tells whether ID tokens and notices name the session.
func (p *Provider) sid() bool { return p.rec.Notices.Sid == record.Yes }
