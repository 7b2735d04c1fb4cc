package doctor

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/record"
)

// document is what is used of a provider's metadata (Discovery section 3). A list is nil
// where it says nothing.
type document struct {
	issuer, authorization, token, userInfo, keys, endSession, revocation string

	scopes, challenges, authMethods, algorithms, claims []string

	// What it says of sign-outs that it tells of; nil where it says nothing.
	backchannel, backchannelSession, frontchannel *bool

	raw map[string]any
}

func parseDocument(body []byte) (document, error) {
	var rest map[string]json.RawMessage
	if json.Unmarshal(body, &rest) != nil {
		return document{}, errors.New("the answer is not a JSON object")
	}
	text := func(name string) (s string) {
		_ = json.Unmarshal(rest[name], &s) // "" when it is no string
		return s
	}
	list := func(name string) (l []string) {
		if json.Unmarshal(rest[name], &l) != nil {
			return nil
		}
		return l
	}
	d := document{
		issuer: text("issuer"), authorization: text("authorization_endpoint"), token: text("token_endpoint"), userInfo: text("userinfo_endpoint"),
		keys: text("jwks_uri"), endSession: text("end_session_endpoint"), revocation: text("revocation_endpoint"),
		scopes: list("scopes_supported"), challenges: list("code_challenge_methods_supported"),
		authMethods: list("token_endpoint_auth_methods_supported"), algorithms: list("id_token_signing_alg_values_supported"),
		claims: list("claims_supported"),
	}
	_ = json.Unmarshal(rest["backchannel_logout_supported"], &d.backchannel) // nil when it is no boolean
	_ = json.Unmarshal(rest["backchannel_logout_session_supported"], &d.backchannelSession)
	_ = json.Unmarshal(rest["frontchannel_logout_supported"], &d.frontchannel)
	_ = json.Unmarshal(body, &d.raw) // it is an object
	if d.issuer == "" {
		return document{}, errors.New("the document names no issuer")
	}
	return d, nil
}

// stated is the document of a provider whose record states all there is.
func (x *examination) stated() document { return document{issuer: x.p.Issuer} }

// endpoints lays the record's endpoints over doc and says which are missing or would send
// secrets in the clear.
func (x *examination) endpoints(doc *document) bool {
	e := x.p.Record.Endpoints
	asksUserInfo := x.p.Record.Claims.IDToken == record.No && x.p.Record.Client.Exchange != record.ExchangeApplicationToken
	var missing, plain []string
	for _, s := range []struct {
		name, stated string
		at           *string
		needed       bool
	}{
		{"authorization_endpoint", e.Authorization, &doc.authorization, true},
		{"token_endpoint", e.Token, &doc.token, true},
		{"userinfo_endpoint", e.UserInfo, &doc.userInfo, asksUserInfo},
		{"jwks_uri", e.Keys, &doc.keys, x.p.Record.Claims.IDToken == record.Yes},
		{"end_session_endpoint", e.EndSession, &doc.endSession, false},
		{"revocation_endpoint", e.Revocation, &doc.revocation, false},
	} {
		if s.stated != "" {
			*s.at = x.located(s.stated, doc.authorization)
		}
		u, err := url.Parse(*s.at)
		switch {
		case *s.at == "":
			if s.needed {
				missing = append(missing, s.name)
			}
		case err != nil || u.Host == "":
			missing = append(missing, s.name+" (is no URL)")
		case u.Scheme != "https" && x.call.issuer.Scheme == "https" && (x.call.back == nil || !httpx.SameOrigin(u, x.call.back)):
			plain = append(plain, s.name+" "+bare(*s.at))
		}
	}
	source := "the discovery document"
	if e.Source == record.EndpointsStatic {
		source = "the record"
	}
	if len(missing) > 0 {
		x.add(Finding{
			ID: "endpoints", Level: Error, Found: source + " lacks " + strings.Join(missing, ", "),
			Meaning: "Nobody can sign in.", Fix: []string{"Let the provider name it, or state it under providers[].record.endpoints."},
		})
		return false
	}
	if len(plain) > 0 {
		x.add(Finding{
			ID: "endpoints-plain", Level: Error, Found: "the issuer is https, and endpoints are plain http",
			Meaning: "Nobody can sign in: codes and secrets would be sent in the clear.", Evidence: plain,
			Fix: []string{"The provider does not know that TLS ends in front of it: let it believe its proxy's X-Forwarded-Proto, or set its own address to " + origin(x.call.issuer) + "."},
		})
		return false
	}
	x.g.ok("endpoints", "all endpoints that a sign-in needs are there")
	return true
}

