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
	issuer, authorization, token, keys, endSession, revocation string

	scopes, challenges, authMethods, algorithms []string

	backchannel bool
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
		issuer: text("issuer"), authorization: text("authorization_endpoint"), token: text("token_endpoint"),
		keys: text("jwks_uri"), endSession: text("end_session_endpoint"), revocation: text("revocation_endpoint"),
		scopes: list("scopes_supported"), challenges: list("code_challenge_methods_supported"),
		authMethods: list("token_endpoint_auth_methods_supported"), algorithms: list("id_token_signing_alg_values_supported"),
	}
	_ = json.Unmarshal(rest["backchannel_logout_supported"], &d.backchannel)
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
	fill := strings.NewReplacer("{issuer}", strings.TrimSuffix(x.p.Issuer, "/"), "{origin}", origin(x.call.issuer))
	var missing, plain []string
	for _, s := range []struct {
		name, stated string
		at           *string
		needed       bool
	}{
		{"authorization_endpoint", e.Authorization, &doc.authorization, true},
		{"token_endpoint", e.Token, &doc.token, true},
		{"jwks_uri", e.Keys, &doc.keys, x.p.Record.Claims.IDToken == record.Yes},
		{"end_session_endpoint", e.EndSession, &doc.endSession, false},
		{"revocation_endpoint", e.Revocation, &doc.revocation, false},
	} {
		if s.stated != "" {
			*s.at = fill.Replace(s.stated)
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
	if len(missing) > 0 {
		x.g.add(Finding{
			Check: "endpoints", Level: Error, Found: "the discovery document lacks " + strings.Join(missing, ", "),
			Meaning: "Nobody can sign in.", Fix: []string{"Let the provider name it, or state it under providers[].record.endpoints."},
		})
		return false
	}
	if len(plain) > 0 {
		x.g.add(Finding{
			Check: "endpoints", Level: Error, Found: "the issuer is https, and endpoints are plain http",
			Meaning: "Nobody can sign in: codes and secrets would be sent in the clear.", Evidence: plain,
			Fix: []string{"The provider does not know that TLS ends in front of it: let it believe its proxy's X-Forwarded-Proto, or set its own address to " + origin(x.call.issuer) + "."},
		})
		return false
	}
	x.g.ok("endpoints", "all endpoints that a sign-in needs are there")
	return true
}

// offers compares what the metadata offer with what will be asked.
func (x *examination) offers(doc document) {
	x.scopes(doc)
	x.refresh(doc)
	x.pkce(doc)
	x.clientAuth(doc)
	x.algorithms(doc)
}

func (x *examination) scopes(doc document) {
	asked := x.p.Record.Scopes
	if x.p.Record.Claims.IDToken == record.Yes && !slices.Contains(asked, "openid") {
		x.g.add(Finding{
			Check: "scopes", Level: Error, Found: "the scope openid is not asked for", Meaning: "Nobody can sign in: without it no ID token comes.",
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
		x.g.add(Finding{
			Check: "scopes", Level: Warning, Found: "asked for and not offered: " + strings.Join(lacking, " "),
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
			Check: "refresh", Level: Note, Found: "the provider does not offer " + strings.Join(unoffered, " ") + ", so it is not asked for",
			Meaning: "There may be no refresh token: an account that is withdrawn at the provider is then noticed later.",
		}
		for _, fix := range []string{r.Needs.AdminStep, r.MissingAdvice} {
			if fix != "" {
				f.Fix = append(f.Fix, upper(fix)+".")
			}
		}
		x.g.add(f)
	case len(r.Needs.Scopes) == 0 && slices.Contains(x.p.Record.Scopes, offline):
		x.g.add(Finding{
			Check: "refresh", Level: Warning, Found: offline + " is asked for, and this provider needs none for a refresh token",
			Meaning:  "It may open an offline session, which lives on after people sign out.",
			Evidence: []string{"asked: " + strings.Join(x.p.Record.Scopes, " ")},
			Fix:      []string{"Take " + offline + " out of providers[].scopes."},
		})
	default:
		x.g.ok("refresh", "what a refresh token needs is asked for")
	}
}

func (x *examination) pkce(doc document) {
	if x.p.Record.Client.PKCE == record.PKCEOff {
		x.g.add(Finding{Check: "pkce", Level: Note, Found: "PKCE is off", Meaning: "A code that leaks is protected by the client secret alone.",
			Fix: []string{"Leave providers[].record.client.pkce out where the provider takes S256."}})
		return
	}
	switch {
	case slices.Contains(doc.challenges, "S256"):
		x.g.ok("pkce", "PKCE with S256 is offered")
	case doc.challenges == nil:
		x.g.add(Finding{Check: "pkce", Level: Note, Found: "the provider does not say whether it checks PKCE",
			Meaning: "It is sent; a provider that does not know it ignores it."})
	default:
		x.g.add(Finding{
			Check: "pkce", Level: Warning, Found: "PKCE with S256 is not offered", Meaning: "The provider may refuse sign-ins that carry it.",
			Evidence: []string{"code_challenge_methods_supported: " + short(strings.Join(doc.challenges, " "))},
			Fix:      []string{"Have the provider accept S256 for this client. Only where it refuses: set providers[].record.client.pkce: off, which needs a client secret."},
		})
	}
}

func (x *examination) clientAuth(doc document) {
	wanted := []string{string(x.p.Record.Client.Auth)}
	switch {
	case x.p.Public:
		wanted = []string{string(record.AuthNone)}
	case x.p.Record.Client.Auth == record.AuthDiscovery:
		wanted = []string{string(record.AuthBasic), string(record.AuthPost)}
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
		x.g.add(Finding{Check: "client-auth", Level: Note, Found: "the provider does not say that it takes " + how,
			Meaning: "Whether it does is shown by the check credentials.", Evidence: []string{"offered: " + short(strings.Join(offered, " "))}})
	default:
		x.g.add(Finding{
			Check: "client-auth", Level: Error, Found: "the provider does not take " + how, Meaning: "Nobody can sign in: every code is refused.",
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
		x.g.add(Finding{
			Check: "algorithms", Level: Error, Found: "ID tokens are signed in no way that is accepted", Meaning: "Nobody can sign in.",
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
