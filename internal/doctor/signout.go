package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// signOut says what signing out will end at the provider.
func (x *examination) signOut(ctx context.Context, doc document) {
	switch kind := x.p.Record.SignOut.Kind; {
	case kind == record.SignOutNone:
		x.g.add(Finding{Check: "sign-out", Level: Note, Found: "this provider has no call that ends its session",
			Meaning: "After a sign-out here the provider's session stays open, and the signed-out page says so."})
	case doc.endSession == "":
		x.g.add(Finding{
			Check: "sign-out", Level: Warning, Found: "the provider names no end_session_endpoint",
			Meaning: "After a sign-out the provider's session stays open: whoever sits down next at that browser may get in without a password.",
			Fix:     []string{"Switch RP-Initiated Logout on at the provider, or state the address under providers[].record.endpoints.end_session."},
		})
	default:
		x.g.ok("sign-out", "the provider has a call that ends its session", bare(doc.endSession))
		x.postLogoutURI(ctx)
	}
	x.revocation(doc)
	x.notices(doc)
}

// postLogoutURI tries an end-session request without hint and without cookies, which can
// end nothing, and the same with an address that is not registered.
func (x *examination) postLogoutURI(ctx context.Context) {
	back := x.public + "/.cardea/signed-out"
	end := func(what, to string) (trial, bool) {
		call, ok, err := x.p.Client.EndSessionByBrowser(ctx, oidc.EndSessionRequest{PostLogoutRedirectURI: to, State: x.random})
		if err != nil || !ok || call.Form != nil {
			return trial{}, false
		}
		return x.try(ctx, what, call.URL, to), true
	}
	register := x.notes("/.cardea/signed-out", "Register "+back+" as post-logout redirect URI of the client "+x.p.ClientID+", exactly so.")
	f := Finding{Check: "post-logout-uri", Level: Note, Found: "cannot be told: the provider takes no end-session request without a hint", Fix: register}
	asked, ok := end("end-session request", back)
	if !ok {
		x.g.add(f)
		return
	}
	control, _ := end("with a wrong address", elsewhere)
	f.Evidence = []string{"post_logout_redirect_uri " + back, asked.seen, control.seen}
	switch {
	case asked.verdict == refused && (strings.Contains(strings.ToLower(asked.seen), "redirect") || control.verdict != refused):
		f.Level = Error
		f.Found = "the provider refuses the post-logout redirect URI"
		f.Meaning = "People who sign out end on an error page of the provider, and stay signed in there."
	case asked.verdict == refused:
		f.Level = Warning
		f.Found = "the provider refuses the request: the address is not registered, or it wants a hint"
		f.Meaning = "Where it is not registered, people who sign out end on an error page and stay signed in there."
	case asked.verdict == unclear:
		f.Level = Warning
		f.Found = "the end-session endpoint gives no answer that says anything"
		f.Meaning = "Signing out may fail at the provider."
	case control.verdict == refused || control.verdict != unclear && asked.status/100 != control.status/100:
		x.g.ok("post-logout-uri", "the post-logout redirect URI is registered", f.Evidence...)
		return
	default:
		f.Found = "cannot be told: a wrong post-logout redirect URI is answered in the same way"
	}
	x.g.add(f)
}

func (x *examination) revocation(doc document) {
	r := x.p.Record.Revocation
	switch {
	case r.Kind == record.RevocationNone:
		x.g.add(Finding{Check: "revocation", Level: Note, Found: "this provider cannot take tokens back",
			Meaning: "After a sign-out, tokens that an app was given work until they expire."})
	case doc.revocation == "":
		x.g.add(Finding{
			Check: "revocation", Level: Warning, Found: "the provider names no revocation_endpoint",
			Meaning: "After a sign-out, tokens that an app was given work until they expire.",
			Fix:     []string{"Switch token revocation (RFC 7009) on at the provider, or state the address under providers[].record.endpoints.revocation."},
		})
	default:
		x.g.ok("revocation", "tokens can be taken back; that ends: "+string(r.Ends), bare(doc.revocation))
	}
}

// notices says how the gateway hears of sessions that end at the provider.
func (x *examination) notices(doc document) {
	to := x.public + "/.cardea/backchannel-logout"
	if !doc.backchannel && x.p.Record.Notices.BackChannel != record.Yes {
		x.g.add(Finding{Check: "notices", Level: Note, Found: "the provider does not say that it sends back-channel logouts",
			Meaning: "A session that ends at the provider is noticed here at the next refresh."})
		return
	}
	f := Finding{
		Check: "notices", Level: Note, Found: "the provider can tell of sessions that end there; whether it reaches the gateway cannot be told from here",
		Meaning: "Without it, a session that ends at the provider is noticed here at the next refresh.",
		Fix:     x.notes("/.cardea/backchannel-logout", "Register "+to+" as back-channel logout URI of the client "+x.p.ClientID+"."),
	}
	if u, err := url.Parse(x.public); err == nil && httpx.LoopbackHost(u.Hostname()) && x.call.back != nil {
		f.Fix = append(f.Fix, "The provider's server must reach that address: from another machine or container, "+u.Hostname()+" is not the gateway.")
	}
	x.g.add(f)
}

// credentials redeems a code that nobody was given: a provider that refuses the code and
// not the client has accepted the client's id and secret (RFC 6749 section 5.2).
func (x *examination) credentials(ctx context.Context) {
	now := x.now()
	_, err := x.p.Client.Exchange(ctx, now, oidc.CodeExchange{
		Code: "cardea-doctor-" + x.random[:8], RedirectURI: x.p.RedirectURI, CodeVerifier: x.random, Nonce: x.random,
		Iss: x.issValue(), RequestedAt: now.Add(-time.Second),
	})
	code := oidc.CodeOf(err)
	seen := "token request with a code that was never given"
	f := Finding{Check: "credentials", Level: Error, Evidence: []string{seen + ": " + code}}
	var own *oidc.Error
	if e, ok := asOwn(err); ok {
		own = e
		f.Evidence[0] += " (HTTP " + strconv.Itoa(own.Status) + ")"
	}
	what := "client id and secret"
	if x.p.Public {
		what = "client id (there is no secret)"
	}
	switch {
	case code == oidc.InvalidGrant:
		x.g.ok("credentials", "the provider accepts the "+what, f.Evidence...)
		return
	case code == oidc.InvalidClient || code == "unauthorized_client" || own != nil && own.Status == http.StatusUnauthorized:
		f.Found = "the provider refuses the " + what
		f.Meaning = "Nobody can sign in: people come back from the login and are told that it failed."
		f.Fix = []string{"Compare client_id " + x.p.ClientID + " with the provider's, and copy the secret anew, without a line's end or blanks around it."}
		if x.p.Public {
			f.Fix = []string{"Give the client its secret by client_secret_env or client_secret_file, or make it a public client at the provider."}
		}
		f.Fix = append(f.Fix, "The client must be enabled and must authenticate by "+string(x.p.Record.Client.Auth)+", or by what providers[].record.client.auth says.")
	case own != nil:
		f.Level = Note
		f.Found = "cannot be told: the provider refuses the request before it looks at the client"
	default:
		f.Level = Warning
		f.Found = "the token endpoint gives no answer that says anything"
		f.Meaning = "People may be unable to sign in."
		f.Evidence = []string{seen + ": no answer of OAuth 2.0"}
		if err != nil {
			f.Evidence = []string{seen + ": " + short(secret.ReplaceAllString(err.Error(), "…"))}
		}
		f.Fix = []string{"Look into the provider's log."}
	}
	x.g.add(f)
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

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