// located fills a record's endpoint. What stands for the origin of people's pages needs the
// authorization endpoint; a return address within an endpoint is left open.
func (x *examination) located(template, authorization string) string {
	pages := ""
	if u, err := url.Parse(authorization); err == nil && u.Host != "" {
		pages = origin(u)
	}
	return strings.NewReplacer("{issuer}", strings.TrimSuffix(x.p.Issuer, "/"), "{origin}", origin(x.call.issuer),
		"{authorization_origin}", pages, "{client_id}", url.PathEscape(x.p.ClientID), "{return_url}", "").Replace(template)
}

// offers compares what the metadata offer with what will be asked.
func (x *examination) offers(doc document) {
	x.scopes(doc)
	x.groups(doc)
	x.refresh(doc)
	x.pkce(doc)
	x.clientAuth(doc)
	x.algorithms(doc)
}

func (x *examination) scopes(doc document) {
	asked := x.p.Record.Scopes
	if x.p.Record.Claims.IDToken == record.Yes && !slices.Contains(asked, "openid") {
		x.add(Finding{
			ID: "scopes-openid", Level: Error, Found: "the scope openid is not asked for", Meaning: "Nobody can sign in: without it no ID token comes.",
			Evidence: []string{"asked: " + strings.Join(asked, " ")}, Fix: []string{"Add openid to providers[].scopes."},
		})
		return
	}
	var lacking []string
	for _, s := range asked {
		if doc.scopes != nil && !slices.Contains(doc.scopes, s) {
			lacking = append(lacking, s)
		}
	}
	switch {
	case len(lacking) > 0:
		x.add(Finding{
			ID: "scopes", Level: Warning, Found: "asked for and not offered: " + strings.Join(lacking, " "),
			Meaning:  "Some providers refuse every sign-in that asks for a scope they lack; others leave out what goes with it.",
			Evidence: []string{"scopes_supported: " + short(strings.Join(doc.scopes, " "))},
			Fix:      []string{"Take it out of providers[].scopes, or have the provider offer it to this client."},
		})
	case doc.scopes == nil:
		x.g.ok("scopes", "the provider does not say which scopes it has", "asked: "+strings.Join(asked, " "))
	default:
		x.g.ok("scopes", "every scope asked for is offered", "asked: "+strings.Join(asked, " "))
	}
}

