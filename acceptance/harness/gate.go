package harness

import "sync"

// Gate holds matching exchanges of a Front until it is opened.
type Gate struct {
	Arrived chan *Exchange // one per held exchange; has room for many

	open chan struct{}
	once sync.Once
	cut  bool
	drop func() // takes the rule out of the Front
}

// HoldRequests holds matching requests before Keycloak sees them.
func (f *Front) HoldRequests(match func(*Exchange) bool) *Gate {
	g := newGate()
	g.drop = f.Use(Rule{Match: match, Before: g.wait})
	return g
}

// HoldAnswers lets matching requests reach Keycloak and holds its answers.
func (f *Front) HoldAnswers(match func(*Exchange) bool) *Gate {
	g := newGate()
	g.drop = f.Use(Rule{Match: match, After: g.wait})
	return g
}

// Forget opens a gate, unless it was cut, and takes it out of the way.
func (f *Front) Forget(g *Gate) {
	g.Open()
	g.drop()
}

func newGate() *Gate {
	return &Gate{Arrived: make(chan *Exchange, 4096), open: make(chan struct{})}
}

func (g *Gate) wait(x *Exchange) error {
	select {
	case <-g.open:
	default:
		g.Arrived <- x
		<-g.open
	}
	if g.cut {
		return ErrCut
	}
	return nil
}

// Open lets everything through, held and to come.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }

// Cut drops what is held and everything to come.
func (g *Gate) Cut() {
	g.once.Do(func() {
		g.cut = true
		close(g.open)
	})
}
