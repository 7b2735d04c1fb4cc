package devprovider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	records "github.com/cardea-auth/cardea/internal/record"
)

// plainOAuth is a record without ID tokens, whose data come from APIs.
func plainOAuth(r *records.Record) {
	r.Scopes = []string{"profile"}
	r.Claims = records.Claims{
		IDToken: records.No, SubjectKey: []records.ClaimPath{"id"}, Username: "login", Name: "who.name",
		Email:    records.Email{Source: records.FromEndpoint, URL: "https://api.example/emails", List: "values", Claim: "mail", VerifiedClaim: "state", VerifiedValue: "confirmed", PrimaryClaim: "main", Verified: records.EmailClaim},
		Picture:  records.Picture{Source: records.PictureTemplate, Template: "https://cdn.example/{claim:id}/{claim:avatar}.png"},
		UserInfo: records.UserInfo{Use: records.UserInfoAlways, Envelope: "data", Params: map[string]string{"client": "{client_id}"}},
		Groups: records.Groups{Source: records.FromEndpoint, Scope: "groups", Lists: []records.GroupList{
			{URL: "https://api.example/orgs", Name: "{claim:login}", Next: records.NextLink},
			{URL: "https://api.example/teams", Name: "{claim:org.login}/{claim:slug}", List: "list", Next: records.NextMember, NextMember: "next.href"},
		}},
	}
}

func bearing(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func TestAPersonIsToldOfByTheRecordsEndpointsAndNames(t *testing.T) {
	people := devprovider.DefaultPeople()
	people[0].Groups = []string{"a", "acme/one", "b", "c", "acme/two", "acme/three"}
	s := startBy(t, plainOAuth, func(o *devprovider.Options) { o.People = people })
	scope := []string{"scope", "profile groups"}
	got, _ := signInBy(t, s, aliceAt(t, s), scope...)
	if got.id != "" {
		t.Error("an ID token came")
	}
	_, doc := ask(t, "GET", s.Address(devprovider.UserInfo)+"?client="+clientID, "", "", bearing(got.access))
	claims, _ := doc["data"].(map[string]any)
	if name, _ := claims["who"].(map[string]any); name["name"] != "Alice Liddell" || claims["login"] != "alice" || claims["avatar"] == nil || claims["sub"] != nil || claims["id"].(float64) < 1<<53 {
		t.Errorf("userinfo: %v", doc)
	}
	if status, _ := ask(t, "GET", s.Address(devprovider.UserInfo), "", "", bearing(got.access)); status != http.StatusBadRequest {
		t.Errorf("userinfo without its parameter: %d", status)
	}
	_, doc = ask(t, "GET", s.Address(devprovider.Emails), "", "", bearing(got.access))
	want := []any{
		map[string]any{"mail": "unverified-alice@example.com", "state": "unconfirmed", "main": false},
		map[string]any{"mail": "second-alice@example.com", "state": "confirmed", "main": false},
		map[string]any{"mail": "alice@example.com", "state": "confirmed", "main": true},
	}
	if diff := cmp.Diff(want, doc["values"]); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, orgs(t, s, got.access)); diff != "" {
		t.Errorf("one list, by Link (-want +got):\n%s", diff)
	}
	var teams []string
	for next := s.Origin() + "/~api.example/teams"; next != ""; {
		_, doc := ask(t, "GET", next, "", "", bearing(got.access))
		for _, entry := range doc["list"].([]any) {
			teams = append(teams, entry.(map[string]any)["slug"].(string))
		}
		more, _ := doc["next"].(map[string]any)
		next, _ = more["href"].(string)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, teams); diff != "" {
		t.Errorf("the other, by a member (-want +got):\n%s", diff)
	}
	plain, _ := signInBy(t, s, aliceAt(t, s), "scope", "profile")
	if status, _ := ask(t, "GET", s.Origin()+"/~api.example/teams", "", "", bearing(plain.access)); status != http.StatusUnauthorized {
		t.Errorf("groups that were not asked for: %d", status)
	}
}

