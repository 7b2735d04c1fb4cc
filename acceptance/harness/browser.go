package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience is how long a single step in the browser may take, or an answer of a server:
// a machine that has much else to do takes its time. It is no promise of anybody.
const patience = time.Minute

// Chromium is one browser process; each person gets a browser context, which
// shares no cookies with the others.
type Chromium struct {
	env    *Env
	ctx    context.Context
	cancel context.CancelFunc
}

// StartChromium starts the browser.
func (e *Env) StartChromium(ctx context.Context) (*Chromium, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("chromium is not installed, run acceptance/install: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox,
		chromedp.UserDataDir(filepath.Join(e.Work, "chromium")),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost"),
		chromedp.Flag("lang", "en-US"),
		chromedp.WSURLReadTimeout(startup),
	)
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	browser, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(browser); err != nil {
		cancel()
		stop()
		return nil, fmt.Errorf("starting chromium: %w", err)
	}
	return &Chromium{env: e, ctx: browser, cancel: func() { cancel(); stop() }}, nil
}

// Close ends the browser.
func (c *Chromium) Close() {
	ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
	defer cancel()
	_ = chromedp.Cancel(ctx)
	c.cancel()
}

// Open opens a tab in a fresh browser context, for programs that are no tests. close ends it.
func (c *Chromium) Open() (tab context.Context, closeTab func(), err error) {
	tab, closeTab = chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(tab); err != nil {
		closeTab()
		return nil, nil, fmt.Errorf("opening a tab: %w", err)
	}
	return tab, closeTab, nil
}

// Tab is one tab of one person's browser. Steps fail the test with a picture.
type Tab struct {
	t   testing.TB
	env *Env
	ctx context.Context
}

// Person opens a fresh browser context with one tab.
func (c *Chromium) Person(t testing.TB) *Tab {
	t.Helper()
	return openTab(t, c.env, c.ctx, chromedp.WithNewBrowserContext())
}

// NewTab opens another tab of the same person's browser.
func (b *Tab) NewTab() *Tab {
	b.t.Helper()
	return openTab(b.t, b.env, b.ctx)
}

func openTab(t testing.TB, env *Env, parent context.Context, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	return &Tab{t: t, env: env, ctx: ctx}
}

func (b *Tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.fail(what, err)
	}
}

func (b *Tab) fail(what string, err error) {
	b.t.Helper()
	picture := b.env.logFile(b.t.Name() + "-screen")
	picture = strings.TrimSuffix(picture, ".log") + ".png"
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	if data, serr := chromedp.Run(ctx, chromedp.CaptureScreenshot()); serr == nil {
		_ = os.WriteFile(picture, data, 0o644)
	}
	at, _ := chromedp.Run(ctx, chromedp.Location())
	b.t.Fatalf("%s at %s: %v (picture: %s)", what, strings.SplitN(at, "?", 2)[0], err, picture)
}

// Go navigates as by the address bar. An address that cannot be reached fails.
func (b *Tab) Go(target string) { b.t.Helper(); b.do("going to "+target, chromedp.Navigate(target)) }

// Reload is F5.
func (b *Tab) Reload() { b.t.Helper(); b.do("reloading", chromedp.Reload()) }

// Back is the browser's Back button.
func (b *Tab) Back() { b.t.Helper(); b.do("going back", chromedp.NavigateBack()) }

// TryBack is Back where a page may keep loading, as a redirect to a provider may.
func (b *Tab) TryBack() {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	_ = chromedp.Do(ctx, chromedp.NavigateBack())
}

// Wait waits until an element is visible. Selectors starting with // are XPath.
func (b *Tab) Wait(selector string) {
	b.t.Helper()
	if strings.HasPrefix(selector, "//") {
		b.do("waiting for "+selector, chromedp.WaitVisible(chromedp.Search(selector)))
		return
	}
	b.do("waiting for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Click waits for an element to be visible and enabled, then clicks it.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	if strings.HasPrefix(selector, "//") {
		s := chromedp.Search(selector)
		b.do("clicking "+selector, chromedp.WaitVisible(s), chromedp.Click(s))
		return
	}
	s := chromedp.CSS(selector)
	b.do("clicking "+selector, chromedp.WaitVisible(s), chromedp.WaitEnabled(s), chromedp.Click(s))
}

// TryClick is Click where the element may be gone by then, after another click on it. It
// reports whether there was something to click.
func (b *Tab) TryClick(selector string) bool {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	if !b.Has(selector) {
		return false
	}
	if strings.HasPrefix(selector, "//") {
		s := chromedp.Search(selector)
		return chromedp.Do(ctx, chromedp.WaitVisible(s), chromedp.Click(s)) == nil
	}
	s := chromedp.CSS(selector)
	return chromedp.Do(ctx, chromedp.WaitVisible(s), chromedp.Click(s)) == nil
}

// Type types into a field.
func (b *Tab) Type(selector, text string) {
	b.t.Helper()
	s := chromedp.CSS(selector)
	b.do("typing into "+selector, chromedp.WaitVisible(s), chromedp.SendKeys(s, text))
}

// Upload chooses a file in a field for one.
func (b *Tab) Upload(selector, file string) {
	b.t.Helper()
	b.do("choosing a file in "+selector, chromedp.SetUploadFiles(chromedp.CSS(selector), []string{file}))
}

// Has reports whether the page holds the element now.
func (b *Tab) Has(selector string) bool {
	b.t.Helper()
	if strings.HasPrefix(selector, "//") {
		return b.truth(fmt.Sprintf("document.evaluate(%q, document, null, XPathResult.BOOLEAN_TYPE, null).booleanValue", "boolean("+selector+")"))
	}
	return b.truth(fmt.Sprintf("document.querySelector(%q) !== null", selector))
}

func (b *Tab) truth(expression string) bool {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
	return err == nil && ok // between two pages there is nothing to ask
}

// Run evaluates a script for its effect.
func (b *Tab) Run(script string) {
	b.t.Helper()
	b.do("running a script", chromedp.Evaluate[chromedp.Void](script))
}

// Text returns what a person reads on the page.
func (b *Tab) Text() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''"))
	return text
}

// URL returns the tab's address.
func (b *Tab) URL() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	return at
}

// Until polls until ok, or fails with what and a picture.
func (b *Tab) Until(within time.Duration, what string, ok func() bool) {
	b.t.Helper()
	if !Poll(within, ok) {
		b.fail(what, fmt.Errorf("not within %v", within))
	}
}

// Cookies returns the browser's cookies for an address and remembers their values
// as secrets.
func (b *Tab) Cookies(target string) map[string]string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	res, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{target}})
	if err != nil {
		b.fail("reading cookies", err)
	}
	out := map[string]string{}
	for _, c := range res.Cookies {
		out[c.Name] = c.Value
		b.env.Secret.Add("cookie "+c.Name, c.Value)
	}
	return out
}

// OnSignIn reports whether the tab shows Keycloak's form with a password field.
func (b *Tab) OnSignIn() bool { return b.Has("#kc-form-login input[name=password]") }

// Password fills Keycloak's form for a person.
func (b *Tab) Password(name string) {
	b.t.Helper()
	b.Wait("#kc-form-login")
	b.env.Secret.Add("password", passwords[name])
	if b.truth("(u => u !== null && u.type !== 'hidden' && u.value === '')(document.querySelector('#username'))") {
		b.Type("#username", name)
	}
	b.Type("#password", passwords[name])
	b.Click("#kc-login")
}
