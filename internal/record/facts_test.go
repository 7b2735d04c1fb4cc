package record

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func all(t *testing.T) map[string]Record {
	t.Helper()
	records := map[string]Record{}
	for _, kind := range Kinds() {
		records[kind] = base(t, kind)
	}
	return records
}

func TestEveryRecordSaysWhereItsFactsAreFromAndWhen(t *testing.T) {
	for kind, r := range all(t) {
		checked, err := time.Parse(time.DateOnly, r.CheckedOn)
		if err != nil || checked.Year() < 2026 {
			t.Errorf("%s: checked on %q", kind, r.CheckedOn)
		}
		for _, s := range r.Sources {
			if strings.TrimSpace(s) == "" {
				t.Errorf("%s: an empty source", kind)
			}
		}
	}
}

func TestWhereNothingSignsPeopleOutTheyAreToldWhatToDo(t *testing.T) {
	for kind, r := range all(t) {
		stays := r.SignOut.Kind == SignOutNone || r.SignOut.EndsSSOByDefault == No
		told := r.SignOut.ManualURL != "" || len(r.Notes) > 0
		if stays && !told {
			t.Errorf("%s: the provider's session stays, and the record says nothing of it", kind)
		}
		if r.SignOut.EndsSSOByDefault == No && r.SignOut.Kind != SignOutNone && r.SignOut.EndsSSOAdvice == "" {
			t.Errorf("%s: its sign-out ends nothing, and there is no advice", kind)
		}
	}
}

// What a provider answers with an error, or is known not to look at, must never be what a
// sign-in is forced or asked by.
func TestNoPromptIsSentThatTheProviderRefuses(t *testing.T) {
	refused := map[string][]PromptValue{
		"gitlab":      {PromptSelectAccount, PromptConsent},
		"google":      {PromptLogin},
		"github":      {PromptLogin, PromptNone, PromptConsent},
		"discord":     {PromptLogin, PromptSelectAccount},
		"keycloak":    {PromptSelectAccount},
		"keycloak-17": {PromptSelectAccount},
		"authentik":   {PromptSelectAccount},
		"authelia":    {PromptSelectAccount},
		"logto":       {PromptSelectAccount},
		"casdoor":     {PromptLogin, PromptNone, PromptConsent, PromptSelectAccount},
		"apple":       {PromptLogin, PromptNone, PromptConsent, PromptSelectAccount},
		"wecom":       {PromptLogin, PromptNone, PromptConsent, PromptSelectAccount},
	}
	records := all(t)
	for kind, values := range refused {
		r := records[kind]
		for _, v := range values {
			always := r.Client.AuthorizeParams["prompt"] + " " + r.Refresh.Needs.Params["prompt"]
			if slices.Contains(r.Prompt.OK, v) || r.FreshLogin.Prompt == v || slices.Contains(strings.Fields(always), string(v)) {
				t.Errorf("%s: prompt=%s is sent", kind, v)
			}
		}
	}
	for kind, r := range records {
		for _, v := range strings.Fields(r.Client.AuthorizeParams["prompt"] + " " + r.Refresh.Needs.Params["prompt"]) {
			if !slices.Contains(r.Prompt.OK, PromptValue(v)) {
				t.Errorf("%s: prompt=%s goes with every sign-in and is not among those honoured", kind, v)
			}
		}
	}
}

