package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// control is something on a page that keys reach.
type control struct {
	Name                     string
	Left, Top, Right, Bottom float64
	Outline                  float64 // width of what marks it while it has the focus
	InView                   bool
}

// describe is a script's function that makes a control of an element.
const describe = `(e => { const r = e.getBoundingClientRect(), s = getComputedStyle(e);
	return {Name: e.tagName + " " + (e.getAttribute("aria-label") || e.innerText || e.name || "").trim().slice(0, 60) + " " + (e.getAttribute("href") || e.id || ""),
		Left: r.left + scrollX, Top: r.top + scrollY, Right: r.right + scrollX, Bottom: r.bottom + scrollY,
		Outline: s.outlineStyle === "none" ? 0 : parseFloat(s.outlineWidth),
		InView: r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth}; })`

// controls are those that a person sees, in the order of the document.
const controls = `[...document.querySelectorAll('a[href], button, summary, select, textarea, input:not([type=hidden])')]
	.filter(e => !e.disabled && e.checkVisibility({visibilityProperty: true})).map(` + describe + `)`

// follows tells whether b comes after a for somebody who sees both: below it, or to the
// right in the same line.
func follows(a, b control) bool {
	return b.Top >= a.Bottom-1 || b.Left >= a.Right-1 || b.Bottom > a.Bottom && b.Top >= a.Top
}

// TestPages_KeysReachEverythingInTheOrderThatIsSeen: Tab goes from control to control as
// they stand on the page, forgets none, and what has the focus is marked and in view.
func TestPages_KeysReachEverythingInTheOrderThatIsSeen(t *testing.T) {
	onEveryExample(t, func(t *testing.T, tab *harness.Tab, name, lang, address string) {
		for _, look := range []harness.Look{desktop, narrow} {
			tab.Look(look)
			tab.Go(address)
			want := harness.Ask[[]control](tab, "finding the controls", controls)
			at := fmt.Sprintf("%s.%s at %d", name, lang, look.Width)
			if len(want) == 0 {
				t.Errorf("%s: nothing to reach: not even the other language", at)
			}
			for i, c := range want {
				tab.Key(kb.Tab)
				got := harness.Ask[control](tab, "asking what has the focus", describe+`(document.activeElement)`)
				if got.Name != c.Name || got.Left != c.Left || got.Top != c.Top {
					t.Errorf("%s: stop %d is %s, want %s", at, i+1, got.Name, c.Name)
					break
				}
				if got.Outline < 2 || !got.InView {
					t.Errorf("%s: %s has the focus, marked by %v px, in view: %v", at, got.Name, got.Outline, got.InView)
				}
				if i > 0 && !follows(want[i-1], c) {
					t.Errorf("%s: %s comes after %s and stands before it", at, c.Name, want[i-1].Name)
				}
			}
			if look == desktop && len(want) > 12 {
				break // long lists are the same at every width
			}
		}
	})
}

// overflowing are the elements that stick out of the window, or hide some of their text.
const overflowing = `[...document.querySelectorAll("body, body *")].filter(e => e.checkVisibility() && !e.closest("svg, .unseen")).filter(e => {
	const r = e.getBoundingClientRect(), s = getComputedStyle(e);
	return r.right > innerWidth + 1 || r.left < -1 || (s.overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1) || (s.overflowY === "hidden" && e.scrollHeight > e.clientHeight + 1);
}).map(e => e.tagName + "." + e.className + ": " + e.innerText.slice(0, 40)).concat(document.documentElement.scrollWidth > innerWidth ? ["the page is " + document.documentElement.scrollWidth + " wide"] : [])`

// TestPages_NothingSticksOutAtAnyWidth: 320 CSS pixels, 400 % zoom of a small window, and
// the text spacing that a person may ask for (WCAG 2.2, 1.4.10 and 1.4.12).
func TestPages_NothingSticksOutAtAnyWidth(t *testing.T) {
	onEveryExample(t, func(t *testing.T, tab *harness.Tab, name, lang, address string) {
		tab.Go(address)
		for _, spaced := range []bool{false, true} {
			if spaced {
				tab.Run(`{const s = new CSSStyleSheet(); s.replaceSync("* {line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important} p {margin-bottom: 2em !important}"); document.adoptedStyleSheets = [s]}`)
			}
			for what, look := range map[string]harness.Look{
				"320 wide": narrow, "a phone": phone, "a desktop at 400 %": {Width: 320, Height: 256, Scale: 4}, "a desktop": desktop,
			} {
				tab.Look(look)
				if out := harness.Ask[[]string](tab, "looking for what sticks out", overflowing); len(out) > 0 {
					t.Errorf("%s.%s at %s, spaced %v: %q", name, lang, what, spaced, out)
				}
			}
		}
	})
}