// refresh says whether a refresh token will be asked for as the record demands.
func (x *examination) refresh(doc document) {
	r := x.p.Record.Refresh
	var unoffered []string
	for _, s := range r.Needs.Scopes {
		if r.Needs.When == record.NeedsAdvertised && !slices.Contains(doc.scopes, s) && !slices.Contains(x.p.Record.Scopes, s) {
			unoffered = append(unoffered, s)
		}
	}
	const offline = "offline_access"
	switch {
	case len(unoffered) > 0:
		f := Finding{
			ID: "refresh", Level: Note, Found: "the provider does not offer " + strings.Join(unoffered, " ") + ", so it is not asked for",
			Meaning: "There may be no refresh token: an account that is withdrawn at the provider is then noticed later.",
		}
		for _, fix := range []string{r.Needs.AdminStep, r.MissingAdvice} {
			if fix != "" {
				f.Fix = append(f.Fix, upper(fix)+".")
			}
		}
		x.add(f)
	case len(r.Needs.Scopes) == 0 && slices.Contains(x.p.Record.Scopes, offline):
		x.add(Finding{
			ID: "refresh-offline", Level: Warning, Found: offline + " is asked for, and this provider needs none for a refresh token",
			Meaning:  "It may open an offline session, which lives on after people sign out.",
			Evidence: []string{"asked: " + strings.Join(x.p.Record.Scopes, " ")},
			Fix:      []string{"Take " + offline + " out of providers[].scopes."},
		})
	case len(r.Needs.Scopes) > 0 || len(r.Needs.Params) > 0:
		f := Finding{
			ID: "refresh-unseen", Level: Note, Found: "what a refresh token needs is asked for; whether one comes shows only at a sign-in",
			Meaning:  "Without one, an account that is withdrawn at the provider is noticed later.",
			Evidence: []string{"asked for: " + strings.Join(r.Needs.Scopes, " ")},
		}
		if r.Needs.AdminStep != "" {
			f.Fix = []string{upper(r.Needs.AdminStep) + "."}
		}
		x.add(f)
	default:
		x.g.ok("refresh", "a refresh token needs no scope of its own")
	}
}

// groups says whether the groups that rules ask for can come.
func (x *examination) groups(doc document) {
	if !x.p.Groups {
		return
	}
	s := x.p.Record.Claims.Groups
	const meaning = "People are refused, or let in without what their groups would give them."
	switch {
	case s.Source == record.FromNone:
		x.add(Finding{
			ID: "groups", Level: Error, Found: "rules or headers name groups, and this provider has no source of them", Meaning: meaning,
			Evidence: []string{"record.claims.groups.source: none"},
			Fix:      []string{"State where the groups are under providers[].record.claims.groups, or take them out of the rules."},
		})
	case s.Scope != "" && doc.scopes != nil && !slices.Contains(doc.scopes, s.Scope):
		x.add(Finding{
			ID: "groups-scope", Level: Warning, Found: "the scope for groups is not offered: " + s.Scope, Meaning: meaning,
			Evidence: []string{"scopes_supported: " + short(strings.Join(doc.scopes, " "))},
			Fix:      []string{"Have the provider offer the scope " + s.Scope + " to this client, or state another under providers[].record.claims.groups.scope."},
		})
	case s.Source == record.FromClaim && doc.claims != nil && !slices.Contains(doc.claims, string(s.Claim)):
		x.add(Finding{
			ID: "groups-unsaid", Level: Note, Found: "the provider does not say that it gives the claim " + string(s.Claim), Meaning: meaning,
			Evidence: []string{"claims_supported: " + short(strings.Join(doc.claims, " "))},
			Fix:      []string{"Let the provider map groups to the claim " + string(s.Claim) + ", or state the claim that it uses under providers[].record.claims.groups.claim."},
		})
	default:
		x.g.ok("groups", "there is a source of groups: "+string(s.Source))
	}
}

func (x *examination) pkce(doc document) {
	static := x.p.Record.Endpoints.Source == record.EndpointsStatic
	if x.p.Record.Client.PKCE == record.PKCEOff {
		f := Finding{ID: "pkce-off", Level: Note, Found: "PKCE is off", Meaning: "A code that leaks is protected by the client secret alone."}
		if usual, ok := record.Lookup(x.p.Record.Kind); !ok || usual.Client.PKCE != record.PKCEOff {
			f.Fix = []string{"Leave providers[].record.client.pkce out where the provider takes S256."}
		}
		x.add(f)
		return
	}
	switch {
	case slices.Contains(doc.challenges, "S256"):
		x.g.ok("pkce", "PKCE with S256 is offered")
	case static:
		x.g.ok("pkce", "PKCE with S256 is sent, as the record says")
	case doc.challenges == nil:
		x.add(Finding{ID: "pkce-unsaid", Level: Note, Found: "the provider does not say whether it checks PKCE",
			Meaning: "It is sent; a provider that does not know it ignores it."})
	default:
		x.add(Finding{
			ID: "pkce", Level: Warning, Found: "PKCE with S256 is not offered", Meaning: "The provider may refuse sign-ins that carry it.",
			Evidence: []string{"code_challenge_methods_supported: " + short(strings.Join(doc.challenges, " "))},
			Fix:      []string{"Have the provider accept S256 for this client. Only where it refuses: set providers[].record.client.pkce: off, which needs a client secret."},
		})
	}
}

