package provider

import (
	"testing"
	"time"
)

func TestOnlyAProviderThatTakesNoConnectionIsDown(t *testing.T) {
	t.Parallel() // it waits
	f := newFake(t)
	c := newClock()
	o := f.options("keycloak", nil)
	o.Now = c.Now
	p := build(t, o)
	if p.Down(t.Context()) {
		t.Error("one that answers is down")
	}
	release := make(chan struct{})
	f.handle(wellKnown, hangHandler(release))
	c.advance(probeKept)
	if p.Reachable(t.Context()) || p.Down(t.Context()) {
		t.Error("one that is slow is down, or counts as reachable")
	}
	close(release)
	f.reply(wellKnown, 502, "")
	c.advance(probeKept)
	if p.Reachable(t.Context()) || p.Down(t.Context()) {
		t.Error("one whose front answers 502 is down, or counts as reachable")
	}
	f.srv.Close()
	c.advance(probeKept)
	for began := time.Now(); !p.Down(t.Context()); c.advance(probeKept) { // a busy machine may let a probe's second pass
		if time.Since(began) > 20*time.Second {
			t.Fatal("one that takes no connection is not down")
		}
	}
	if p.Reachable(t.Context()) {
		t.Error("one that takes no connection counts as reachable")
	}
}
