package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// LabReady is what stands on JupyterLab's page once there is something to see.
const LabReady = "#jp-main-dock-panel"

// LabIsReady reports whether the tab shows JupyterLab, usable.
func (b *Tab) LabIsReady() bool {
	b.t.Helper()
	return b.Has(LabReady) && !b.Has("#jupyterlab-splash")
}

// Pick clicks an entry of a menu as a hand does: it is scrolled to, the mouse moves
// over it, then clicks. JupyterLab's menus take what the mouse last moved over.
func (b *Tab) Pick(selector string) {
	b.t.Helper()
	b.Wait(selector)
	if err := b.pick(selector, patience); err != nil {
		b.fail("picking "+selector, err)
	}
}

// TryPick is Pick where the menu may be gone by then. It reports whether the entry was there.
func (b *Tab) TryPick(selector string) bool {
	b.t.Helper()
	return b.Has(selector) && b.pick(selector, 5*time.Second) == nil
}

func (b *Tab) pick(selector string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](fmt.Sprintf(`(entry => {
		entry.scrollIntoView({block: 'nearest'});
		const box = entry.getBoundingClientRect();
		return [box.x + box.width / 2, box.y + box.height / 2];
	})(document.querySelector(%q))`, selector)))
	if err != nil || len(at) != 2 {
		return fmt.Errorf("finding its place: %w", errors.Join(err))
	}
	return chromedp.Do(ctx,
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0]-2, at[1]),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]),
		chromedp.MouseClickXY(at[0], at[1]))
}

// Navigated returns the moment at which the browser left for the document that the tab
// shows now, by its own clock: looking late makes it no later.
func (b *Tab) Navigated() time.Time {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	ms, err := chromedp.Run(ctx, chromedp.Evaluate[float64]("performance.timeOrigin"))
	if err != nil {
		b.fail("asking when the page was navigated to", err)
	}
	return time.UnixMicro(int64(ms * 1000))
}
