package record_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

func freshSignIn(r record.Record) []string {
	f := r.FreshLogin
	asked := code(r.Prompt.OK...)
	var how string
	switch f.By {
	case record.FreshByPrompt:
		how = fmt.Sprintf("`prompt=%s` makes it ask for credentials again.", f.Prompt)
	case record.FreshByMaxAge:
		how = fmt.Sprintf("`max_age=%d` makes it ask for credentials again.", f.MaxAge/time.Second)
	case record.FreshByPromptAndMaxAge:
		how = fmt.Sprintf("`prompt=%s` together with `max_age=%d` makes it ask for credentials again.", f.Prompt, f.MaxAge/time.Second)
	case record.FreshBySetting:
		how = "Only a setting at " + it(r) + " makes it ask for credentials again."
	case record.FreshByImpossible:
		how = "Nothing is known that makes it ask for credentials again."
		switch f.Prompt {
		case "":
			how += " After a sign-out the next sign-in may be silent, and the signed-out page says so."
		case record.PromptSelectAccount:
			how += " After a sign-out the next sign-in shows a choice of accounts (`prompt=select_account`), without a password; the signed-out page says so."
		default:
			how += fmt.Sprintf(" After a sign-out the next sign-in shows the page that `prompt=%s` brings, without a password; the signed-out page says so.", f.Prompt)
		}
	}
	if f.By != record.FreshByImpossible {
		if f.AuthTime == record.AuthTimeChecked {
			how += " The answer's `auth_time` is checked: a sign-in that was silent all the same is refused."
		} else {
			how += " Its answers do not say when people signed in, so that this cannot be checked."
		}
	}
	honoured := "No value of `prompt` is known to be honoured, and none is sent."
	if asked != "" {
		honoured = "Values of `prompt` that are honoured: " + asked + ". No other is ever sent."
	}
	switch r.Prompt.Unknown {
	case record.PromptUnknownError:
		honoured += " It answers others with an error."
	case record.PromptUnknownIgnored:
		honoured += " It ignores others."
	}
	return []string{how, sentence(f.Advice), honoured}
}

func refreshTokens(r record.Record) []string {
	if r.Client.Exchange == record.ExchangeApplicationToken {
		return []string{"There are none, because people have no tokens at all."}
	}
	f := r.Refresh
	var asked []string
	if len(f.Needs.Scopes) > 0 {
		scopes := "the scope " + code(f.Needs.Scopes...)
		if f.Needs.When == record.NeedsAdvertised {
			scopes += " where the metadata list it"
		}
		asked = append(asked, scopes)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Needs.Params)) {
		asked = append(asked, fmt.Sprintf("`%s=%s`", name, f.Needs.Params[name]))
	}
	how := "Nothing is asked for to be given one."
	if len(asked) > 0 {
		how = "Asked for by " + and(asked) + "."
	}
	if f.MissingIs == record.MissingNormal {
		how += " That none comes is normal, and harms nothing."
	} else {
		how += " That none comes is a misconfiguration; people sign in all the same."
	}
	return []string{how, sentence(f.Needs.AdminStep), advice(f), used(f), "An account that is withdrawn at " + it(r) + " is noticed by the next refresh" + recheck(r) + "."}
}

func advice(f record.Refresh) string {
	if f.MissingAdvice == f.Needs.AdminStep {
		return ""
	}
	return sentence(f.MissingAdvice)
}

func used(f record.Refresh) string {
	out := map[record.Rotation]string{
		record.RotationNone:      "It stays the same when it is used.",
		record.RotationReissue:   "Each use brings a new one, and the old one stays valid.",
		record.RotationSingleUse: "Each can be used once. Cardea has one refresh under way per session and keeps the new one before anybody uses it.",
		record.RotationUnknown:   "Whether it can be used twice is not established; Cardea uses each once.",
	}[f.Rotation]
	if f.Grace > 0 {
		out += fmt.Sprintf(" A used one works for %s more.", f.Grace)
	}
	switch f.ReuseEnds {
	case record.ReuseGrant:
		out += " One that is presented again takes the newest with it."
	case record.ReuseSession:
		out += " One that is presented again takes the provider's session with it."
	}
	if len(f.Extra) > 0 {
		out += " A refresh repeats " + code(keys(f.Extra)...) + "."
	}
	return out
}

func recheck(r record.Record) string {
	if r.Claims.UserInfo.Recheck <= 0 {
		return ""
	}
	return ", or without a refresh token by asking userinfo every " + short(r.Claims.UserInfo.Recheck) + " while the access token lives"
}

