package doctor

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// outcome is what a token endpoint says of a client by refusing a code.
type outcome int

const (
	silent    outcome = iota // no answer that says anything
	undecided                // an error that may be either's
	codeOnly                 // the code is refused, so the client was accepted
	clientToo                // the client is refused
)

var (
	ofClient = regexp.MustCompile(`(?i)client|secret|credential`)
	ofCode   = regexp.MustCompile(`(?i)grant|code`)
)

// redeem redeems a code that nobody was given (RFC 6749 section 5.2). Providers of plain
// OAuth 2 have errors of their own, some with status 200: their names tell.
func (x *examination) redeem(ctx context.Context, c Client) (outcome, string) {
	now := x.now()
	_, err := c.Exchange(ctx, now, oidc.CodeExchange{
		Code: "cardea-doctor-" + x.random[:8], RedirectURI: x.p.RedirectURI, CodeVerifier: x.random, Nonce: x.random,
		Iss: x.issValue(), RequestedAt: now.Add(-time.Second),
	})
	own, ok := asOwn(err)
	switch {
	case !ok && err != nil:
		return silent, short(secret.ReplaceAllString(err.Error(), "…"))
	case !ok:
		return silent, "no answer of OAuth 2.0"
	}
	seen := short(own.Code) + " (HTTP " + strconv.Itoa(own.Status) + ")"
	switch {
	case own.Code == oidc.InvalidGrant:
		return codeOnly, seen
	case ofClient.MatchString(own.Code) || own.Status == http.StatusUnauthorized:
		return clientToo, seen
	case own.Status/100 == 5 || own.Code == oidc.TemporarilyUnavailable || strings.HasPrefix(own.Code, "unexpected_"):
		return silent, seen // an answer, and none of OAuth 2.0
	case ofCode.MatchString(own.Code):
		return codeOnly, seen
	}
	return undecided, seen
}

// credentials says whether the client's id and secret are the provider's.
func (x *examination) credentials(ctx context.Context, doc document) {
	said, seen := x.redeem(ctx, x.p.Client)
	const asked = "token request with a code that was never given"
	f := Finding{ID: "credentials", Level: Error, Evidence: []string{asked + ": " + seen}}
	what := "client id and secret"
	if x.p.Public {
		what = "client id (there is no secret)"
	}
	switch said {
	case codeOnly:
		x.g.ok("credentials", "the provider accepts the "+what, f.Evidence...)
		return
	case clientToo:
		f.Found = "the provider refuses the " + what
		f.Meaning = "Nobody can sign in: people come back from the login and are told that it failed."
		f.Fix = []string{"Compare client_id " + x.p.ClientID + " with the provider's, and copy the secret anew, without a line's end or blanks around it."}
		if x.p.Public {
			f.Fix = []string{"Give the client its secret by client_secret_env or client_secret_file, or make it a public client at the provider."}
		}
		f.also = []string{"The client must be enabled and must authenticate by " + string(x.method(doc)) + ", or by what providers[].record.client.auth says."}
		if other, seen, ok := x.otherMethod(ctx, doc); ok {
			f.ID, f.also = "credentials-method", nil
			f.Found = "the secret is right, and the client authenticates in another way: " + string(other)
			f.Evidence = append(f.Evidence, "the same by "+string(other)+": "+seen)
			f.Fix = []string{"Choose " + string(x.method(doc)) + " for this client at the provider, or write providers[].record.client.auth: " + string(other) + "."}
		}
	case undecided:
		f.ID, f.Level = "credentials-untold", Note
		f.Found = "cannot be told: the provider refuses the request, and does not say whether for the client's sake"
		f.Meaning = "Where id or secret are wrong, nobody can sign in."
		f.Fix = []string{"Sign in once. Where that fails, compare client_id and the secret with the provider's."}
	case silent:
		f.ID, f.Level = "credentials-unclear", Warning
		f.Found = "the token endpoint gives no answer that says anything"
		f.Meaning = "People may be unable to sign in."
		f.Evidence = append(f.Evidence, "token_endpoint "+bare(doc.token))
		f.Fix = []string{"See that this server reaches that address, and look into the provider's log."}
	}
	x.add(f)
}

// method is how the client authenticates: as the record says, else the first of two that
// the metadata offer.
func (x *examination) method(doc document) record.ClientAuth {
	if a := x.p.Record.Client.Auth; a != record.AuthDiscovery {
		return a
	}
	for _, offered := range doc.authMethods {
		if offered == string(record.AuthBasic) {
			return record.AuthBasic
		}
	}
	if doc.authMethods == nil {
		return record.AuthBasic
	}
	return record.AuthPost
}

// otherMethod tries the other of the two ways to send a secret: a provider that takes one
// alone per client refuses the other as it refuses a wrong secret.
func (x *examination) otherMethod(ctx context.Context, doc document) (record.ClientAuth, string, bool) {
	other, ok := map[record.ClientAuth]record.ClientAuth{record.AuthBasic: record.AuthPost, record.AuthPost: record.AuthBasic}[x.method(doc)]
	if !ok || x.p.Public || x.p.By == nil {
		return "", "", false
	}
	c, err := x.p.By(other)
	if err != nil {
		return "", "", false
	}
	said, seen := x.redeem(ctx, c)
	return other, seen, said == codeOnly
}

// issValue is what a response of the provider would carry as iss (RFC 9207).
func (x *examination) issValue() string {
	switch i := x.p.Record.Issuer; {
	case i.ParamValue != "":
		return i.ParamValue
	case i.Param == record.IssParamNone:
		return ""
	}
	return x.p.Issuer
}
