package pages

import (
	"html/template"
	"io/fs"
	"maps"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// usedKeys is every key that templates and code can ask for.
func usedKeys(t *testing.T) []string {
	t.Helper()
	used := map[string]bool{}
	static := regexp.MustCompile(`\.(?:T|Plain) "([^"]+)"`)
	err := fs.WalkDir(templateFiles, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(templateFiles, path)
		for _, m := range static.FindAllSubmatch(raw, -1) {
			used[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	add := func(keys ...string) {
		for _, k := range keys {
			used[k] = true
		}
	}
	for _, k := range ProblemKinds() {
		prefix := "problem." + string(k)
		add(k.TitleKey(), k.DetailKey(), prefix+".means", prefix+".do")
	}
	for _, c := range LoopCauses() {
		add("problem.sign-in-loop."+string(c)+".means", "problem.sign-in-loop."+string(c)+".do")
	}
	add("problem.step-up-unsatisfied.class", "problem.step-up-unsatisfied.signed-out.means", "problem.step-up-unsatisfied.signed-out.do")
	for _, unit := range []string{"seconds", "minutes", "hours"} {
		add("problem.step-up-unsatisfied.age."+unit+".one", "problem.step-up-unsatisfied.age."+unit+".other")
	}
	for _, d := range DeniedReasons() {
		add(d.Key(), "denied."+string(d)+".do")
	}
	for _, c := range SignedOutCauses() {
		add("signed-out."+string(c)+".title", "signed-out."+string(c)+".lead")
	}
	for _, r := range LinkReasons() {
		add(r.TitleKey(), "link."+string(r)+".what", "link."+string(r)+".do")
	}
	add("link.account", "link.denied.title", "link.taken.only")
	for _, step := range takenSteps {
		add("link.taken.step." + step)
	}
	add("stay.button")
	for _, limit := range Limits() {
		add("stay." + string(limit))
	}
	for _, o := range []Outcome{OutcomeComplete, OutcomeUnderWay, OutcomePartly, OutcomeNotDurable, OutcomeNothing, outcomeNotEnded} {
		add("signed-out." + string(o) + ".outcome")
	}
	for _, o := range []Outcome{OutcomeNotDurable, OutcomeNothing, outcomeNotEnded} {
		add("signed-out." + string(o) + ".title")
	}
	for _, state := range StepStates() {
		add("receipt.state." + string(state))
		for _, subject := range StepSubjects() {
			key := "receipt." + string(subject) + "." + string(state)
			if subject == StepOpenConnections || subject == StepOtherSessions {
				add(key+".one", key+".other")
			} else {
				add(key)
			}
		}
	}
	for _, k := range []ConfirmKind{ConfirmSignOut, ConfirmSignOutEverywhere} {
		add("confirm."+string(k)+".title", "confirm."+string(k)+".lead", "confirm."+string(k)+".button")
	}
	for _, m := range []MoveOnPurpose{MoveOnSignOut, MoveOnSignIn, MoveOnBack} {
		add("move-on."+string(m)+".title", "move-on."+string(m)+".lead", "move-on."+string(m)+".link")
	}
	for _, form := range []string{".one", ".other"} {
		add("problem.retry-after.seconds"+form, "problem.retry-after.minutes"+form, "receipt.more"+form)
	}
	add(accountKeys()...)
	add("choice.title", "choice.lead", "choice.none", "choice.unlinked", "confirm.provider", "confirm.why",
		"confirm.both", "confirm.here-only", "confirm.choice",
		"denied.title", "denied.other-account", "denied.email-not-verified.operator",
		"language.title", "new-tab.title", "new-tab.lead", "not-saved.title", "not-saved.lead",
		"problem.retry", "problem.home", "receipt.link", "receipt.provider-session.withdrawn",
		"common.brand-line", "common.sign-in", "common.sign-in-again", "common.this-app", "common.the-provider")
	return slices.Sorted(maps.Keys(used))
}

func TestCataloguesHoldEveryKeyThatIsUsedAndNoOther(t *testing.T) {
	used := usedKeys(t)
	ls, err := loadLocales()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range ls.all {
		if diff := cmp.Diff(used, slices.Sorted(maps.Keys(l.catalogue))); diff != "" {
			t.Errorf("%s (-used +in the catalogue)\n%s", l.Tag, diff)
		}
	}
}

func placeholders(segments []segment) []string {
	seen := map[string]bool{}
	for _, s := range segments {
		if s.param != "" {
			seen[s.param] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func TestBothLanguagesSayTheSameOfTheSameThings(t *testing.T) {
	ls, err := loadLocales()
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"acr", "address", "browser", "device", "handle", "label", "reference", "system", "app", "count", "email", "host", "provider"}
	for key, en := range ls.all[0].catalogue {
		zh := ls.all[1].catalogue[key]
		want, got := placeholders(en), placeholders(zh)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: placeholders differ (-en +zh)\n%s", key, diff)
		}
		for _, name := range want {
			if !slices.Contains(known, name) {
				t.Errorf("%s: nobody fills {%s}", key, name)
			}
		}
	}
}

func TestEachCatalogueIsInItsLanguage(t *testing.T) {
	ls, err := loadLocales()
	if err != nil {
		t.Fatal(err)
	}
	for i, wantHan := range []bool{false, true} {
		for key := range ls.all[i].catalogue {
			text := ls.all[i].Plain(key, nil)
			if han := strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }); han != wantHan {
				t.Errorf("%s %s: %q", ls.all[i].Tag, key, text)
			}
		}
	}
}

func TestCatalogueFaultsAreErrors(t *testing.T) {
	for name, raw := range map[string]string{
		"an empty text":        `{"a": " "}`,
		"a key twice":          `{"a": "x", "a": "y"}`,
		"no object":            `["a"]`,
		"no string":            `{"a": 1}`,
		"an open brace":        `{"a": "x {app"}`,
		"a lone brace":         `{"a": "x app}"}`,
		"a nameless brace":     `{"a": "x {}"}`,
		"something after it":   `{"a": "x"} {}`,
		"an unfinished object": `{"a": "x"`,
	} {
		if _, err := parseCatalogue([]byte(raw)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	got, err := parseCatalogue([]byte(`{"a": "{app} and {provider}."}`))
	want := catalogue{"a": {{param: "app"}, {literal: " and "}, {param: "provider"}, {literal: "."}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(segment{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestLanguageFollowsAcceptLanguage(t *testing.T) {
	p := newPages(t, Options{})
	for accept, want := range map[string]string{
		"":                                       "en",
		"en":                                     "en",
		"en-GB,en;q=0.8":                         "en",
		"zh":                                     "zh-Hans",
		"zh-CN,zh;q=0.9,en;q=0.8":                "zh-Hans",
		"zh-TW":                                  "zh-Hans",
		"zh-Hant-HK,en;q=0.5":                    "zh-Hans",
		"en-US,en;q=0.9,zh-CN;q=0.8":             "en",
		"en;q=0.1,zh;q=0.9":                      "zh-Hans",
		"fr,zh;q=0.5":                            "zh-Hans",
		"fr":                                     "en",
		"*":                                      "en",
		"zh;q=0":                                 "en",
		"%%%":                                    "en",
		"zh-CN;q=abc":                            "en",
		strings.Repeat("zh,", maxAcceptLanguage): "en",
	} {
		if got := p.Language(request("GET", accept)); got != want {
			t.Errorf("Accept-Language %.40q: %s, want %s", accept, got, want)
		}
	}
}

func TestTextGivesProblemDocumentsTheSameWords(t *testing.T) {
	p := newPages(t, Options{})
	en, zh := request("GET", "en"), request("GET", "zh")
	for _, c := range []struct{ got, want string }{
		{p.Text(en, UpstreamUnavailable.TitleKey(), "app", "Chat"), "Chat does not answer"},
		{p.Text(zh, UpstreamUnavailable.TitleKey(), "app", "Chat"), "Chat 没有响应"},
		{p.Text(en, UpstreamUnavailable.TitleKey()), "This app does not answer"},
		{p.Text(en, ProviderAnswerRefused.DetailKey()), "Your sign-in provider answered, but its answer did not pass this gateway's checks."},
		{p.Text(en, UpstreamUnavailable.TitleKey(), "app", "<b>\u202e{provider}"), "<b>{provider} does not answer"},
		{p.Text(en, UpstreamUnavailable.TitleKey(), "app"), "This app does not answer"},
		{p.Text(en, EmailNotAllowed.Key(), "app", "Chat"), "The email address – is not on the list of those who may use Chat."},
		{p.Text(en, "no.such.key"), "no.such.key"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	if got, want := p.locales.all[0].html("problem.upstream-unavailable.title", params{"app": "<b>"}),
		template.HTML("<bdi>&lt;b&gt;</bdi> does not answer"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEveryProblemHasItsOwnWordsAReferenceAndAnErrorStatus(t *testing.T) {
	p := newPages(t, Options{})
	titles := map[string]ProblemKind{}
	for _, lang := range []string{"en", "zh"} {
		for _, kind := range ProblemKinds() {
			w := httptest.NewRecorder()
			p.Problem(w, request("GET", lang), 0, Problem{Kind: kind, App: chat, Provider: "Acme ID", Incident: "7QK3-M9XD", RetryURL: "/again"})
			if w.Code != kind.Status() || w.Code < 400 {
				t.Errorf("%s: status %d", kind, w.Code)
			}
			body := w.Body.String()
			for _, want := range []string{`<code><bdi>7QK3-M9XD</bdi></code>`, `href="/again"`} {
				if !strings.Contains(body, want) {
					t.Errorf("%s %s: no %s", kind, lang, want)
				}
			}
			title := regexp.MustCompile(`<h1>.*</h1>`).FindString(body)
			if other, twice := titles[title]; twice {
				t.Errorf("%s %s has the title of %s: %s", kind, lang, other, title)
			}
			titles[title] = kind
		}
	}
}

func TestALoopNamesItsCause(t *testing.T) {
	p := newPages(t, Options{})
	for cause, want := range map[LoopCause]string{
		CookieNotReturned: "does not send back the cookie",
		SchemeMismatch:    "opened with http while",
		ClockSkew:         "The clocks of this gateway and of",
		"":                "the next request came without it",
		"made-up":         "the next request came without it",
	} {
		w := httptest.NewRecorder()
		p.Problem(w, request("GET", "en"), 0, Problem{Kind: SignInLoop, Cause: cause})
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: the page does not say %q", cause, want)
		}
	}
}

func TestDeniedNamesTheReasonTheRuleTheSettingAndTheAccount(t *testing.T) {
	p := newPages(t, Options{})
	for _, reason := range DeniedReasons() {
		w := httptest.NewRecorder()
		p.Denied(w, request("GET", "en"), 403, exampleDenied(reason))
		body := w.Body.String()
		for _, want := range []string{
			string(p.locales.all[0].html(reason.Key(), params{"app": "Chat", "provider": "Acme ID", "email": "maria@acme.example"})),
			"apps[chat].access.emails", "providers[main].record.email_verified",
			"Maria Lindqvist", "maria@acme.example", "7QK3-M9XD",
			`action="/.cardea/sign-out"`, `value="/room?a=1&amp;b=2"`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s", reason, want)
			}
		}
	}
}