func (x *examination) clientAuth(doc document) {
	wanted := []string{sentAs(x.p.Record.Client.Auth)}
	switch {
	case x.p.Public:
		wanted = []string{string(record.AuthNone)}
	case x.p.Record.Client.Auth == record.AuthDiscovery:
		wanted = []string{string(record.AuthBasic), string(record.AuthPost)}
	}
	if x.p.Record.Endpoints.Source == record.EndpointsStatic {
		return // nothing is said; the check credentials shows it
	}
	offered := doc.authMethods
	if offered == nil {
		offered = []string{string(record.AuthBasic)} // Discovery section 3
	}
	how := strings.Join(wanted, " or ")
	switch {
	case slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(offered, w) }):
		x.g.ok("client-auth", "the provider takes "+how)
	case doc.authMethods == nil || x.p.Public:
		x.add(Finding{ID: "client-auth-unsaid", Level: Note, Found: "the provider does not say that it takes " + how,
			Meaning: "Whether it does is shown by the check credentials.", Evidence: []string{"offered: " + short(strings.Join(offered, " "))}})
	default:
		x.add(Finding{
			ID: "client-auth", Level: Error, Found: "the provider does not take " + how, Meaning: "Nobody can sign in: every code is refused.",
			Evidence: []string{"token_endpoint_auth_methods_supported: " + short(strings.Join(offered, " "))},
			Fix:      []string{"Choose that method for this client at the provider, or state another under providers[].record.client.auth."},
		})
	}
}

// asymmetric are the signature algorithms that are accepted at all.
func asymmetric() []string { return record.SignatureAlgorithm("").Values() }

func (x *examination) algorithms(doc document) {
	if doc.keys == "" {
		return
	}
	wanted := asymmetric()
	if own := x.p.Record.Client.IDTokenAlgorithms; len(own) > 0 {
		wanted = nil
		for _, a := range own {
			wanted = append(wanted, string(a))
		}
	}
	both := slices.DeleteFunc(slices.Clone(doc.algorithms), func(a string) bool { return !slices.Contains(wanted, a) })
	switch {
	case doc.algorithms == nil:
		x.g.ok("algorithms", "the provider does not say how it signs; any asymmetric signature is taken")
	case len(both) > 0:
		x.g.ok("algorithms", "ID tokens are signed by "+short(strings.Join(both, ", ")))
	default:
		x.add(Finding{
			ID: "algorithms", Level: Error, Found: "ID tokens are signed in no way that is accepted", Meaning: "Nobody can sign in.",
			Evidence: []string{"id_token_signing_alg_values_supported: " + short(strings.Join(doc.algorithms, " ")), "accepted: " + strings.Join(wanted, " ")},
			Fix:      []string{"Choose an asymmetric algorithm such as RS256 or ES256 for the ID tokens of this client. HS256 would sign with a shared secret."},
		})
	}
}

// upper begins a sentence.
func upper(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// lower is upper's opposite.
func lower(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// sentAs is the name that metadata have for a method: a signed secret is sent as any other.
func sentAs(a record.ClientAuth) string {
	if a == record.AuthSignedSecret || a == record.AuthJSON {
		return string(record.AuthPost)
	}
	return string(a)
}
