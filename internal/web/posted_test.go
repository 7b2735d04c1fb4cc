package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a provider posts goes on under the names that its record gives, bounded, and
// nothing else does.
func TestAPostedAnswerGoesOnAsTheProvidersRecordNamesIt(t *testing.T) {
	long := strings.Repeat("x", maxPosted+1)
	for name, tc := range map[string]struct {
		code, user string
		form       string
		want       url.Values
	}{
		"the usual names":   {"", "", "state=s&code=c&iss=i&user=u&id_token=t", url.Values{"state": {"s"}, "code": {"c"}, "iss": {"i"}}},
		"the person's name": {"", "user", "state=s&code=c&user=%7B%22name%22%3A1%7D", url.Values{"state": {"s"}, "code": {"c"}, "user": {`{"name":1}`}}},
		"too long":          {"", "user", "state=s&code=c&user=" + long, url.Values{"state": {"s"}, "code": {"c"}}},
		"twice":             {"", "user", "state=s&code=c&user=a&user=b", url.Values{"state": {"s"}, "code": {"c"}}},
		"another code":      {"authCode", "", "state=s&code=wrong&authCode=c", url.Values{"state": {"s"}, "authCode": {"c"}}},
		"an error":          {"authCode", "user", "state=s&error=access_denied&user=", url.Values{"state": {"s"}, "error": {"access_denied"}, "user": {""}}},
	} {
		f := newFace(t, func(o *Options) { o.Providers[0].CodeParam, o.Providers[0].UserParam = tc.code, tc.user })
		form, err := url.ParseQuery(tc.form)
		if err != nil {
			t.Fatal(err)
		}
		to := location(t, f.form(gateCallback, "https://idp.example", form))
		if diff := cmp.Diff(tc.want, to.Query()); diff != "" || to.Path != "/.cardea/callback/main" {
			t.Errorf("%s: to %s: %s", name, to.Path, diff)
		}
		if len(f.signIn.finished) != 0 {
			t.Errorf("%s: it was taken as it came", name)
		}
	}
}
