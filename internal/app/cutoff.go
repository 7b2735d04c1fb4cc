package app

import (
	"context"
	"time"
)

const cutOffBeat = time.Second

// cutOff closes live connections when the store has been silent for the configured
// time: whoever was signed out elsewhere meanwhile would otherwise keep a socket for
// as long as the outage lasts. Sessions are not ended.
func (a *App) cutOff(ctx context.Context) {
	tick := time.NewTicker(cutOffBeat)
	defer tick.Stop()
	heard, cut := time.Now(), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ask, cancel := context.WithTimeout(ctx, cutOffBeat)
		err := a.storage.store.Ping(ask)
		cancel()
		switch {
		case err == nil:
			if cut {
				a.logger.Info("the store answers again")
			}
			heard, cut = time.Now(), false
		case !cut && time.Since(heard) >= a.cfg().Limits.StoreCutOff:
			cut = true
			n := a.live.CutAll("store cut off")
			a.logger.Error("the store has been silent for too long; live connections were closed",
				"after", a.cfg().Limits.StoreCutOff.String(), "closed", n, "err", err)
		}
	}
}
