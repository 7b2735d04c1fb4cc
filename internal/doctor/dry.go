package doctor

import (
	"context"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
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
	place   string // where it leads, without what differs from request to request
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
	t.seen += " to " + placeOf(to)
	t.place = to.Host
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

// placeOf is an address for the evidence, without names in its path that were made for one
// request.
func placeOf(u *url.URL) string {
	parts := strings.Split(u.Path, "/")
	for i, p := range parts {
		if len(p) >= 32 {
			parts[i] = "…"
		}
	}
	return printable(u.Scheme + "://" + u.Host + strings.Join(parts, "/"))
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
	cause  = regexp.MustCompile(`(?i)redirect|regist|client|invalid|not allowed|scope|error`)
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
