package harness

import (
	"context"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Look is how a browser shows pages: its window, and what the person told the system.
type Look struct {
	Width, Height int64
	Scale         float64 // device pixels per CSS pixel; zero is 1
	Phone         bool
	Dark          bool
	StillMotion   bool // prefers-reduced-motion
	ForcedColors  bool
}

// Apply gives a tab that look. It holds until the next one.
func (l Look) Apply(ctx context.Context) error {
	scale := l.Scale
	if scale == 0 {
		scale = 1
	}
	if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.Width, Height: l.Height, DeviceScaleFactor: scale, Mobile: l.Phone,
	}); err != nil {
		return err
	}
	either := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: either(l.Dark, "dark", "light")},
		{Name: "prefers-reduced-motion", Value: either(l.StillMotion, "reduce", "no-preference")},
		{Name: "forced-colors", Value: either(l.ForcedColors, "active", "none")},
	}})
	return err
}

// Look gives the tab a look.
func (b *Tab) Look(l Look) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := l.Apply(ctx); err != nil {
		b.fail("changing the look", err)
	}
}

// Scripts turns the pages' own scripts on or off.
func (b *Tab) Scripts(on bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		b.fail("turning scripts on or off", err)
	}
}

// Key presses a key, such as kb.Tab.
func (b *Tab) Key(key string) {
	b.t.Helper()
	b.do("pressing a key", chromedp.KeyEvent(key))
}

// Ask evaluates an expression on the page, awaits it, and returns its value.
func Ask[T any](b *Tab, what, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.fail(what, err)
	}
	return v
}
