package app

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// mutation falsifies one field of the gateway's record and names the promise that has to
// notice it at a provider of that kind, whose own record stays true.
type mutation struct {
	name    string
	kind    string
	promise string
	falsify func(*record.Record)
}

// A promise that is kept with a false record says nothing of the true one. Every group of
// fields has to be missed by a promise when it is wrong.
func TestAFalseRecordBreaksAPromise(t *testing.T) {
	h := newTheatre(t)
	began := time.Now()
	list := slices.Concat(clientMutations(), freshMutations(), refreshMutations(), signOutMutations(), claimMutations())
	var all sync.WaitGroup
	free := make(chan struct{}, 2*atOnce) // one promise each, where a kind has many
	results := make([]error, len(list))
	for i, m := range list {
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			results[i] = h.mutate(t, m)
		})
	}
	all.Wait()
	t.Logf("%d mutations took %v", len(list), time.Since(began).Round(time.Second))
	for i, m := range list {
		t.Run(m.kind+"/"+m.name, func(t *testing.T) {
			if results[i] != nil {
				t.Error(results[i])
			}
		})
	}
}

// mutate returns nil where the promise was broken.
func (h *theatre) mutate(t *testing.T, m mutation) error {
	s, err := h.open(t.Context(), m.kind)
	if err != nil {
		return err
	}
	defer s.fake.Close()
	given := s.rec
	given.Claims.Groups.Lists = slices.Clone(given.Claims.Groups.Lists)
	m.falsify(&given)
	c, err := s.play("cardea", given)
	if err != nil {
		return fmt.Errorf("the gateway does not start with the false record, which proves nothing: %w", err)
	}
	defer c.close()
	c.hasty = true
	i := slices.IndexFunc(promises(), func(p promise) bool { return p.name == m.promise })
	p := promises()[i]
	if !p.concerns(s.rec) {
		return fmt.Errorf("the promise %q is not tried at %s", p.name, m.kind)
	}
	if broken := p.kept(c); len(broken) == 0 {
		return fmt.Errorf("nothing noticed it: %q is kept", p.name)
	}
	return nil
}

// without is a map less one entry, renamed one with an entry under another name. The
// record's own maps stay as they are.
func without(m map[string]string, name string) map[string]string {
	out := maps.Clone(m)
	delete(out, name)
	return out
}

func renamed(m map[string]string, from, to string) map[string]string {
	out := without(m, from)
	out[to] = m[from]
	return out
}

