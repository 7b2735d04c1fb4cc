package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// authorize tries an authorization request that names back; change may alter its query.
func (x *examination) authorize(ctx context.Context, what, back string, change func(url.Values)) trial {
	address, err := x.p.Client.AuthorizationURL(ctx, oidc.AuthorizationRequest{
		RedirectURI: back, State: x.random, Nonce: x.random, CodeChallenge: challenge(x.random),
	})
	if err != nil {
		return trial{seen: what + ": not made, " + short(err.Error())}
	}
	if change != nil {
		u, err := url.Parse(address)
		if err != nil {
			return trial{seen: what + ": not made"}
		}
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		address = u.String()
	}
	return x.try(ctx, what, address, back)
}

// redirectURI tries an authorization request, and the same with an address that is not
// registered: only where these differ does the first say something.
func (x *examination) redirectURI(ctx context.Context) {
	asked := x.authorize(ctx, "authorization request", x.p.RedirectURI, nil)
	control := x.authorize(ctx, "with a wrong address", elsewhere, nil)
	f := Finding{ID: "redirect-uri", Level: Error, Evidence: []string{"redirect_uri " + x.p.RedirectURI, asked.seen, control.seen}}
	register := []string{x.register(x.p.Record.Register.RedirectURI, "redirect URI", x.p.RedirectURI)}
	spelled := "Check that client_id " + x.p.ClientID + " is spelled as there, and that the client is enabled."
	switch {
	case asked.verdict == answered:
		f.ID = "redirect-uri-request"
		f.Found = "the provider refuses the request: " + asked.code
		f.Meaning = "Nobody can sign in: people come back with an error at once."
		f.Fix = requestFix(asked.code)
	case asked.verdict == refused && control.verdict == refused:
		f.Found = "the provider refuses the redirect URI, or does not know the client"
		f.Meaning = "Nobody can sign in: people end on an error page of the provider."
		f.Fix, f.also = register, []string{spelled}
	case asked.verdict == refused:
		f.Found = "the provider refuses the request"
		f.Meaning = "Nobody can sign in: people end on an error page of the provider."
		f.Fix, f.also = register, []string{spelled}
	case asked.verdict == accepted && control.verdict == refused:
		x.g.ok("redirect-uri", "the redirect URI is registered", f.Evidence...)
		x.beside(ctx, asked)
		return
	case asked.verdict == accepted && control.verdict != unclear && asked.status/100 != control.status/100:
		x.g.ok("redirect-uri", "the redirect URI is registered: a wrong one is answered otherwise", f.Evidence...)
		x.beside(ctx, asked)
		return
	case asked.verdict == accepted:
		f.ID, f.Level = "redirect-uri-untold", Note
		f.Found = "cannot be told: a wrong redirect URI is answered in the same way"
		f.Meaning = "The provider looks at the address only later, or takes every one: then codes can be sent anywhere."
		f.Fix = register
	default:
		f.ID, f.Level = "redirect-uri-unclear", Warning
		f.Found = "the authorization endpoint gives no answer that says anything"
		f.Meaning = "People may be unable to sign in."
		f.Fix = []string{"Open the provider's login in a browser; look into its log."}
	}
	x.add(f)
}

// beside tries what else the provider takes for this client, now that it is known to tell
// right from wrong: an address beside the registered one, and requests with less than PKCE
// by S256. All are refused by then, or go on to a login that nobody sees.
func (x *examination) beside(ctx context.Context, asked trial) {
	near := x.public + "/cardea-doctor-not-registered"
	if t := x.authorize(ctx, "with an address beside it", near, nil); t.like(asked) {
		x.add(Finding{
			ID: "redirect-uri-wildcard", Level: Warning, Found: "the provider takes addresses that are not the gateway's callback",
			Meaning:  "A code can be sent to any page of that origin, apps included; one that gives it away gives the sign-in away.",
			Evidence: []string{"redirect_uri " + near, t.seen},
			Fix:      []string{"Register " + x.p.RedirectURI + " alone, exactly so: no * and no shorter address."},
		})
	} else {
		x.g.ok("redirect-uri-exact", "an address beside the registered one is refused", t.seen)
	}
	if x.p.Record.Client.PKCE == record.PKCEOff {
		return
	}
	without := x.authorize(ctx, "without PKCE", x.p.RedirectURI, func(q url.Values) {
		q.Del("code_challenge")
		q.Del("code_challenge_method")
	})
	plain := x.authorize(ctx, "with PKCE by plain", x.p.RedirectURI, func(q url.Values) {
		q.Set("code_challenge", x.random)
		q.Set("code_challenge_method", "plain")
	})
	f := Finding{
		Level: Note, Meaning: "The gateway always sends S256 and is safe with it. Whoever gets hold of the client's secret could leave it out, or use a weaker way.",
		Evidence: []string{without.seen, plain.seen},
		Fix:      []string{"Have the provider demand S256 of this client, where it can."},
	}
	switch {
	case without.like(asked):
		f.ID, f.Found = "pkce-optional", "the provider goes on without PKCE, as far as its login"
	case plain.like(asked):
		f.ID, f.Found = "pkce-plain", "the provider goes on with PKCE by plain, as far as its login"
	default:
		x.g.ok("pkce-demanded", "requests without PKCE by S256 are refused", f.Evidence...)
		return
	}
	x.add(f)
}

// like tells whether two requests went the same way.
func (t trial) like(other trial) bool {
	return t.verdict == accepted && other.verdict == accepted && t.status/100 == other.status/100 && t.place == other.place
}

// requestFix says what an error code of RFC 6749 section 4.1.2.1 asks to be changed.
func requestFix(code string) []string {
	switch code {
	case "unauthorized_client", "unsupported_response_type":
		return []string{"Allow the authorization code flow for this client at the provider."}
	case "invalid_scope":
		return []string{"Take the scope that the provider does not give this client out of providers[].scopes, or allow it there."}
	case "invalid_request":
		return []string{"The provider's log names the parameter. Often it is PKCE: have S256 accepted for this client."}
	}
	return []string{"The provider's log says why."}
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func asOwn(err error) (*oidc.Error, bool) { return errors.AsType[*oidc.Error](err) }
