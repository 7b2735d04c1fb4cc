package provider

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/record"
)

// listed has people's groups in one list at /groups.
func listed(next record.NextPage, member record.ClaimPath) func(*record.Record) {
	return func(r *record.Record) {
		bareOAuth(r)
		r.Claims.Groups = record.Groups{Source: record.FromEndpoint, Scope: "groups:read", Lists: []record.GroupList{
			{URL: "{origin}/groups", List: "items", Name: "{claim:name}", Next: next, NextMember: member},
		}}
	}
}

func (f *fake) listing(change func(*record.Record), wanted bool) *Provider {
	f.t.Helper()
	f.json("/token", map[string]any{"access_token": "at-1", "refresh_token": "rt-1"})
	f.json("/userinfo", map[string]any{"id": "u-1", "login": "ann"})
	o := f.options("oidc", change)
	o.Groups = wanted
	return build(f.t, o)
}

func groupsOf(t *testing.T, p *Provider) oidc.Profile {
	t.Helper()
	auth, err := p.Exchange(t.Context(), time.Now(), plainAsk())
	if err != nil {
		t.Fatal(err)
	}
	return auth.Profile
}

func TestGroupsAreReadPageByPage(t *testing.T) {
	for name, next := range map[string]record.NextPage{"link": record.NextLink, "member": record.NextMember} {
		f := newFake(t)
		f.handle("/groups", func(w http.ResponseWriter, r *http.Request) {
			page := r.URL.Query().Get("page")
			follow := map[string]string{"": "2", "2": "3"}[page]
			member := ""
			if follow != "" {
				address := f.issuer + "/groups?page=" + follow
				w.Header().Set("Link", `</groups?page=9>; rel=prev, <`+address+`>; rel="other next"`)
				member = `,"@odata.nextLink":"` + address + `"`
			}
			fmt.Fprintf(w, `{"items":[{"name":"g%s"},{"name":"same"},{"other":"x"}]%s}`, page, member)
		})
		member := record.ClaimPath("")
		if next == record.NextMember {
			member = "@odata.nextLink"
		}
		got := groupsOf(t, f.listing(listed(next, member), true))
		if diff := cmp.Diff([]string{"g", "same", "g2", "g3"}, got.Groups); diff != "" || got.GroupsUnknown {
			t.Errorf("%s: %s", name, diff)
		}
		if f.header("/groups").Get("Authorization") != "Bearer at-1" {
			t.Errorf("%s: not authorized", name)
		}
	}
}

func TestANextPageElsewhereIsNotFollowed(t *testing.T) {
	thief := newFake(t)
	for name, next := range map[string]string{
		"another host":     "https://evil.example/groups",
		"another port":     thief.srv.URL + "/groups",
		"another scheme":   "ftp://127.0.0.1/groups",
		"inside":           "http://169.254.169.254/latest",
		"a user in it":     "http://user:pass@{host}/groups?page=2",
		"too long":         "/groups?" + strings.Repeat("x", 5000),
		"no address":       "http://%zz",
		"scheme-relative":  "//evil.example/groups",
		"nothing but JSON": "javascript:alert(1)",
	} {
		f := newFake(t)
		next = strings.ReplaceAll(next, "{host}", strings.TrimPrefix(f.issuer, "http://"))
		f.reply("/groups", 200, `{"items":[{"name":"a"}],"next":"`+next+`"}`)
		got := groupsOf(t, f.listing(listed(record.NextMember, "next"), true))
		if !got.GroupsUnknown || got.Groups != nil || f.count("/groups") != 1 || thief.count("/groups") != 0 {
			t.Errorf("%s: %+v after %d requests", name, got, f.count("/groups"))
		}
	}
}

