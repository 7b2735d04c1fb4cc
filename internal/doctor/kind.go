package doctor

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
)

// kind holds the configured kind against the provider's marks.
func (x *examination) kind(doc document, issuer *url.URL) {
	if x.recognise == nil || x.p.Record.Kind == "" {
		return
	}
	found := x.recognise(issuer, doc.raw)
	if len(found) == 0 || slices.Contains(found, x.p.Record.Kind) {
		if len(found) > 0 {
			x.g.ok("kind", "the provider has the marks of kind "+x.p.Record.Kind)
		}
		return
	}
	r, ok := record.Lookup(found[0])
	if !ok {
		return
	}
	x.add(Finding{
		ID: "kind", Level: Warning, Found: "kind is " + x.p.Record.Kind + ", and this is " + title(r),
		Meaning:  "What is known of " + title(r) + " is not used: signing out may leave people signed in there, and a fresh sign-in may not be one.",
		Evidence: append([]string{"issuer " + x.p.Issuer}, told(r)...),
		Fix:      []string{"Write kind: " + found[0]}, About: kinds + found[0] + ".md",
	})
}

// told is what a kind is told by.
func told(r record.Record) []string {
	var all []string
	for _, m := range []struct {
		what string
		list []string
	}{{"host", r.Recognise.Hosts}, {"path", r.Recognise.Paths}, {"metadata", r.Recognise.Members}} {
		if len(m.list) > 0 {
			all = append(all, "the "+m.what+" of kind "+r.Kind+" is: "+strings.Join(m.list, ", "))
		}
	}
	return all
}

// answers asks for the authorization endpoint of a provider that has no metadata: whatever
// it says of a request without parameters, it is there.
func (x *examination) answers(ctx context.Context, doc document) bool {
	a, err := x.call.get(ctx, doc.authorization, asPage)
	if err != nil {
		x.unreachable(ctx, doc.authorization, err)
		return false
	}
	seen := "GET " + bare(doc.authorization) + ": HTTP " + strconv.Itoa(a.status)
	switch {
	case a.status == http.StatusNotFound && !x.knows(doc.authorization):
		x.add(Finding{
			ID: "reachable-endpoint", Level: Error, Found: "there is no authorization endpoint at that address", Meaning: "Nobody can sign in.",
			Evidence: []string{seen}, Fix: []string{"Correct the issuer, or state the address under providers[].record.endpoints.authorization."},
		})
		return false
	case a.status/100 == 5:
		x.add(Finding{
			ID: "reachable-failing", Level: Error, Found: "the provider answers with an error of its own", Meaning: "Nobody can sign in.",
			Evidence: []string{seen}, Fix: []string{"Look into the provider's log; it may still be starting."},
		})
		return false
	}
	x.g.ok("reachable", "the authorization endpoint answers; this kind of provider has no discovery", seen)
	x.clock(a)
	return true
}

// knows tells whether an address is the one that the record itself states, whose answer to a
// request without parameters may be 404.
func (x *examination) knows(address string) bool {
	stated := x.p.Record.Endpoints.Authorization
	return stated == address && !strings.Contains(stated, "{")
}

// freshLogin says what makes the provider ask for credentials again.
func (x *examination) freshLogin() {
	f := x.p.Record.FreshLogin
	switch {
	case f.By == record.FreshByImpossible:
		finding := Finding{
			ID: "fresh-login", Level: Note, Found: "nothing makes this provider ask for a password again",
			Meaning: "After a sign-out, whoever sits down next at that browser may get in without one while the provider's own session is open there. The signed-out page says so, with a link.",
		}
		if f.Advice != "" {
			finding.Fix = []string{upper(f.Advice) + "."}
		}
		x.add(finding)
	case f.Advice != "":
		x.add(Finding{
			ID: "fresh-login-advice", Level: Note, Found: "whether a fresh sign-in asks for a password depends on the provider's settings",
			Meaning: "After a sign-out the next sign-in is asked to be a fresh one.", Fix: []string{upper(f.Advice) + "."},
		})
	}
}
