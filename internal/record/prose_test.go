package record_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// it is how a page speaks of the provider.
func it(r record.Record) string {
	if r.Title == "" {
		return "the provider"
	}
	return r.Title
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// sentence ends what a record says in a clause.
func sentence(clause string) string {
	if clause == "" {
		return ""
	}
	return escape(upper(strings.TrimSuffix(clause, "."))) + "."
}

func code[T ~string](words ...T) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, "`"+string(w)+"`")
	}
	return and(quoted)
}

func and(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

func keys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func introduction(r record.Record) string {
	speaks := "An OpenID provider; its addresses are read from its metadata."
	switch {
	case r.Claims.IDToken == record.No:
		speaks = "Plain OAuth 2: there is no ID token, and people are told apart by what " + it(r) + " answers to the access token."
	case r.Endpoints.Source == record.EndpointsStatic:
		speaks = "An OpenID provider; its addresses stand in the record."
	}
	out := "`kind: " + r.Kind + "`. " + speaks
	if r.Issuer.Default != "" {
		out += " The issuer is " + r.Issuer.Default + " unless another is configured."
	}
	switch r.Issuer.Match {
	case record.IssuerTemplateTID:
		out += " Where the metadata's issuer has `{tenantid}` in it, the token's `tid` stands there."
	case record.IssuerSet:
		out += " Tokens may name " + code(r.Issuer.Also...) + " too."
	}
	return out
}

func registration(r record.Record) []string {
	var rows strings.Builder
	for _, row := range []struct{ field, address string }{
		{r.Register.RedirectURI, "{public_url}/.cardea/callback/{id}"},
		{r.Register.PostLogoutRedirectURI, "{public_url}/.cardea/signed-out"},
		{r.Register.BackChannelLogoutURI, "{public_url}/.cardea/backchannel-logout"},
		{r.Register.FrontChannelLogoutURI, "{public_url}/.cardea/frontchannel-logout/{id}"},
	} {
		if row.field != "" {
			fmt.Fprintf(&rows, "| %s | `%s` |\n", escape(row.field), row.address)
		}
	}
	out := []string{}
	if r.Register.Console != "" {
		out = append(out, "Where: "+escape(r.Register.Console)+".")
	}
	if r.Register.Create != "" {
		out = append(out, "For a new client: "+escape(r.Register.Create))
	}
	if rows.Len() > 0 {
		out = append(out, "| field | address |\n|---|---|\n"+strings.TrimSuffix(rows.String(), "\n"))
	}
	return append(out, list(r.Register.Steps), client(r))
}

func client(r record.Record) string {
	auth := map[record.ClientAuth]string{
		record.AuthDiscovery:     "by the best method that its metadata offer",
		record.AuthBasic:         "by HTTP Basic (`client_secret_basic`)",
		record.AuthPost:          "by the secret in the form (`client_secret_post`)",
		record.AuthPrivateKeyJWT: "by a JWT that its key signs (`private_key_jwt`)",
		record.AuthSecretJWT:     "by a JWT that its secret signs (`client_secret_jwt`)",
		record.AuthSignedSecret:  "by a client secret that its key signs anew for each request",
		record.AuthJSON:          "by the secret in a JSON body",
		record.AuthQuery:         "by the secret in the query",
		record.AuthNone:          "by nothing: it is a public client",
	}[r.Client.Auth]
	out := "Cardea authenticates to it " + auth
	if r.Client.PKCE == record.PKCES256 {
		out += ", with PKCE (S256)."
	} else {
		out += ", without PKCE."
	}
	if r.Client.ResponseMode == record.ResponseFormPost {
		out += " The answer comes back as a form that the browser posts."
	}
	if r.Client.Exchange == record.ExchangeApplicationToken {
		out += " People have no tokens: the code is looked up with a token of the application."
	}
	return out
}

func signingOut(r record.Record) []string {
	s := r.SignOut
	var call string
	switch s.Kind {
	case record.SignOutNone:
		return []string{
			"There is no call that ends the session at " + it(r) + ". Signing out ends everything here: the session, open connections, the apps' own sessions. " +
				"The page that people land on starts no sign-in, and says that their session at " + it(r) + " is still open" + linked(r) + ".",
		}
	case record.SignOutOIDC:
		call = "The browser is sent to the end-session endpoint with " + code(keys(s.Params)...) + "."
	case record.SignOutCustom:
		call = fmt.Sprintf("The browser is sent to a call of its own, `%s`, with %s.", r.Endpoints.EndSession, code(keys(s.Params)...))
	case record.SignOutPortal:
		call = fmt.Sprintf("The browser is sent to a page of its own, `%s`, with %s.", r.Endpoints.EndSession, code(keys(s.Params)...))
	}
	byHand := ""
	if s.ManualURL != "" {
		byHand = "Where the call cannot be made, or ended nothing, the signed-out page links to `" + s.ManualURL + "`."
	}
	return []string{call + " " + hint(s), ends(r) + " " + upstream(s), confirmation(s), comesBack(s), withoutBrowser(s), byHand}
}

func linked(r record.Record) string {
	if r.SignOut.ManualURL == "" {
		return ""
	}
	return ", with a link to `" + r.SignOut.ManualURL + "`"
}

func hint(s record.SignOut) string {
	var out string
	switch s.Hint {
	case record.HintUnused:
		return "No ID token goes with it."
	case record.HintRequired:
		out = "The ID token must go with it; without one the call is not made, because people would end on an error or a question."
	case record.HintRecommended:
		out = "The ID token goes with it where there is one."
	}
	switch s.HintExpiredOK {
	case record.Yes:
		return out + " An expired one is taken."
	case record.No:
		return out + " An expired one is refused, and so not sent."
	}
	return out + " Whether an expired one is taken is not established."
}

func ends(r record.Record) string {
	switch r.SignOut.EndsSSOByDefault {
	case record.Yes:
		return "The session at " + it(r) + " is gone afterwards."
	case record.No:
		return "**It does not end the session at " + it(r) + " as it is set up by default**: " + escape(r.SignOut.EndsSSOAdvice) + "."
	}
	out := "Whether the session at " + it(r) + " is gone afterwards is not established"
	if r.SignOut.EndsSSOAdvice != "" {
		out += ": " + escape(r.SignOut.EndsSSOAdvice)
	}
	return out + "."
}

func upstream(s record.SignOut) string {
	switch s.Upstream {
	case record.UpstreamNever:
		return "A provider behind it is not signed out."
	case record.UpstreamAlways:
		return "A provider behind it is signed out too."
	case record.UpstreamOnRequest:
		return "A provider behind it is signed out too where `providers[].sign_out_upstream` is true."
	}
	return "Whether a provider behind it is signed out too is not established."
}

func confirmation(s record.SignOut) string {
	var when []string
	for _, w := range s.ConfirmPageWhen {
		when = append(when, map[record.ConfirmWhen]string{
			record.ConfirmAlways:       "always",
			record.ConfirmNoHint:       "where the hint is missing",
			record.ConfirmOtherSession: "where the browser's session is not the one of the hint",
			record.ConfirmUnknown:      "maybe (when is not established)",
		}[w])
	}
	if len(when) == 0 {
		return ""
	}
	return "It asks people to confirm: " + and(when) + ". Whoever leaves that page stays signed in there."
}

func comesBack(s record.SignOut) string {
	out := map[record.ReturnRegistered]string{
		record.RegisteredPostLogout: "The address to come back to has to be registered as post-logout redirect URI",
		record.RegisteredRedirect:   "The address to come back to has to be registered among the redirect URIs",
		record.RegisteredAllowList:  "The address to come back to has to be on a list of those allowed",
		record.RegisteredNone:       "The address to come back to needs no registration",
		record.RegisteredUnknown:    "Where the address to come back to has to be registered is not established",
	}[s.ReturnRegistered]
	out += map[record.ReturnMatch]string{
		record.ReturnMatchExact:          ", and is compared exactly.",
		record.ReturnMatchExactWithQuery: ", and is compared exactly, its query included.",
		record.ReturnMatchPattern:        ", and may be a pattern there.",
		record.ReturnMatchOrigin:         ", and its origin is what counts.",
		record.ReturnMatchUnknown:        ".",
	}[s.ReturnMatch]
	switch s.ReturnsState {
	case record.Yes:
		return out + " `state` comes back with the browser, which is how the receipt knows that the call was made."
	case record.No:
		return out + " `state` does not come back with the browser."
	}
	return out + " Whether `state` comes back with the browser is not established."
}

func withoutBrowser(s record.SignOut) string {
	switch s.ServerCall {
	case record.ServerHint:
		return "Where no browser is at hand (`cardea sessions end`), the server makes the same call with the ID token."
	case record.ServerRefreshToken:
		return "Where no browser is at hand (`cardea sessions end`), the server ends the session with the refresh token."
	}
	return "Where no browser is at hand (`cardea sessions end`), nothing ends the session there."
}

func staysOpen(r record.Record) []string {
	var open []string
	s := r.SignOut
	switch {
	case s.Kind == record.SignOutNone:
		open = append(open, "The person's session at "+it(r)+", in that browser.")
	case s.EndsSSOByDefault == record.No:
		open = append(open, "The person's session at "+it(r)+", until it is set up to end.")
	case s.EndsSSOByDefault == record.Unknown:
		open = append(open, "Possibly the person's session at "+it(r)+".")
	}
	if s.Kind != record.SignOutNone && s.Upstream != record.UpstreamAlways {
		open = append(open, map[record.UpstreamSignOut]string{
			record.UpstreamNever:     "The session at a provider behind it, where there is one.",
			record.UpstreamOnRequest: "The session at a provider behind it, unless that is asked for.",
			record.UpstreamUnknown:   "Possibly the session at a provider behind it.",
		}[s.Upstream])
	}
	switch r.Revocation.Ends {
	case record.RevocationEndsNothing:
		if r.Client.Exchange == record.ExchangeCode {
			open = append(open, "Tokens that were given before, until they expire. They are forgotten here.")
		}
	case record.RevocationEndsGrant:
		open = append(open, "Tokens, for as long as the person is signed in here elsewhere: taking one back would end all.")
	}
	return open
}
