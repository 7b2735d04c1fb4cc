package acceptance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// axeTags are the rules that are asked: WCAG 2.2, levels A and AA.
const axeTags = `["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa"]`

// axeSource is the checker, as acceptance/install fetched it.
func axeSource(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(env.Cache, "axe-venv", "share", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("run acceptance/install axe: %v", err)
	}
	return string(source)
}

type finding struct {
	ID    string   `json:"id"`
	Help  string   `json:"help"`
	Nodes []string `json:"nodes"`
}

// hinges takes off the ornament of the card's edge: axe gives up on the colours behind
// every text whose card has such an element before or after it.
const hinges = `;{const s = new CSSStyleSheet(); s.replaceSync(".leaf::before, .leaf::after {display: none}"); document.adoptedStyleSheets = [s]};0`

// demandNoViolations asks axe about what the tab shows. What axe cannot decide counts as
// wrong where it is about contrast: text on the pages has no pictures behind it.
func demandNoViolations(t *testing.T, tab *harness.Tab, what string) {
	t.Helper()
	found := harness.Ask[[]finding](tab, "asking axe about "+what, `axe.run(document, {runOnly: {type: "tag", values: `+axeTags+`}, resultTypes: ["violations", "incomplete"]})
		.then(r => r.violations.concat(r.incomplete.filter(i => i.id === "color-contrast" || i.id === "target-size"))
			.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html.slice(0, 160) + " " + n.failureSummary)})))`)
	for _, f := range found {
		t.Errorf("%s: %s: %s\n\t%s", what, f.ID, f.Help, strings.Join(f.Nodes, "\n\t"))
	}
}

var examples = onDemand(func(ctx context.Context) (*harness.Gallery, error) { return env.StartGallery(ctx) }, (*harness.Gallery).Close)

// onEveryExample calls check with a tab on each example in each language, a few side by
// side.
func onEveryExample(t *testing.T, check func(t *testing.T, tab *harness.Tab, name, lang, address string)) {
	g := examples(t)
	for _, lang := range []string{"en", "zh"} {
		for part := range slices.Chunk(g.Names, (len(g.Names)+1)/2) {
			t.Run(lang+"-from-"+part[0], func(t *testing.T) {
				t.Parallel()
				tab := chromium.Person(t)
				for _, name := range part {
					check(t, tab, name, lang, g.Page(name, lang))
				}
			})
		}
	}
}

// patient is how long anything may take that is to happen and whose time nobody promises:
// on a busy machine everything takes several times as long.
const patient = time.Minute

var (
	desktop = harness.Look{Width: 1280, Height: 800}
	phone   = harness.Look{Width: 390, Height: 780, Phone: true}
	narrow  = harness.Look{Width: 320, Height: 640}
)

// TestPages_AxeFindsNothing: every page, both languages, both colour schemes, at the
// widths of a desktop and a phone.
func TestPages_AxeFindsNothing(t *testing.T) {
	source := axeSource(t)
	onEveryExample(t, func(t *testing.T, tab *harness.Tab, name, lang, address string) {
		tab.Look(desktop)
		tab.Go(address)
		tab.Run(source + hinges)
		for _, look := range []harness.Look{desktop, phone} {
			for _, dark := range []bool{false, true} {
				look.Dark = dark
				tab.Look(look)
				demandNoViolations(t, tab, fmt.Sprintf("%s.%s, %d wide, dark %v", name, lang, look.Width, dark))
			}
		}
	})
}

// TestPages_AxeSeesWhatIsWrong: the checks above would notice.
func TestPages_AxeSeesWhatIsWrong(t *testing.T) {
	source := axeSource(t)
	tab := chromium.Person(t)
	tab.Look(desktop)
	tab.Go(examples(t).Page("choice", "en"))
	tab.Run(source + `;document.documentElement.lang = ""; document.querySelector("h1").style.color = "#ddd"; 0`)
	seen := harness.Ask[[]string](tab, "asking axe", `axe.run(document, {runOnly: {type: "tag", values: `+axeTags+`}}).then(r => r.violations.map(v => v.id).sort())`)
	if !slices.Contains(seen, "html-has-lang") || !slices.Contains(seen, "color-contrast") {
		t.Errorf("axe saw %v", seen)
	}
}

// TestPages_LiveOnesPassAxeToo: the choice, the receipt and the account page of a running
// gateway, where a person meets them, with the language chosen on the way.
func TestPages_LiveOnesPassAxeToo(t *testing.T) {
	source := axeSource(t)
	w := newWorld(t, func(p *plan) {
		p.config.Providers = append(p.config.Providers, harness.Provider{
			ID: "second", Kind: "oidc", Issuer: fmt.Sprintf("http://127.0.0.1:%d", harness.MustFreePort(t)),
			ClientID: "second", ClientSecretEnv: "CARDEA_CLIENT_SECRET",
		})
	})
	tab := chromium.Person(t)
	check := func(what string) {
		t.Helper()
		tab.Run(source + hinges)
		for _, look := range []harness.Look{desktop, phone} {
			for _, dark := range []bool{false, true} {
				look.Dark = dark
				tab.Look(look)
				demandNoViolations(t, tab, what)
			}
		}
	}
	inChinese := func() bool {
		return harness.Ask[string](tab, "reading the language", `document.documentElement.lang`) == "zh-Hans"
	}

	tab.Go(w.URL + "/room?a=1")
	tab.Wait("ul.choices a")
	check("the choice page")
	tab.Click(`footer nav a[hreflang="zh-Hans"]`)
	tab.Until(patient, "the choice page in Chinese", func() bool { return tab.Has("ul.choices a") && inChinese() })
	check("the choice page in Chinese")

	tab.Click(`ul.choices a[href*="provider=main"]`)
	tab.Password("alice")
	tab.Until(patient, "the page asked for", func() bool { return strings.HasPrefix(tab.URL(), w.URL+"/room?a=1") && tab.Has("#sign-out") })
	tab.Cookies(w.URL)

	tab.Go(w.URL + "/.cardea/account")
	tab.Wait("main h1")
	if !inChinese() {
		t.Error("the account page is not in the language that was chosen")
	}
	check("the account page")

	tab.Go(w.URL + "/.cardea/sign-out")
	tab.Wait("main form button")
	check("the confirmation")
	tab.Click(`footer nav a[hreflang="en"]`)
	tab.Until(patient, "the confirmation in English", func() bool { return tab.Has("main form button") && !inChinese() })
	tab.Click("main form button")
	tab.Until(patient, "the signed-out page", func() bool { return w.onSignedOutPage(tab) })
	tab.Wait("main h1")
	check("the receipt")

	tab.Click("main .acts a")
	tab.Wait("ul.choices a")
	if first := harness.Ask[string](tab, "reading the first choice", `document.querySelector("ul.choices a").search`); !strings.Contains(first, "provider=main") {
		t.Errorf("the provider of the last sign-in does not stand first: %s", first)
	}
	tab.Go(w.URL + "/.cardea/nothing-here")
	tab.Wait("main h1")
	check("a problem")
}