func clientMutations() []mutation {
	return []mutation{
		{"token endpoint", "github", signsIn, func(r *record.Record) { r.Endpoints.Token += "s" }},
		{"userinfo endpoint", "discord", signsIn, func(r *record.Record) { r.Endpoints.UserInfo += "s" }},
		{"issuer match", "google", signsIn, func(r *record.Record) { r.Issuer.Match, r.Issuer.Also = record.IssuerExact, nil }},
		{"issuer template", "entra", signsIn, func(r *record.Record) { r.Issuer.Match = record.IssuerExact }},
		{"issuer of responses", "github", signsIn, func(r *record.Record) { r.Issuer.ParamValue = r.Issuer.Default + "/other" }},
		{"iss demanded", "auth0", signsIn, func(r *record.Record) { r.Issuer.Param = record.IssParamRequired }},
		{"client authentication", "authelia", signsIn, func(r *record.Record) { r.Client.Auth = record.AuthPost }},
		{"client authentication in JSON", "dingtalk", signsIn, func(r *record.Record) { r.Client.Auth = record.AuthBasic }},
		{"secret encoding", "keycloak", signsIn, func(r *record.Record) { r.Client.SecretEncoding = record.SecretRaw }},
		{"assertion's issuer", "apple", signsIn, func(r *record.Record) { r.Client.Assertion.Issuer = "{client_id}{key_issuer}" }},
		{"assertion's audience", "apple", signsIn, func(r *record.Record) { r.Client.Assertion.Audience = "{token_endpoint}" }},
		{"assertion's life", "apple", signsIn, func(r *record.Record) { r.Client.Assertion.Life *= 2 }},
		{"PKCE off", "kanidm", signsIn, func(r *record.Record) { r.Client.PKCE = record.PKCEOff }},
		{"PKCE on", "slack", signsIn, func(r *record.Record) { r.Client.PKCE = record.PKCES256 }},
		{"algorithms", "zitadel", signsIn, func(r *record.Record) { r.Client.IDTokenAlgorithms = []record.SignatureAlgorithm{"PS256"} }},
		{"response mode", "apple", signsIn, func(r *record.Record) { r.Client.ResponseMode, r.Client.UserParam = record.ResponseQuery, "" }},
		{"user parameter", "apple", signsIn, func(r *record.Record) { r.Client.UserParam = "person" }},
		{"code parameter", "dingtalk", signsIn, func(r *record.Record) { r.Client.CodeParam = "code" }},
		{"token body", "feishu", signsIn, func(r *record.Record) { r.Client.TokenBody = record.TokenBodyForm }},
		{"token names in requests", "dingtalk", signsIn, func(r *record.Record) { r.Client.TokenNames = without(r.Client.TokenNames, "grant_type") }},
		{"token names in answers", "dingtalk", signsIn, func(r *record.Record) { r.Client.TokenNames = without(r.Client.TokenNames, "access_token") }},
		{"bearer header", "dingtalk", signsIn, func(r *record.Record) { r.Client.BearerHeader += "s" }},
		{"headers", "github", signsIn, func(r *record.Record) { r.Client.Headers = map[string]string{"Accept": "text/html"} }},
		{"errors in 200", "wecom", signsIn, func(r *record.Record) { r.Client.ErrorUnless = "1" }},
		{"errors unseen", "github", findsOut, func(r *record.Record) { r.Client.ErrorIn200 = record.No }},
		{"errors' own codes", "github", findsOut, func(r *record.Record) { r.Client.ErrorNames = nil }},
		{"names of authorization requests", "wecom", signsIn, func(r *record.Record) { r.Client.AuthorizeNames = nil }},
		{"parameters of authorization requests", "wecom", signsIn, func(r *record.Record) { r.Client.AuthorizeParams = nil }},
		{"parameters of the application", "wecom", signsIn, func(r *record.Record) {
			r.Client.ApplicationParams = renamed(r.Client.ApplicationParams, "corpsecret", "secret")
		}},
		{"bearer parameter", "wecom", signsIn, func(r *record.Record) { r.Client.BearerParam = "token" }},
		{"scopes", "discord", believes, func(r *record.Record) { r.Scopes = []string{"identify"} }},
	}
}

func freshMutations() []mutation {
	never := func(r *record.Record) {
		r.FreshLogin = record.FreshLogin{By: record.FreshByImpossible, AuthTime: record.AuthTimeAbsent}
	}
	return []mutation{
		{"prompt not sent", "gitlab", noWayBack, never},
		{"nothing forces", "authelia", noWayBack, never},
		{"max_age left out", "authentik", noWayBack, func(r *record.Record) { r.FreshLogin.By, r.FreshLogin.MaxAge = record.FreshByPrompt, 0 }},
		{"another prompt", "gitlab", noWayBack, func(r *record.Record) {
			r.Prompt.OK = append(slices.Clone(r.Prompt.OK), record.PromptSelectAccount)
			r.FreshLogin.Prompt = record.PromptSelectAccount
		}},
		{"a prompt that is ignored", "keycloak", noWayBack, func(r *record.Record) {
			r.Prompt.OK = append(slices.Clone(r.Prompt.OK), record.PromptConsent)
			r.FreshLogin = record.FreshLogin{By: record.FreshByPrompt, Prompt: record.PromptConsent, AuthTime: record.AuthTimeAbsent}
		}},
		{"auth_time demanded", "entra", noWayBack, func(r *record.Record) { r.FreshLogin.AuthTime = record.AuthTimeChecked }},
		{"no picker", "google", noWayBack, func(r *record.Record) { r.FreshLogin.Prompt = "" }},
		{"where people sign out", "github", noWayBack, func(r *record.Record) { r.SignOut.ManualURL += "s" }},
	}
}