func short(d time.Duration) string {
	return strings.TrimSuffix(d.String(), "0s")
}

func revocation(r record.Record) []string {
	v := r.Revocation
	var how string
	switch v.Kind {
	case record.RevocationNone:
		if r.Client.Exchange == record.ExchangeApplicationToken {
			return nil
		}
		return []string{"There is no call that is known to take tokens back. They are forgotten here at the sign-out and live until they expire."}
	case record.RevocationRFC7009:
		how = "By RFC 7009, for " + code(v.Tokens...) + "."
	case record.RevocationCustom:
		how = fmt.Sprintf("By a call of its own, `%s %s`, for %s.", v.Method, r.Endpoints.Revocation, code(v.Tokens...))
	}
	switch v.Ends {
	case record.RevocationEndsToken:
		how += " That ends this sign-in's tokens. The person's other devices stay signed in."
	case record.RevocationEndsSession:
		how += " That ends this client's part of the provider's session, so that it waits for the browser to sign out first."
	case record.RevocationEndsGrant:
		how += " That ends everything that the person allowed this client, on every device. So it is done only when the person's last session here ends."
	}
	return []string{how}
}

func notices(r record.Record) []string {
	n := r.Notices
	var out []string
	switch n.BackChannel {
	case record.Yes:
		back := "It sends back-channel logout tokens"
		if n.Sid == record.No {
			back += ", which name the person and no session: all of the person's sessions here end"
		}
		if n.BackChannelExp == record.No {
			back += ", without `exp`"
		}
		out = append(out, back+". Types that are taken: "+code(n.BackChannelTyp...)+".")
	case record.Unknown:
		out = append(out, "Whether it sends back-channel logout tokens is not established; good ones are taken.")
	}
	switch n.FrontChannel {
	case record.Yes:
		front := "It loads front-channel frames"
		if n.FrontChannelIss == record.No {
			front += ", without `iss`"
		}
		if n.BackChannel == record.Yes {
			front += "; use the back channel, where there is one"
		}
		out = append(out, front+".")
	case record.Unknown:
		out = append(out, "Whether it loads front-channel frames is not established.")
	}
	switch {
	case len(out) == 0 && r.Client.Exchange == record.ExchangeApplicationToken:
		out = append(out, "It tells nobody when somebody is withdrawn there, and there is no token to notice it by. It is noticed at the next sign-in.")
	case len(out) == 0:
		out = append(out, "It tells nobody when a session ends there. Whether the account still stands is seen by the next refresh.")
	}
	return []string{strings.Join(out, " ")}
}

func people(r record.Record) []string {
	c := r.Claims
	who := "People are told apart by " + code(c.SubjectKey...) + " together with the issuer."
	if len(c.SubjectKey) > 1 {
		who = "People are told apart by " + code(c.SubjectKey...) + " together, and the issuer."
	}
	if c.Username != "" {
		who += " Handles are made from " + code(c.Username) + " first."
	}
	return []string{who, email(c.Email), groups(r), picture(c.Picture)}
}

func email(e record.Email) string {
	from := "from the claim " + code(e.Claim)
	if e.Source == record.FromEndpoint {
		from = "from the list at `" + e.URL + "`, the primary one"
	}
	switch {
	case e.Source == record.FromNone:
		return "**E-mail**: none."
	case e.Verified == record.EmailNever:
		return "**E-mail**: " + from + ". Not believed, because nothing says that the person has that address; `providers[].email_verified: always` believes it."
	case e.Verified == record.EmailAlways:
		return "**E-mail**: " + from + ". Always believed."
	}
	verified := "true"
	if e.VerifiedValue != "" {
		verified += " (or the text `" + e.VerifiedValue + "`)"
	}
	return "**E-mail**: " + from + ". Believed where " + code(e.VerifiedClaim) + " is " + verified + "."
}

func groups(r record.Record) string {
	g := r.Claims.Groups
	var lists []string
	for _, l := range g.Lists {
		lists = append(lists, fmt.Sprintf("`%s` (each as `%s`)", l.URL, l.Name))
	}
	var out string
	switch g.Source {
	case record.FromNone:
		return "**Groups**: none. An access rule that names groups is a fault of the configuration until `record.claims.groups` says where they are."
	case record.FromClaim:
		out = "**Groups**: from the claim " + code(g.Claim) + "."
		if g.OverageClaim != "" {
			out += " Where they are too many for the token, from " + and(lists) + "."
		}
	case record.FromEndpoint:
		out = "**Groups**: from " + and(lists) + "."
	}
	if g.Scope != "" {
		out += " Where access rules or headers need them, the scope " + code(g.Scope) + " is asked for."
	}
	return out
}