// TestPages_SayTheirLanguage: the page says which it is in, and the link to the other one
// says that it is in that.
func TestPages_SayTheirLanguage(t *testing.T) {
	onEveryExample(t, func(t *testing.T, tab *harness.Tab, name, lang, address string) {
		tab.Go(address)
		got := harness.Ask[[]string](tab, "reading languages", `[document.documentElement.lang, ...[...document.querySelectorAll("footer nav a")].map(a => a.lang + " " + a.hreflang + " " + a.innerText)]`)
		want := []string{"en", "zh-Hans zh-Hans 中文"}
		if lang == "zh" {
			want = []string{"zh-Hans", "en en English"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s.%s: %q, want %q", name, lang, got, want)
		}
	})
}

// TestPages_SystemSettingsAreHeard: nothing moves for who asked for that, and with the
// system's own colours every control still has an edge and the focus still shows.
func TestPages_SystemSettingsAreHeard(t *testing.T) {
	onEveryExample(t, func(t *testing.T, tab *harness.Tab, name, lang, address string) {
		tab.Look(harness.Look{Width: 1280, Height: 800, StillMotion: true, ForcedColors: true})
		tab.Go(address)
		moving := harness.Ask[[]string](tab, "looking for what moves", `[...document.querySelectorAll("*")].filter(e => { const s = getComputedStyle(e);
			return s.animationName !== "none" || s.transitionDuration.split(",").some(d => parseFloat(d) > 0) || s.scrollBehavior === "smooth"; }).map(e => e.tagName + "." + e.className)`)
		if len(moving) > 0 {
			t.Errorf("%s.%s: moves: %q", name, lang, moving)
		}
		bare := harness.Ask[[]string](tab, "looking for controls without an edge", `[...document.querySelectorAll(".button, .choices a, .leaf")].filter(e => e.checkVisibility()).filter(e => {
			const s = getComputedStyle(e); return s.borderTopStyle === "none" || parseFloat(s.borderTopWidth) < 1; }).map(e => e.className + " " + e.innerText.slice(0, 40))`)
		if len(bare) > 0 {
			t.Errorf("%s.%s: no edge with forced colours: %q", name, lang, bare)
		}
		tab.Key(kb.Tab)
		if c := harness.Ask[control](tab, "asking what has the focus", describe+`(document.activeElement)`); c.Outline < 2 {
			t.Errorf("%s.%s: with forced colours %s shows no focus", name, lang, c.Name)
		}
	})
}

// TestPages_NoScriptIsNeeded: with scripts turned off a person chooses a language and a
// provider, looks at the account, signs out and reads the receipt.
func TestPages_NoScriptIsNeeded(t *testing.T) {
	w := newWorld(t, func(p *plan) {
		p.config.Providers = append(p.config.Providers, harness.Provider{
			ID: "second", Kind: "oidc", Issuer: fmt.Sprintf("http://127.0.0.1:%d", harness.MustFreePort(t)),
			ClientID: "second", ClientSecretEnv: "CARDEA_CLIENT_SECRET",
		})
	})
	tab := chromium.Person(t)
	tab.Scripts(false)
	tab.Go(w.URL + "/plain")
	tab.Click(`footer nav a[hreflang="zh-Hans"]`)
	tab.Until(patient, "Chinese", func() bool { return strings.Contains(tab.Text(), "登录") && tab.Has("ul.choices a") })
	tab.Click(`ul.choices a[href*="provider=main"]`)
	tab.Password("alice")
	tab.Until(patient, "the page asked for", func() bool { return strings.HasPrefix(tab.URL(), w.URL+"/plain") })
	tab.Cookies(w.URL)
	tab.Go(w.URL + "/.cardea/account")
	tab.Until(patient, "the account page", func() bool { return strings.Contains(tab.Text(), "alice") && tab.Has("main form button") })
	tab.Go(w.URL + "/.cardea/sign-out")
	tab.Click("main form button")
	tab.Until(patient, "the receipt", func() bool { return w.onSignedOutPage(tab) && tab.Has(".receipt .done") })
}