func TestGroupsAreBounded(t *testing.T) {
	f := newFake(t)
	var page int
	f.handle("/groups", func(w http.ResponseWriter, _ *http.Request) {
		page++
		w.Header().Set("Link", `</groups?page=again>; rel=next`)
		fmt.Fprintf(w, `{"items":[{"name":"g%d"}]}`, page)
	})
	if got := groupsOf(t, f.listing(listed(record.NextLink, ""), true)); len(got.Groups) != maxPages || f.count("/groups") != maxPages || got.GroupsUnknown {
		t.Errorf("%d groups of %d pages", len(got.Groups), f.count("/groups"))
	}

	f = newFake(t)
	var many strings.Builder
	for i := range 3 * maxGroups {
		fmt.Fprintf(&many, `{"name":"g%d"},`, i)
	}
	f.reply("/groups", 200, `{"items":[`+many.String()+`{"name":"`+strings.Repeat("x", 1000)+`"}]}`)
	if got := groupsOf(t, f.listing(listed(record.NextLink, ""), true)); len(got.Groups) != maxGroups {
		t.Errorf("%d groups", len(got.Groups))
	}

	f = newFake(t)
	f.reply("/groups", 200, `{"items":[{"name":"`+strings.Repeat("x", maxPage)+`"}]}`)
	if got := groupsOf(t, f.listing(listed(record.NextLink, ""), true)); !got.GroupsUnknown {
		t.Error("a page without an end was read")
	}
}

