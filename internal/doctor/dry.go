package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/oidc"
)

// elsewhere is an address that nobody can have registered: .invalid exists nowhere (RFC
// 6761 section 6.4).
const elsewhere = "https://cardea-doctor.invalid/not-registered"

// verdict is what a page of a provider says of a request.
type verdict int

const (
	unclear  verdict = iota
	accepted         // it goes on: to a login, a confirmation, a return
	refused          // it ends here, with an error of the provider's page
	answered         // it ends with an error sent to the return address, which was thus accepted
)

// trial is one request of a browser, tried.
type trial struct {
	verdict verdict
	status  int
	code    string // an OAuth error code
	seen    string // for the evidence
}

// try asks for a page as a browser without cookies would. back is the return address that
// the request names.
func (x *examination) try(ctx context.Context, what, address, back string) trial {
	a, err := x.call.get(ctx, address, asPage)
	if err != nil {
		return trial{seen: what + ": " + why(err)}
	}
	t := trial{status: a.status, seen: what + ": HTTP " + strconv.Itoa(a.status)}
	switch {
	case a.status/100 == 3:
		x.follow(&t, address, a.header.Get("Location"), back)
	case a.status/100 == 2:
		t.verdict = accepted
	case a.status/100 == 4 && a.status != 404 && a.status != 405 && a.status != 429:
		t.verdict = refused
		if words := x.words(a.body); words != "" {
			t.seen += ", “" + words + "”"
		}
	}
	return t
}

// follow reads a redirect. Its values are not shown: a code could be among them.
func (x *examination) follow(t *trial, from, location, back string) {
	start, err := url.Parse(from)
	if err != nil || location == "" {
		return
	}
	to, err := start.Parse(location)
	if err != nil {
		return
	}
	t.code = errorIn(to)
	t.seen += " to " + bare(to.String())
	home := back != "" && strings.HasPrefix(to.String(), back)
	switch {
	case home && t.code != "":
		t.verdict = answered
	case t.code != "" || !home && strings.Contains(strings.ToLower(to.Path), "error"):
		t.verdict = refused
	default:
		t.verdict = accepted
	}
	if t.code != "" {
		t.seen += " with error " + t.code
	}
}

var codeForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// errorIn is the OAuth error code of a redirect; "" where there is none that looks like
// one.
func errorIn(u *url.URL) string {
	q := u.Query()
	if fragment, err := url.ParseQuery(u.Fragment); err == nil && !q.Has("error") {
		q = fragment
	}
	if code := q.Get("error"); codeForm.MatchString(code) {
		return code
	}
	return ""
}

var (
	hidden = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)>`)
	tags   = regexp.MustCompile(`(?s)<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
	cause  = regexp.MustCompile(`(?i)redirect|client|invalid|not allowed|scope|error`)
	secret = regexp.MustCompile(`[A-Za-z0-9_\-.~+/=]{32,}`)
)

// words finds what an error page says: an OAuth error in JSON, or the words about it.
// Anything that could be a value of the request or a token is left out.
func (x *examination) words(body []byte) string {
	var doc struct {
		Code string `json:"error"`
		Text string `json:"error_description"`
	}
	var text string
	if json.Unmarshal(body, &doc) == nil && doc.Code != "" {
		text = strings.TrimSuffix(doc.Code+": "+doc.Text, ": ")
	} else {
		text = hidden.ReplaceAllString(string(body), " ")
		text = html.UnescapeString(tags.ReplaceAllString(text, " "))
		text = strings.TrimSpace(spaces.ReplaceAllString(text, " "))
		if at := cause.FindStringIndex(text); at != nil && at[0] > 60 {
			text = "…" + text[strings.LastIndex(text[:at[0]-40], " ")+1:]
		}
	}
	return short(secret.ReplaceAllString(text, "…"))
}

// redirectURI tries an authorization request, and the same with an address that is not
// registered: only where these differ does the first say something.
func (x *examination) redirectURI(ctx context.Context) {
	authorize := func(what, back string) trial {
		address, err := x.p.Client.AuthorizationURL(ctx, oidc.AuthorizationRequest{
			RedirectURI: back, State: x.random, Nonce: x.random, CodeChallenge: challenge(x.random),
		})
		if err != nil {
			return trial{seen: what + ": not made, " + short(err.Error())}
		}
		return x.try(ctx, what, address, back)
	}
	asked := authorize("authorization request", x.p.RedirectURI)
	control := authorize("with a wrong address", elsewhere)
	f := Finding{Check: "redirect-uri", Level: Error, Evidence: []string{"redirect_uri " + x.p.RedirectURI, asked.seen, control.seen}}
	register := x.notes("/.cardea/callback/", "Register "+x.p.RedirectURI+" as redirect URI of the client "+x.p.ClientID+", exactly so.")
	switch {
	case asked.verdict == answered:
		f.Found = "the provider refuses the request: " + asked.code
		f.Meaning = "Nobody can sign in: people come back with an error at once."
		f.Fix = requestFix(asked.code)
	case asked.verdict == refused && control.verdict == refused:
		f.Found = "the provider refuses the redirect URI, or does not know the client"
		f.Meaning = "Nobody can sign in: people end on an error page of the provider."
		f.Fix = append(register, "Check that client_id "+x.p.ClientID+" is spelled as there, and that the client is enabled.")
	case asked.verdict == refused:
		f.Found = "the provider refuses the request"
		f.Meaning = "Nobody can sign in: people end on an error page of the provider."
		f.Fix = register
	case asked.verdict == accepted && control.verdict == refused:
		x.g.ok("redirect-uri", "the redirect URI is registered", f.Evidence...)
		return
	case asked.verdict == accepted && control.verdict != unclear && asked.status/100 != control.status/100:
		x.g.ok("redirect-uri", "the redirect URI is registered: a wrong one is answered otherwise", f.Evidence...)
		return
	case asked.verdict == accepted:
		f.Level = Note
		f.Found = "cannot be told: a wrong redirect URI is answered in the same way"
		f.Meaning = "The provider looks at the address only later, or takes every one: then codes can be sent anywhere."
		f.Fix = register
	default:
		f.Level = Warning
		f.Found = "the authorization endpoint gives no answer that says anything"
		f.Meaning = "People may be unable to sign in."
		f.Fix = []string{"Open the provider's login in a browser; look into its log."}
	}
	x.g.add(f)
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

func asOwn(err error) (*oidc.Error, bool) { return errors.AsType[*oidc.Error](err) }