func picture(p record.Picture) string {
	switch p.Source {
	case record.PictureClaim:
		return "**Picture**: from the claim " + code(p.Claim) + "."
	case record.PictureTemplate:
		return "**Picture**: `" + p.Template + "`."
	}
	return "**Picture**: none."
}

func fixes(r record.Record) string {
	if len(r.Fixes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("What `cardea doctor` ([all its checks](../doctor.md)) advises for this kind beside its general advice:\n\n| check | what to change |\n|---|---|\n")
	for _, name := range keys(r.Fixes) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, escape(r.Fixes[name]))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const overviewHead = `<!-- Made of internal/record/records by: go test ./internal/record -run Pages -update -->
# Providers

What is known of each kind of provider, as Cardea acts on it. Each page says what to register
there, what signing out really does and what stays open, and names its sources. Providers that
no kind fits are of kind [oidc](oidc.md), or [oauth2](oauth2.md) where they have no ID tokens;
any field of a record can be overridden in the [configuration](../configuration.md#provider-records).

| kind | sign-out call | the session there | fresh sign-in | refresh token | tells of its sign-outs | taking tokens back ends |
|---|---|---|---|---|---|---|
`

func overview(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(overviewHead)
	for _, kind := range record.Kinds() {
		r := lookup(t, kind)
		cells := []string{"[" + heading(r) + "](" + kind + ".md)<br>`" + kind + "`", callCell(r), sessionCell(r), freshCell(r), refreshCell(r), noticesCell(r), revocationCell(r)}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

func callCell(r record.Record) string {
	call := map[record.SignOutKind]string{
		record.SignOutNone: "none", record.SignOutOIDC: "end session", record.SignOutCustom: "its own", record.SignOutPortal: "a page of its own",
	}[r.SignOut.Kind]
	if r.SignOut.Hint == record.HintRequired {
		call += ", ID token required"
	}
	return call
}

func sessionCell(r record.Record) string {
	switch {
	case r.SignOut.Kind == record.SignOutNone:
		return "**stays open**"
	case r.SignOut.EndsSSOByDefault == record.No:
		return "**stays open** as set up by default"
	case r.SignOut.EndsSSOByDefault == record.Yes:
		return "ends"
	}
	return "not established"
}

func freshCell(r record.Record) string {
	f := r.FreshLogin
	switch f.By {
	case record.FreshByImpossible:
		if f.Prompt != "" {
			return "cannot be forced; `" + string(f.Prompt) + "`"
		}
		return "cannot be forced"
	case record.FreshBySetting:
		return "by a setting there"
	case record.FreshByMaxAge:
		return "`max_age`, checked"
	}
	out := "`prompt=" + string(f.Prompt) + "`"
	if f.By == record.FreshByPromptAndMaxAge {
		out += " and `max_age`"
	}
	if f.AuthTime == record.AuthTimeChecked {
		out += ", checked"
	}
	return out
}

func refreshCell(r record.Record) string {
	if r.Client.Exchange == record.ExchangeApplicationToken {
		return "never"
	}
	needs := r.Refresh.Needs
	asked := slices.Clone(needs.Scopes)
	for _, name := range slices.Sorted(maps.Keys(needs.Params)) {
		asked = append(asked, name+"="+needs.Params[name])
	}
	if len(asked) == 0 {
		return map[record.MissingIs]string{record.MissingNormal: "comes or not", record.MissingMisconfiguration: "comes by itself"}[r.Refresh.MissingIs]
	}
	return code(asked...)
}

func noticesCell(r record.Record) string {
	var by []string
	for _, channel := range []struct {
		name  string
		known record.Known
	}{{"back channel", r.Notices.BackChannel}, {"front channel", r.Notices.FrontChannel}} {
		switch channel.known {
		case record.Yes:
			by = append(by, channel.name)
		case record.Unknown:
			by = append(by, channel.name+"?")
		}
	}
	if len(by) == 0 {
		return "no"
	}
	return strings.Join(by, ", ")
}

func revocationCell(r record.Record) string {
	return map[record.RevocationEnds]string{
		record.RevocationEndsNothing: "cannot be",
		record.RevocationEndsToken:   "the tokens",
		record.RevocationEndsSession: "the session there",
		record.RevocationEndsGrant:   "the person's whole consent",
	}[r.Revocation.Ends]
}