func TestGroupsThatCannotBeHadAreUnknownAndBreakNoSignIn(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
	}{
		"forbidden":     {403, `{"message":"needs read:org"}`},
		"not found":     {404, ``},
		"token refused": {401, ``},
		"down":          {503, ``},
		"not JSON":      {200, `<html>`},
		"no list":       {200, `{"other":[]}`},
		"a text":        {200, `{"items":"staff"}`},
		"null":          {200, `{"items":null}`},
	} {
		f := newFake(t)
		f.reply("/groups", tc.status, tc.body)
		var log logBuffer
		f.json("/token", map[string]any{"access_token": "at-1"})
		f.json("/userinfo", map[string]any{"id": "u-1", "login": "ann"})
		o := f.options("oidc", listed(record.NextNone, ""))
		o.Groups, o.Logger = true, log.logger()
		p := build(t, o)
		for range 3 {
			if got := groupsOf(t, p); !got.GroupsUnknown || got.Groups != nil || got.PreferredUsername != "ann" {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if n := strings.Count(log.String(), "cannot be had"); n != 1 {
			t.Errorf("%s: told %d times:\n%s", name, n, log.String())
		}
		f.reply("/groups", 200, `{"items":[]}`)
		if got := groupsOf(t, p); got.GroupsUnknown || !strings.Contains(log.String(), "list of groups is back") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestGroupsAreAskedForOnlyWhereSomebodyWantsThem(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		f := newFake(t)
		f.json("/groups", map[string]any{"items": []any{map[string]any{"name": "a"}}})
		p := f.listing(listed(record.NextNone, ""), wanted)
		got := groupsOf(t, p)
		location, err := p.AuthorizationURL(t.Context(), oidc.AuthorizationRequest{State: "s", CodeChallenge: "c"})
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(got.Groups, []string{"a"}) != wanted || got.GroupsUnknown || (f.count("/groups") > 0) != wanted || strings.Contains(location, "groups%3Aread") != wanted {
			t.Errorf("wanted %v: %+v, %d requests, %s", wanted, got, f.count("/groups"), location)
		}
	}
}

func TestALongListIsAskedForWhereTheTokenSaysThatItIsTooLong(t *testing.T) {
	for name, tc := range map[string]struct {
		claims map[string]any
		want   []string
		asked  int
	}{
		"short":              {map[string]any{"groups": []string{"a"}}, []string{"a"}, 0},
		"too long":           {map[string]any{"_claim_names": map[string]any{"groups": "src1"}}, []string{"x", "y"}, 1},
		"too long, and some": {map[string]any{"groups": []string{"a"}, "_claim_names": map[string]any{"groups": "src1"}}, []string{"x", "y"}, 1},
		"another claim":      {map[string]any{"_claim_names": map[string]any{"roles": "src1"}}, nil, 0},
	} {
		f, now := newFake(t), time.Now()
		f.json("/groups", map[string]any{"value": []any{map[string]any{"id": "x"}, map[string]any{"id": "y"}}})
		o := f.options("oidc", func(r *record.Record) {
			thin(r)
			r.Claims.Groups = record.Groups{Source: record.FromClaim, Claim: "groups", OverageClaim: "_claim_names.groups",
				Lists: []record.GroupList{{URL: "{origin}/groups", List: "value", Name: "{claim:id}", Next: record.NextMember, NextMember: "@odata.nextLink"}}}
		})
		o.Groups = true
		p := build(t, o)
		claims := f.idClaims(now)
		delete(claims, "groups")
		for claim, v := range tc.claims {
			claims[claim] = v
		}
		// Where the token says that the list is; that address is of no use, and not asked.
		claims["_claim_sources"] = map[string]any{"src1": map[string]any{"endpoint": "https://evil.example/groups"}}
		f.grant(claims)
		auth, err := p.Exchange(t.Context(), now, ask(now))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, auth.Profile.Groups); diff != "" || f.count("/groups") != tc.asked {
			t.Errorf("%s: asked %d times\n%s", name, f.count("/groups"), diff)
		}
	}
}

func TestARefreshReadsGroupsAnewAndKeepsTheOldOnesWhereTheyCannotBeHad(t *testing.T) {
	for name, use := range map[string]record.UserInfoUse{"always": record.UserInfoAlways, "after_sign_in": record.UserInfoAfterSignIn} {
		f := newFake(t)
		var log logBuffer
		f.json("/token", map[string]any{"access_token": "at-2", "refresh_token": "rt-2"})
		f.json("/userinfo", map[string]any{"id": "u-1", "login": "ann"})
		f.json("/groups", map[string]any{"items": []any{map[string]any{"name": "new"}}})
		o := f.options("oidc", func(r *record.Record) { listed(record.NextNone, "")(r); r.Claims.UserInfo.Use = use })
		o.Groups, o.Logger = true, log.logger()
		p := build(t, o)
		who := oidc.Identity{Issuer: f.issuer, Subject: "u-1"}
		old := oidc.Tokens{AccessToken: "at-1", RefreshToken: "rt-1"}
		auth, err := p.Refresh(t.Context(), time.Now(), old, who)
		if err != nil || !slices.Equal(auth.Profile.Groups, []string{"new"}) || auth.Claims == nil {
			t.Errorf("%s: %+v, %v", name, auth, err)
		}
		f.reply("/groups", 502, "")
		auth, err = p.Refresh(t.Context(), time.Now(), old, who)
		if err != nil || auth.Claims != nil || auth.Tokens.AccessToken != "at-2" {
			t.Errorf("%s: %+v, %v", name, auth, err)
		}
		if !strings.Contains(log.String(), "keep their old groups") {
			t.Errorf("%s: %s", name, log.String())
		}
		claims, _, err := p.Userinfo(t.Context(), time.Now(), old, who)
		if err != nil || claims != nil {
			t.Errorf("%s: asked again: %v, %v", name, claims, err)
		}
	}
}

func FuzzLinksLeadNowhereElse(f *testing.F) {
	f.Add(`<https://api.example/x?page=2>; rel="next", <https://api.example/x?page=9>; rel="last"`)
	f.Add(`<//evil.example>; rel=next`)
	f.Add(`<http://api.example:443/x>;rel=next`)
	f.Add(`<<>>; rel="next`)
	f.Add(`; rel=next <`)
	start := mustURL(f, "https://api.example/x?page=1")
	f.Fuzz(func(t *testing.T, line string) {
		next := linkNext(http.Header{"Link": {line}})
		if next == "" {
			return
		}
		if got, err := followed(start, next); err == nil && !strings.HasPrefix(strings.ToLower(got), "https://api.example/") &&
			!strings.HasPrefix(strings.ToLower(got), "https://api.example:443/") && !strings.HasPrefix(strings.ToLower(got), "https://api.example?") &&
			!strings.EqualFold(got, "https://api.example") && !strings.HasPrefix(strings.ToLower(got), "https://api.example:443") {
			t.Errorf("%q leads to %q", line, got)
		}
	})
}
