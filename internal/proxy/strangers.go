package proxy

import "sync"

// Strangers are the sockets that are open without a session: on public paths, or by a
// token that the app judges itself. No end of a session closes them. It is safe for
// concurrent use, and may be shared by proxies; the zero Strangers is ready.
type Strangers struct {
	mu   sync.Mutex
	open map[string]map[*exchange]struct{} // by app
}

func (s *Strangers) add(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]map[*exchange]struct{}{}
	}
	if s.open[x.p.o.App] == nil {
		s.open[x.p.o.App] = map[*exchange]struct{}{}
	}
	s.open[x.p.o.App][x] = struct{}{}
}

func (s *Strangers) remove(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open[x.p.o.App], x)
	if len(s.open[x.p.o.App]) == 0 {
		delete(s.open, x.p.o.App)
	}
}

// Close closes those of one app and returns how many they were.
func (s *Strangers) Close(app, cause string) int {
	s.mu.Lock()
	list := make([]*exchange, 0, len(s.open[app]))
	for x := range s.open[app] {
		list = append(list, x)
	}
	s.mu.Unlock()
	for _, x := range list {
		x.Close(cause)
	}
	return len(list)
}