func refreshMutations() []mutation {
	return []mutation{
		{"scope", "okta", refreshes, func(r *record.Record) { r.Refresh.Needs.Scopes = nil }},
		{"scope only where advertised, of another name", "hydra", refreshes, func(r *record.Record) {
			r.Refresh.Needs.Scopes, r.Refresh.Needs.When = []string{"offline"}, record.NeedsAdvertised
		}},
		{"parameter", "google", refreshes, func(r *record.Record) { r.Refresh.Needs.Params = nil }},
		{"consent", "logto", refreshes, func(r *record.Record) { r.Refresh.Needs.Params = nil }},
		{"too often", "apple", refreshes, func(r *record.Record) { r.Refresh.AtEarliest = 0 }},
		{"repeated parameter", "gitlab", refreshes, func(r *record.Record) { r.Refresh.Extra = nil }},
	}
}

func signOutMutations() []mutation {
	return []mutation{
		{"return address", "keycloak", signsOut, func(r *record.Record) {
			r.SignOut.Params = renamed(r.SignOut.Params, "post_logout_redirect_uri", "redirect_uri")
		}},
		{"hint left out", "okta", signsOut, func(r *record.Record) {
			r.SignOut.Hint, r.SignOut.Params = record.HintUnused, without(r.SignOut.Params, "id_token_hint")
		}},
		{"standard names", "cognito", signsOut, func(r *record.Record) {
			r.SignOut.Params = renamed(r.SignOut.Params, "logout_uri", "post_logout_redirect_uri")
		}},
		{"no call", "zitadel", signsOut, func(r *record.Record) {
			r.SignOut.Kind, r.SignOut.Params, r.SignOut.Hint, r.SignOut.EndsSSOByDefault = record.SignOutNone, nil, record.HintUnused, record.No
		}},
		{"claim of the hint", "entra", signsOut, func(r *record.Record) { r.SignOut.LogoutHintClaim = "upn" }},
		{"portal's parameter", "authelia", signsOut, func(r *record.Record) { r.SignOut.Params = renamed(r.SignOut.Params, "rd", "return") }},
		{"what it ends", "authentik", signsOut, func(r *record.Record) { r.SignOut.EndsSSOByDefault = record.Yes }},
		{"address", "cognito", signsOut, func(r *record.Record) { r.Endpoints.EndSession += "s" }},
		{"server's call", "keycloak", operator, func(r *record.Record) { r.SignOut.ServerCall = record.ServerNone }},
		{"types of logout tokens", "hydra", hears, func(r *record.Record) {
			r.Notices.BackChannelTyp = []record.LogoutTyp{record.LogoutTypOwn}
		}},
		{"life of logout tokens", "hydra", hears, func(r *record.Record) { r.Notices.BackChannelExp = record.Yes }},
		{"iss of frames", "entra", hears, func(r *record.Record) { r.Notices.FrontChannelIss = record.Yes }},
		{"no revocation", "gitlab", signsOut, func(r *record.Record) {
			r.Revocation.Kind, r.Revocation.Tokens, r.Revocation.Ends = record.RevocationNone, nil, record.RevocationEndsNothing
		}},
		{"tokens to revoke", "authentik", signsOut, func(r *record.Record) { r.Revocation.Tokens = r.Revocation.Tokens[1:] }},
		{"revocation's method", "github", signsOut, func(r *record.Record) { r.Revocation.Method = "POST" }},
		{"revocation's body", "github", signsOut, func(r *record.Record) { r.Revocation.Body = map[string]string{"token": "{token}"} }},
		{"revocation's authentication", "slack", signsOut, func(r *record.Record) { r.Revocation.Auth = record.RevocationAuthBasic }},
		{"what a revocation ends", "discord", signsOut, func(r *record.Record) { r.Revocation.Ends = record.RevocationEndsToken }},
	}
}

