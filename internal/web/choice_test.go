package web

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/cardea-auth/cardea/internal/signin"
)

// choices are the providers of a choice page, in order, with those that were used last
// marked by a star.
func choices(t *testing.T, body string) (ids []string, links []*url.URL) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "a" || n.Parent.Data != "li" {
			continue
		}
		mark := ""
		for d := range n.Descendants() {
			for _, a := range d.Attr {
				if a.Key == "class" && a.Val == "tag" {
					mark = "*"
				}
			}
		}
		for _, a := range n.Attr {
			if a.Key == "href" {
				u, err := url.Parse(a.Val)
				if err != nil {
					t.Fatal(err)
				}
				ids, links = append(ids, mark+u.Query().Get("provider")), append(links, u)
			}
		}
	}
	return ids, links
}

// campuses is a gateway with many providers, each with an e-mail domain of its own.
func campuses(n int) func(*Options) {
	return func(o *Options) {
		o.Providers, o.Apps = nil, o.Apps[:1]
		o.Apps[0].Providers = nil
		for i := range n {
			id := "p" + strconv.Itoa(i)
			o.Providers = append(o.Providers, Provider{ID: id, Name: "Campus", Host: id + ".example", Domains: []string{id + ".edu"}})
			o.Apps[0].Providers = append(o.Apps[0].Providers, id)
		}
		o.Providers[1].Domains = append(o.Providers[1].Domains, "shared.edu")
		o.Providers[2].Domains = append(o.Providers[2].Domains, "shared.edu")
	}
}

func TestTheProviderOfTheLastSignInStandsFirst(t *testing.T) {
	for cookie, want := range map[string][]string{
		"":                                    {"p0", "p1", "p2"},
		"__Host-cardea-provider=p2":           {"*p2", "p0", "p1"},
		"__Host-cardea-provider=gone":         {"p0", "p1", "p2"},
		"__Host-cardea-provider=<script>":     {"p0", "p1", "p2"},
		"cardea-provider-443=p2":              {"p0", "p1", "p2"},
		"__Host-cardea-provider=p1; x=y; z=1": {"*p1", "p0", "p2"},
	} {
		f := newFace(t, campuses(3))
		got, _ := choices(t, f.ask("GET", gateSignIn+"?return=/deep", navigation("Cookie", cookie)...).Body.String())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", cookie, diff)
		}
	}
}

func TestASuccessfulSignInIsRememberedAndAnotherIsNot(t *testing.T) {
	const line = "__Host-cardea-provider=second; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax"
	f := newFace(t)
	f.signIn.result = signin.Result{Session: person("p"), SeatValue: seatNew, Target: signin.Target{Origin: "https://gate.example", Path: "/"}}
	if got := f.ask("GET", "https://gate.example/.cardea/callback/second?state=s&code=c", navigation()...).Header()["Set-Cookie"]; len(got) != 2 || got[1] != line {
		t.Errorf("%q", got)
	}
	f.signIn.result.SeatValue = "" // a stale callback where somebody is signed in already
	if got := f.ask("GET", "https://gate.example/.cardea/callback/second?state=s&code=c", navigation()...).Header()["Set-Cookie"]; got != nil {
		t.Errorf("a stale callback: %q", got)
	}
	f.signIn.err = signin.ErrExpired
	if got := f.ask("GET", "https://gate.example/.cardea/callback/second?state=s&code=c", navigation()...).Header()["Set-Cookie"]; got != nil {
		t.Errorf("a refused callback: %q", got)
	}
}

