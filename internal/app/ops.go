package app

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/cardea-auth/cardea/internal/outbox"
)

// makeOps builds what operators reach: health and metrics.
func (a *App) makeOps(context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics(), promhttp.HandlerOpts{}))
	a.ops = mux
	return nil
}

// readyz says whether requests should be sent here: not while stopping, and not while
// the store is silent.
func (a *App) readyz(w http.ResponseWriter, r *http.Request) {
	if a.stopping.Load() {
		plain(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if err := a.storage.store.Ping(ctx); err != nil {
		plain(w, http.StatusServiceUnavailable, "the store does not answer")
		return
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

func (a *App) metrics() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "cardea", Name: name, Help: help}, f)
	}
	reg.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("live_connections", "Open WebSockets and streams of sessions.", func() float64 {
			_, conns := a.live.Count()
			return float64(conns)
		}),
		gauge("live_sessions", "Sessions with an open WebSocket or stream.", func() float64 {
			sessions, _ := a.live.Count()
			return float64(sessions)
		}),
		gauge("config_loaded_timestamp_seconds", "When the configuration that holds began to.", func() float64 {
			return float64(a.gen().loadedAt.Unix())
		}),
		gauge("config_refused", "1 while the last reload was refused, and the configuration before it holds on.", func() float64 {
			if a.reloads.refused.Load() {
				return 1
			}
			return 0
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "cardea", Name: "incidents_dropped_total", Help: "Refusals that cannot be explained later, because too many came at once.",
		}, func() float64 { return float64(a.incidents.Dropped()) }),
		gauge("outbox_pending", "Deliveries still to be made, 1000 at most; -1 when the store does not answer.", func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			list, err := a.storage.store.ListOutbox(ctx, outbox.Filter{State: outbox.Pending, Limit: 1000})
			if err != nil {
				return -1
			}
			return float64(len(list))
		}),
	)
	reg.MustRegister(a.trailMetrics()...)
	return reg
}