// orgs reads the first list, whose answer is a bare list with Link headers.
func orgs(t *testing.T, s *devprovider.Server, token string) []string {
	t.Helper()
	var names []string
	for next := s.Origin() + "/~api.example/orgs"; next != ""; {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, next, nil)
		if err != nil {
			t.Fatal(err)
		}
		bearing(token)(r)
		_, header, body := do(t, r, nil)
		for _, part := range strings.Split(string(body), `"login":"`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			names = append(names, name)
		}
		_, link, found := strings.Cut(header.Get("Link"), `, <`)
		next, _, _ = strings.Cut(link, `>`)
		if !found {
			next = ""
		}
	}
	return names
}

func TestTooManyGroupsAreSaidToBeElsewhere(t *testing.T) {
	people := devprovider.DefaultPeople()
	people[1].Groups = []string{"a", "b", "c", "d", "e", "f"}
	s := startBy(t, func(r *records.Record) {
		r.Claims.Groups = records.Groups{Source: records.FromClaim, Claim: "groups", OverageClaim: "_claim_names.groups", Lists: []records.GroupList{{URL: "https://graph.example/groups", Name: "{claim:id}"}}}
	}, func(o *devprovider.Options) { o.People = people })
	got, _ := signInBy(t, s, aliceAt(t, s))
	few := payload(t, got.id)
	bob := devprovider.NewVisitor(s.Origin(), jar(t), nil, "bob", "builder")
	got, _ = signInBy(t, s, bob)
	many := payload(t, got.id)
	if few["groups"] == nil || few["_claim_names"] != nil || many["groups"] != nil || many["_claim_names"] == nil || many["_claim_sources"] == nil {
		t.Errorf("few: %v\nmany: %v", few, many)
	}
}

func TestAnApplicationsOwnTokenOpensTheWayToAPerson(t *testing.T) {
	s := startBy(t, func(r *records.Record) {
		plainOAuth(r)
		r.Client.Exchange, r.Client.Auth, r.Client.PKCE, r.Client.BearerParam = records.ExchangeApplicationToken, records.AuthQuery, records.PKCEOff, "token"
		r.Client.ApplicationParams = map[string]string{"corp": "{client_id}", "secret": "{client_secret}"}
		r.Client.ErrorIn200, r.Client.ErrorParam, r.Client.ErrorUnless = records.Yes, "errcode", "0"
		r.Endpoints.ApplicationToken, r.Endpoints.Token = "https://api.example/gettoken", "https://api.example/getuser"
		r.Claims.SubjectKey, r.Claims.UserInfo = []records.ClaimPath{"userid"}, records.UserInfo{Use: records.UserInfoAfterSignIn, Params: map[string]string{"userid": "{claim:userid}"}}
	}, nil)
	code := visit(t, aliceAt(t, s), askAt(s, "scope", "profile", "code_challenge", "", "code_challenge_method", "")).Get("code")
	get := func(e devprovider.Endpoint, params ...string) map[string]any {
		_, doc := ask(t, "GET", s.Address(e)+"?"+with(url.Values{}, params...).Encode(), "", "", nil)
		return doc
	}
	if doc := get(devprovider.ApplicationToken, "corp", clientID, "secret", "wrong"); doc["errcode"] == 0.0 {
		t.Errorf("a wrong secret: %v", doc)
	}
	own, _ := get(devprovider.ApplicationToken, "corp", clientID, "secret", clientSecret)["access_token"].(string)
	if doc := get(devprovider.Token, "code", code); doc["errcode"] == 0.0 {
		t.Errorf("without the application's token: %v", doc)
	}
	doc := get(devprovider.Token, "code", code, "token", own)
	want := s.Subject("alice")[0]
	if doc["userid"] != want || doc["login"] != nil || doc["access_token"] != nil {
		t.Errorf("the code brings %v", doc)
	}
	if doc := get(devprovider.Token, "code", code, "token", own); doc["errcode"] == 0.0 {
		t.Errorf("the code again: %v", doc)
	}
	if doc := get(devprovider.UserInfo, "userid", want, "token", own); doc["login"] != "alice" {
		t.Errorf("the person: %v", doc)
	}
	if doc := get(devprovider.UserInfo, "userid", "nobody", "token", own); doc["errcode"] == 0.0 {
		t.Errorf("nobody: %v", doc)
	}
}