// One row per provider of the facts: what the sign-out decides by.
func TestRecordsSayWhatTheFactsSay(t *testing.T) {
	type row struct {
		signOut  SignOutKind
		hint     HintRule
		fresh    FreshBy
		rotation Rotation
		ends     RevocationEnds
		back     Known
	}
	want := map[string]row{
		"apple":             {SignOutNone, HintUnused, FreshByImpossible, RotationNone, RevocationEndsGrant, No},
		"auth0":             {SignOutOIDC, HintRecommended, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsGrant, Yes},
		"authelia":          {SignOutPortal, HintUnused, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsToken, No},
		"authentik":         {SignOutOIDC, HintRequired, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsToken, Yes},
		"bitbucket":         {SignOutNone, HintUnused, FreshByImpossible, RotationUnknown, RevocationEndsNothing, No},
		"casdoor":           {SignOutOIDC, HintRecommended, FreshByImpossible, RotationSingleUse, RevocationEndsNothing, Yes},
		"cognito":           {SignOutCustom, HintUnused, FreshByPrompt, RotationNone, RevocationEndsToken, No},
		"descope":           {SignOutOIDC, HintRecommended, FreshByPrompt, RotationUnknown, RevocationEndsToken, Unknown},
		"dex":               {SignOutOIDC, HintRequired, FreshByPrompt, RotationSingleUse, RevocationEndsNothing, Yes},
		"dingtalk":          {SignOutNone, HintUnused, FreshByImpossible, RotationUnknown, RevocationEndsNothing, No},
		"discord":           {SignOutNone, HintUnused, FreshByImpossible, RotationUnknown, RevocationEndsGrant, No},
		"entra":             {SignOutOIDC, HintUnused, FreshByPrompt, RotationReissue, RevocationEndsNothing, No},
		"feishu":            {SignOutNone, HintUnused, FreshByImpossible, RotationSingleUse, RevocationEndsNothing, No},
		"gitee":             {SignOutNone, HintUnused, FreshByImpossible, RotationUnknown, RevocationEndsNothing, No},
		"github":            {SignOutNone, HintUnused, FreshByImpossible, RotationSingleUse, RevocationEndsToken, No},
		"github-enterprise": {SignOutNone, HintUnused, FreshByImpossible, RotationSingleUse, RevocationEndsToken, No},
		"gitlab":            {SignOutNone, HintUnused, FreshByPrompt, RotationSingleUse, RevocationEndsToken, No},
		"google":            {SignOutNone, HintUnused, FreshByImpossible, RotationNone, RevocationEndsGrant, No},
		"hydra":             {SignOutOIDC, HintRequired, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsToken, Yes},
		"kanidm":            {SignOutNone, HintUnused, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsToken, No},
		"keycloak":          {SignOutOIDC, HintRecommended, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsSession, Yes},
		"keycloak-17":       {SignOutCustom, HintUnused, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsSession, Yes},
		"lark":              {SignOutNone, HintUnused, FreshByImpossible, RotationSingleUse, RevocationEndsNothing, No},
		"logto":             {SignOutOIDC, HintRecommended, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsToken, Yes},
		"oauth2":            {SignOutNone, HintUnused, FreshByImpossible, RotationUnknown, RevocationEndsNothing, No},
		"oidc":              {SignOutOIDC, HintRecommended, FreshByPromptAndMaxAge, RotationUnknown, RevocationEndsToken, Unknown},
		"okta":              {SignOutOIDC, HintRequired, FreshByPromptAndMaxAge, RotationNone, RevocationEndsToken, Unknown},
		"pocket-id":         {SignOutOIDC, HintRequired, FreshByPromptAndMaxAge, RotationUnknown, RevocationEndsNothing, No},
		"slack":             {SignOutNone, HintUnused, FreshByImpossible, RotationSingleUse, RevocationEndsGrant, No},
		"wecom":             {SignOutNone, HintUnused, FreshByImpossible, RotationNone, RevocationEndsNothing, No},
		"zitadel":           {SignOutOIDC, HintRecommended, FreshByPromptAndMaxAge, RotationSingleUse, RevocationEndsToken, Yes},
	}
	got := map[string]row{}
	for kind, r := range all(t) {
		got[kind] = row{r.SignOut.Kind, r.SignOut.Hint, r.FreshLogin.By, r.Refresh.Rotation, r.Revocation.Ends, r.Notices.BackChannel}
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("(-facts +records):\n%s", diff)
	}
}

// Names in a provider's account list can be given to somebody else, and what people write
// themselves proves nothing.
func TestNobodyIsNamedByWhatCanBeGivenToSomebodyElse(t *testing.T) {
	changing := []ClaimPath{"email", "login", "username", "name", "nickname", "preferred_username", "upn", "nick", "display_name"}
	for kind, r := range all(t) {
		for _, key := range r.Claims.SubjectKey {
			if slices.Contains(changing, key) {
				t.Errorf("%s: people are named by %s", kind, key)
			}
		}
	}
}

// A client that has no PKCE is protected by its secret alone, so that it is left out only
// where the provider has a reason.
func TestPKCEIsLeftOutOnlyWhereTheProviderHasAReason(t *testing.T) {
	var off []string
	for _, kind := range Kinds() {
		if base(t, kind).Client.PKCE == PKCEOff {
			off = append(off, kind)
		}
	}
	if diff := cmp.Diff([]string{"slack", "wecom"}, off); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The issuer and the subject key name a person for good. Where the keys of two customers
// may be the same text, they must not share an issuer by default.
func TestKeysOfOneCustomerDoNotMeetThoseOfAnother(t *testing.T) {
	for kind, key := range map[string]ClaimPath{"wecom": "userid"} {
		r := base(t, kind)
		if r.Issuer.Default != "" || !slices.Contains(r.Claims.SubjectKey, key) {
			t.Errorf("%s: issuer %q by default, people named by %v", kind, r.Issuer.Default, r.Claims.SubjectKey)
		}
	}
}

func TestAnAnswerThatIsPostedIsDemandedByApplesRecordAlone(t *testing.T) {
	for kind, r := range all(t) {
		if posted := r.Client.ResponseMode == ResponseFormPost; posted != (kind == "apple") {
			t.Errorf("%s: response_mode %s", kind, r.Client.ResponseMode)
		}
	}
}
