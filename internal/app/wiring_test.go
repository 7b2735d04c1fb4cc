package app

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestAProvidersMaxAgeHoldsForItsSignIns(t *testing.T) {
	cfg := &config.Config{Providers: []config.Provider{{ID: "any"}, {ID: "strict", MaxAge: time.Hour}}}
	if diff := cmp.Diff(map[string]time.Duration{"strict": time.Hour}, maxAges(cfg)); diff != "" {
		t.Error(diff)
	}
}

func TestAnAppThatDoesNotAnswerIsToldByTheStatusThatSuitsWhy(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	b := w.browser("alice", "wonderland")
	b.visit("/")
	w.upstream.Close()
	if got := b.fetch("/api/whoami"); got.status != http.StatusBadGateway || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("an app that is down: %d %s", got.status, got.header.Get("Content-Type"))
	}
}