func claimMutations() []mutation {
	return []mutation{
		{"subject key", "entra", signsIn, func(r *record.Record) { r.Claims.SubjectKey = []record.ClaimPath{"sub"} }},
		{"subject key of a handle", "discord", signsIn, func(r *record.Record) { r.Claims.SubjectKey = []record.ClaimPath{"username"} }},
		{"no ID token expected", "keycloak", signsIn, func(r *record.Record) {
			r.Claims.IDToken, r.Claims.UserInfo.Use, r.Claims.SubjectKey = record.No, record.UserInfoAlways, []record.ClaimPath{"email"}
		}},
		{"username", "github", signsIn, func(r *record.Record) { r.Claims.Username = "nick" }},
		{"name", "bitbucket", signsIn, func(r *record.Record) { r.Claims.Name = "name" }},
		{"name's template", "apple", signsIn, func(r *record.Record) { r.Claims.NameTemplate = "{claim:user.first} {claim:user.last}" }},
		{"e-mail's claim", "keycloak", believes, func(r *record.Record) { r.Claims.Email.Claim = "mail" }},
		{"e-mail's source", "keycloak", believes, func(r *record.Record) {
			r.Claims.Email.Source, r.Claims.Email.Verified = record.FromNone, record.EmailNever
		}},
		{"e-mail's list", "bitbucket", believes, func(r *record.Record) { r.Claims.Email.List = "entries" }},
		{"e-mail verified by", "zitadel", believes, func(r *record.Record) { r.Claims.Email.VerifiedClaim = "verified" }},
		{"e-mail verified value", "gitee", believes, func(r *record.Record) { r.Claims.Email.VerifiedValue = "yes" }},
		{"e-mail believed always", "keycloak", believes, func(r *record.Record) { r.Claims.Email.Verified = record.EmailAlways }},
		{"e-mail believed never", "okta", believes, func(r *record.Record) { r.Claims.Email.Verified = record.EmailNever }},
		{"primary e-mail", "gitee", believes, func(r *record.Record) { r.Claims.Email.PrimaryValue = "main" }},
		{"groups' claim", "keycloak", finds, func(r *record.Record) { r.Claims.Groups.Claim = "roles" }},
		{"groups' scope", "authelia", finds, func(r *record.Record) { r.Claims.Groups.Scope = "" }},
		{"groups too many", "entra", finds, func(r *record.Record) { r.Claims.Groups.OverageClaim = "hasgroups" }},
		{"groups' next page", "github", finds, func(r *record.Record) { r.Claims.Groups.Lists[0].Next = record.NextNone }},
		{"groups' next member", "entra", finds, func(r *record.Record) { r.Claims.Groups.Lists[0].NextMember = "next" }},
		{"groups' entries", "entra", finds, func(r *record.Record) { r.Claims.Groups.Lists[0].List = "values" }},
		{"groups' names", "github", finds, func(r *record.Record) { r.Claims.Groups.Lists[1].Name = "{claim:slug}" }},
		{"userinfo never asked", "authelia", believes, func(r *record.Record) { r.Claims.UserInfo.Use = record.UserInfoNever }},
		{"userinfo's parameters", "wecom", signsIn, func(r *record.Record) { r.Claims.UserInfo.Params = nil }},
		{"userinfo's envelope", "feishu", signsIn, func(r *record.Record) { r.Claims.UserInfo.Envelope = "person" }},
		{"never asked again", "gitee", findsOut, func(r *record.Record) { r.Claims.UserInfo.Recheck = 0 }},
	}
}