func TestAHintedProviderOrDomainSkipsTheChoice(t *testing.T) {
	for query, want := range map[string]string{
		"provider=p2":                                "p2",
		"provider=p2&domain_hint=p1.edu":             "p2",
		"domain_hint=p1.edu":                         "p1",
		"domain_hint=P1.EDU.":                        "p1",
		"login_hint=ann%40p2.edu":                    "p2",
		"login_hint=ann%40P2.edu":                    "p2",
		"login_hint=ann%40p2.edu&domain_hint=p1.edu": "p1",
		"provider=gone&login_hint=ann%40p0.edu":      "p0",
		"":                                           "",
		"provider=gone":                              "",
		"provider=":                                  "",
		"domain_hint=unknown.edu":                    "",
		"domain_hint=edu":                            "",
		"domain_hint=.p1.edu":                        "",
		"domain_hint=evil.p1.edu":                    "",
		"domain_hint=shared.edu":                     "", // two have it
		"domain_hint=*":                              "",
		"domain_hint=unknown.edu&login_hint=ann%40p2.edu": "",
		"login_hint=ann":                                     "",
		"login_hint=%40p1.edu":                               "",
		"login_hint=ann%40p1.edu%00":                         "",
		"domain_hint=" + strings.Repeat("a", 300):            "",
		"login_hint=" + strings.Repeat("a", 300) + "@p1.edu": "",
	} {
		f := newFace(t, campuses(3))
		w := f.ask("GET", gateSignIn+"?return=/deep&"+query, navigation()...)
		if want == "" {
			if got, _ := choices(t, w.Body.String()); len(got) != 3 || len(f.signIn.started) != 0 {
				t.Errorf("%.60s: %d %v", query, w.Code, f.signIn.started)
			}
			continue
		}
		if len(f.signIn.started) != 1 || f.signIn.started[0].Provider != want {
			t.Errorf("%s: started %v, want %s", query, f.signIn.started, want)
		}
	}
}

func TestOneOfTwoProvidersOfADomainIsTakenWhereTheAppOffersOnlyThat(t *testing.T) {
	f := newFace(t, campuses(4), func(o *Options) { o.Apps[0].Providers = []string{"p0", "p2", "p3"} })
	f.ask("GET", gateSignIn+"?return=/deep&domain_hint=shared.edu", navigation()...)
	if len(f.signIn.started) != 1 || f.signIn.started[0].Provider != "p2" {
		t.Errorf("%v", f.signIn.started)
	}
	f = newFace(t, campuses(4), func(o *Options) { o.Apps[0].Providers = []string{"p0", "p3"} })
	w := f.ask("GET", gateSignIn+"?return=/deep&domain_hint=p2.edu", navigation()...)
	if got, _ := choices(t, w.Body.String()); len(got) != 2 || len(f.signIn.started) != 0 {
		t.Errorf("a provider that the app does not take: %v, %v", got, f.signIn.started)
	}
}

func TestHintsGoAlongToTheGatewayAndToTheProvider(t *testing.T) {
	f := newFace(t)
	on := location(t, f.ask("GET", "https://app.example/.cardea/sign-in?return=/deep&login_hint=ann%40x.edu&domain_hint=y.edu&evil=1", navigation()...))
	if on.Query().Get("login_hint") != "ann@x.edu" || on.Query().Get("domain_hint") != "y.edu" || on.Query().Has("evil") {
		t.Errorf("leads to %s", on)
	}
	f = newFace(t, campuses(3))
	_, links := choices(t, f.ask("GET", gateSignIn+"?return=/deep&login_hint=ann%40x.edu", navigation()...).Body.String())
	f.ask("GET", "https://gate.example"+links[0].String(), navigation()...)
	if len(f.signIn.started) != 1 || f.signIn.started[0].LoginHint != "ann@x.edu" || f.signIn.started[0].Target.Path != "/deep" {
		t.Errorf("chosen: %+v", f.signIn.started)
	}
}

func TestAHundredProvidersOfOneNameAreToldApart(t *testing.T) {
	f := newFace(t, campuses(100))
	body := f.ask("GET", gateSignIn+"?return=/deep", navigation("Cookie", "__Host-cardea-provider=p99")...).Body.String()
	ids, links := choices(t, body)
	if len(ids) != 100 || ids[0] != "*p99" {
		t.Fatalf("%d, the first is %s", len(ids), ids[0])
	}
	for i, u := range links {
		id := strings.TrimPrefix(ids[i], "*")
		if !strings.Contains(body, ">"+id+".example<") || u.Query().Get("return") != "/deep" {
			t.Errorf("%s has no host of its own, or leads to %s", id, u)
		}
	}
}
