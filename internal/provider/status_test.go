package provider

import (
	"strings"
	"testing"
)

func TestAProvidersStatusIsToldWithoutAskingIt(t *testing.T) {
	f := newFake(t)
	c := newClock()
	o := f.options("keycloak", nil)
	o.Now = c.Now
	p := build(t, o)
	s := p.Status()
	if !s.Asked.IsZero() || !s.Metadata.At.IsZero() || !s.Keys.At.IsZero() || !s.HasKeys || len(s.KeyIDs) != 0 {
		t.Errorf("before anything: %+v", s)
	}
	asked := func() (n int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, x := range f.calls {
			n += x
		}
		return n
	}
	if asked() != 0 {
		t.Error("the provider was asked")
	}
	c.reaches(t, p)
	s = p.Probe(t.Context())
	if !s.Reachable || !s.Asked.Equal(c.Now()) || !s.Metadata.At.Equal(c.Now()) || !s.Keys.At.Equal(c.Now()) || s.Keys.Err != nil || len(s.KeyIDs) == 0 {
		t.Errorf("after a probe: %+v", s)
	}
	before := asked()
	if again := p.Probe(t.Context()); asked() != before || !again.Reachable {
		t.Errorf("what is fresh was asked for again: %d calls", asked()-before)
	}
	f.srv.Close()
	c.advance(2 * metadataTTL)
	if s = p.Status(); !s.Reachable || s.Metadata.Err != nil {
		t.Errorf("a status asks nobody: %+v", s)
	}
	s = p.Probe(t.Context())
	if s.Reachable || s.Metadata.Err == nil || !s.Metadata.Tried.Equal(c.Now()) || s.Metadata.At.Equal(c.Now()) || strings.Contains(s.Metadata.Err.Error(), testSecret) {
		t.Errorf("of one that is down: %+v", s)
	}
}
