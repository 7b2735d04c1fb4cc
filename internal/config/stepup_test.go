package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClassesAreReadAsTheyAreWritten(t *testing.T) {
	cfg, warnings := mustLoad(t, onApp(`
acr: [silver, "urn:mace:incommon:iap:gold"]
paths: [{prefix: /pay, acr: ["http://schemas.example/loa#3"], max_age: 5m}, {prefix: /old, max_age: 1h}]
`))
	a := cfg.Apps[0]
	got := [][]string{a.ACR, a.Paths[0].ACR, a.Paths[1].ACR}
	want := [][]string{{"silver", "urn:mace:incommon:iap:gold"}, {"http://schemas.example/loa#3"}, nil}
	if diff := cmp.Diff(want, got); diff != "" || len(warnings) > 0 {
		t.Errorf("%s%v", diff, warnings)
	}
}

func TestFaultsOfStepUps(t *testing.T) {
	app := func(lines string) string { return upstreamLine + "\n    " + lines }
	long := strings.Repeat("x", 129)
	tests := []faultCase{
		{"empty", upstreamLine, app("acr: " + mark + "[]"), "apps[0].acr", "is empty", "remove the key"},
		{"empty on a path", upstreamLine, app("paths: [{prefix: /a, acr: " + mark + "[]}]"), "apps[0].paths[0].acr", "is empty", "remove the key"},
		{"empty class", upstreamLine, app("acr: [gold, " + mark + "'']"), "apps[0].acr[1]", "not a class", "one class per entry"},
		{"two in one", upstreamLine, app("acr: [" + mark + "'gold silver']"), "apps[0].acr[0]", `"gold silver" is not a class`, "without blanks"},
		{"blank at the end", upstreamLine, app("acr: [" + mark + "'gold ']"), "apps[0].acr[0]", "not a class", "without blanks"},
		{"quote", upstreamLine, app(`acr: [` + mark + `'a"b']`), "apps[0].acr[0]", "not a class", "quotes"},
		{"another script", upstreamLine, app("acr: [" + mark + "gölden]"), "apps[0].acr[0]", "not a class", "exactly"},
		{"twice", upstreamLine, app("acr: [gold, " + mark + "gold]"), "apps[0].acr[1]", "twice", "one of the two"},
		{"twice on a path", upstreamLine, app("paths: [{exact: /a, acr: [x, gold, " + mark + "gold]}]"), "apps[0].paths[0].acr[2]", "twice", "one of the two"},
		{"too long", upstreamLine, app("acr: " + mark + "[a" + long + ", b" + long + "]"), "apps[0].acr", "256 characters", "fewer"},
		{"no list", upstreamLine, app("acr: " + mark + "gold"), "apps[0].acr", "is a single value where a list", "[a, b]"},
		{"beside public", upstreamLine, app("paths: [{prefix: /a, public: " + mark + "true, acr: [gold]}]"), "apps[0].paths[0].public", "acr beside it never hold", "one of the two"},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// record changes what is known of the least configuration's provider.
const (
	noIDToken = "record: {claims: {id_token: \"no\", userinfo: {use: always}}}"
	noAge     = "record: {fresh_login: {by: impossible, prompt: select_account, max_age: 0s, auth_time: absent}, prompt: {ok: [none, select_account]}}"
)

func withRecord(lines, app string) string {
	return strings.Replace(strings.Replace(least, secretLine, secretLine+"\n    "+lines, 1), upstreamLine, upstreamLine+"\n    "+app, 1)
}

func TestADemandThatAProviderCannotMeetNamesIt(t *testing.T) {
	for name, tt := range map[string]struct{ record, app, path, says string }{
		"acr of an app":          {noIDToken, "acr: [gold]", "apps[0].acr", "no class ever comes from main"},
		"acr of a path":          {noIDToken, "paths: [{prefix: /a, acr: [gold]}]", "apps[0].paths[0].acr", "record.claims.id_token"},
		"max_age of an app":      {noAge, "max_age: 5m", "apps[0].max_age", "main does not say when a person signed in (record.fresh_login.auth_time: absent), and no prompt makes it ask for credentials again (record.fresh_login.by: impossible)"},
		"max_age of a path":      {noAge, "paths: [{prefix: /a, max_age: 5m}]", "apps[0].paths[0].max_age", "nobody is let in from there"},
		"max_age of itself":      {noAge + "\n    max_age: 5m", "sign_out: gateway", "providers[0].max_age", "main does not say"},
		"max_age, no ID token":   {strings.Replace(noAge, "record: {", "record: {claims: {id_token: \"no\", userinfo: {use: always}}, ", 1), "max_age: 5m", "apps[0].max_age", "main sends no ID token"},
		"max_age by its setting": {strings.Replace(noAge, "impossible", "setting", 1), "max_age: 5m", "apps[0].max_age", "record.fresh_login.by: setting"},
	} {
		_, _, err := world{}.load(withRecord(tt.record, tt.app))
		got := paths(err)
		if len(got) != 1 || !strings.HasPrefix(got[0], tt.path+": ") || !strings.Contains(got[0], tt.says) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestWhatAProviderCanMeetOneWayOrAnotherIsNoFault(t *testing.T) {
	for name, tt := range map[string]struct{ record, app string }{
		"a prompt forces, auth_time never comes": {noIDToken, "max_age: 5m"},
		"auth_time alone":                        {"record: {fresh_login: {by: setting, prompt: select_account, max_age: 0s, auth_time: checked}, prompt: {ok: [none, select_account]}}", "max_age: 5m"},
		"nothing is demanded":                    {noAge, "sign_out: gateway"},
	} {
		if _, warnings, err := (world{env: map[string]string{}}).load(withRecord(tt.record, tt.app)); err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v %v", name, err, warnings)
		}
	}
}

func TestADemandThatOneOfSeveralProvidersCannotMeet(t *testing.T) {
	second := func(lines string) string {
		return strings.Replace(least, "apps:", "  - {id: other, kind: oidc, issuer: 'https://id.example.com', client_id: x, client_secret_env: CARDEA_CLIENT_SECRET, "+lines+"}\napps:", 1)
	}
	_, warnings := mustLoad(t, second(noAge)+"    max_age: 5m\n")
	warned(t, warnings, "apps[0].max_age", "other does not say")
	_, _, err := world{}.load(second(noIDToken) + "    acr: [gold]\n")
	if got := strings.Join(paths(err), "\n"); !strings.Contains(got, "apps[0].acr: no class ever comes from other,") || strings.Contains(got, "main") {
		t.Errorf("%s", got)
	}
	mustLoad(t, second(noIDToken)+"    acr: [gold]\n    providers: [main]\n")
}

func TestAStepUpHoldsBelowItsPathInSpiteOfAPreset(t *testing.T) {
	cfg, warnings := mustLoad(t, onApp("preset: jupyterhub\npaths: [{prefix: /hub, acr: [gold]}]"))
	a := cfg.Apps[0]
	if len(a.Paths) < 2 || a.Paths[1].Prefix != "/hub/api" || !a.Paths[1].Bearer || len(a.Paths[1].ACR) != 1 {
		t.Errorf("%+v", a.Paths)
	}
	warned(t, warnings, "apps[0].paths[0]", "requests with a token")
}

func TestPrintedStepUpsLoadAgainToTheSame(t *testing.T) {
	first, _ := mustLoad(t, onApp("acr: [silver, gold]\npaths: [{prefix: /pay, acr: [gold]}]"))
	printed, err := Print(first)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := mustLoad(t, string(printed))
	if diff := cmp.Diff(first.Apps[0].Paths, second.Apps[0].Paths); diff != "" || !cmp.Equal(first.Apps[0].ACR, second.Apps[0].ACR) {
		t.Errorf("%s\n%s", diff, printed)
	}
}
