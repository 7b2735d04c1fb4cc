package app

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/store/sqlite"
	"github.com/cardea-auth/cardea/internal/trail"
)

// exportNote is the file in data_dir that says how far audit.file is written, for the
// moment after a rotation.
const exportNote = "audit-export"

// makeTrailed makes what carries the audit trail on: to operators who wait for it, to
// audit.file, and to its end after audit.keep.
func (a *App) makeTrailed(context.Context) error {
	var err error
	a.trailed, err = trail.New(trail.Options{
		Store: a.storage.store, Logger: a.logger, Now: a.clock.Now, Keep: a.first.Audit.Keep, File: a.first.Audit.File,
		Note: filepath.Join(a.first.DataDir, exportNote),
	})
	return err
}

// operatorsTrail is the audit trail as the administration reads it.
type operatorsTrail struct {
	*sqlite.Store
	trailed *trail.Trail
}

var _ admin.Trail = operatorsTrail{}

func (o operatorsTrail) Wait(ctx context.Context, after int64) error {
	return o.trailed.Wait(ctx, after)
}

// trailMetrics say whether the trail goes on being written, and where it stays behind.
func (a *App) trailMetrics() []prometheus.Collector {
	last := func() (int64, bool) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		seq, err := a.storage.store.LastAudit(ctx)
		return seq, err == nil
	}
	written := func() float64 {
		seq, _ := last()
		return float64(seq)
	}
	lag := func() float64 {
		at, on := a.trailed.Exported()
		seq, ok := last()
		switch {
		case !on:
			return 0
		case !ok:
			return -1
		}
		return float64(max(0, seq-at))
	}
	failing := func() float64 {
		if a.trailed.Failing() {
			return 1
		}
		return 0
	}
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "cardea", Name: "audit_events_total", Help: "Events written to the audit trail since the store was made; 0 when the store does not answer.",
		}, written),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "cardea", Name: "audit_export_lag_events", Help: "Events that are not in audit.file yet; 0 without a file, -1 when the store does not answer.",
		}, lag),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "cardea", Name: "audit_export_failing", Help: "1 while audit.file cannot be written.",
		}, failing),
	}
}
