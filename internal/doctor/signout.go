package doctor

import (
	"context"
	"regexp"
	"strings"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// signOut says what signing out will end at the provider.
func (x *examination) signOut(ctx context.Context, doc document) {
	switch kind := x.p.Record.SignOut.Kind; {
	case kind == record.SignOutNone && doc.endSession != "":
		x.add(Finding{
			ID: "sign-out-unused", Level: Note, Found: "the provider names an end_session_endpoint, and the record does not use it",
			Meaning:  "After a sign-out here the provider's session stays open, and the signed-out page says so.",
			Evidence: []string{"end_session_endpoint: " + bare(doc.endSession)},
			Fix:      []string{"Where it works, state it: providers[].record.sign_out {kind: oidc, params: {id_token_hint: \"{id_token_hint}\", post_logout_redirect_uri: \"{return_url}\", state: \"{state}\"}, hint: recommended}."},
		})
	case kind == record.SignOutNone:
		x.add(Finding{ID: "sign-out-none", Level: Note, Found: "this provider has no call that ends its session",
			Meaning: "After a sign-out here the provider's session stays open, and the signed-out page says so, with a link where one is known."})
	case doc.endSession == "":
		x.add(Finding{
			ID: "sign-out", Level: Warning, Found: "the provider names no end_session_endpoint",
			Meaning: "After a sign-out the provider's session stays open: whoever sits down next at that browser may get in without a password.",
			Fix:     []string{"Switch RP-Initiated Logout on at the provider, or state the address under providers[].record.endpoints.end_session."},
		})
	default:
		x.g.ok("sign-out", "the provider has a call that ends its session", bare(doc.endSession))
		x.stays()
		x.postLogoutURI(ctx)
	}
	x.revocation(doc)
}

// stays says where the call alone does not end the provider's session.
func (x *examination) stays() {
	s := x.p.Record.SignOut
	f := Finding{
		ID: "sign-out-stays", Meaning: "Who signs out may be signed straight in again, without a password.",
		Evidence: []string{"record.sign_out.ends_sso_by_default: " + string(s.EndsSSOByDefault)},
		Fix:      []string{"Sign out and in again once: a password must be asked for."},
	}
	if s.EndsSSOAdvice != "" {
		f.Fix = []string{upper(s.EndsSSOAdvice) + "."}
	}
	f.also = []string{"When it is seen to end, state providers[].record.sign_out.ends_sso_by_default: \"yes\"."}
	switch s.EndsSSOByDefault {
	case record.No:
		f.Level, f.Found = Warning, "as this provider comes, its session outlives the call that should end it"
	case record.Yes:
		return
	default:
		f.Level, f.Found = Note, "whether the provider's session ends with that call cannot be told from here"
	}
	x.add(f)
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
	register := []string{x.register(x.p.Record.Register.PostLogoutRedirectURI, "post-logout redirect URI", back)}
	f := Finding{
		ID: "post-logout-uri-untold", Level: Note, Found: "cannot be told: the provider takes no end-session request without a hint",
		Meaning: "Where the address is not registered, people who sign out end on an error page, and stay signed in there.", Fix: register,
	}
	asked, ok := end("end-session request", back)
	if !ok {
		x.add(f)
		return
	}
	control, _ := end("with a wrong address", elsewhere)
	f.Evidence = []string{"post_logout_redirect_uri " + back, asked.seen, control.seen}
	param := x.unsent(asked)
	switch {
	case param != "":
		f.ID, f.Level = "post-logout-uri-params", Error
		f.Found = "the provider asks for " + param + " at the end of a session, which the record does not send"
		f.Meaning = "People who sign out end on an error page of the provider, and stay signed in there."
		f.Fix = []string{"The kind may be another one. Otherwise state the provider's own parameters under providers[].record.sign_out.params."}
	case asked.verdict == refused && (ofAddress.MatchString(asked.seen) || control.verdict != refused):
		f.ID, f.Level = "post-logout-uri", Error
		f.Found = "the provider refuses the post-logout redirect URI"
		f.Meaning = "People who sign out end on an error page of the provider, and stay signed in there."
	case asked.verdict == refused:
		f.ID, f.Level = "post-logout-uri-hint", Warning
		f.Found = "the provider refuses the request: the address is not registered, or it wants a hint"
		f.Meaning = "Where it is not registered, people who sign out end on an error page and stay signed in there."
	case asked.verdict == unclear:
		f.ID, f.Level = "post-logout-uri-unclear", Warning
		f.Found = "the end-session endpoint gives no answer that says anything"
		f.Meaning = "Signing out may fail at the provider."
	case control.verdict == refused || control.verdict != unclear && asked.status/100 != control.status/100:
		x.g.ok("post-logout-uri", "the post-logout redirect URI is registered", f.Evidence...)
		return
	default:
		f.Found = "cannot be told: a wrong post-logout redirect URI is answered in the same way"
	}
	x.add(f)
}

// parameters are names that providers give to what an end-session request carries.
var parameters = regexp.MustCompile(`\b(id_token_hint|client_id|logout_uri|redirect_uri|post_logout_redirect_uri|returnTo|logout_hint)\b`)

// unsent is the parameter that a refusal asks for and the record does not send: another
// name for one that it sends, mostly.
func (x *examination) unsent(t trial) string {
	if t.verdict != refused || !missing.MatchString(t.seen) {
		return ""
	}
	named := parameters.FindString(t.seen[strings.Index(t.seen, ",")+1:])
	if _, sent := x.p.Record.SignOut.Params[named]; named == "" || sent {
		return ""
	}
	return named
}

// ofAddress are words of a refusal that is about the return address.
var ofAddress = regexp.MustCompile(`(?i)redirect|regist|return`)

var missing = regexp.MustCompile(`(?i)missing|required|not present|must be`)

func (x *examination) revocation(doc document) {
	r := x.p.Record.Revocation
	switch {
	case r.Kind == record.RevocationNone:
		x.add(Finding{ID: "revocation-none", Level: Note, Found: "this provider cannot take tokens back",
			Meaning: "After a sign-out, tokens that an app was given work until they expire."})
	case doc.revocation == "":
		x.add(Finding{
			ID: "revocation", Level: Warning, Found: "the provider names no revocation_endpoint",
			Meaning: "After a sign-out, tokens that an app was given work until they expire.",
			Fix:     []string{"Switch token revocation (RFC 7009) on at the provider, or state the address under providers[].record.endpoints.revocation."},
		})
	default:
		x.g.ok("revocation", "tokens can be taken back; that ends: "+string(r.Ends), bare(doc.revocation))
	}
}
