package live

// Cut closes the connections of a session that keep does not want, brief ones too, and
// returns how many of them were not brief. It does not end the session. keep is called
// with a lock held and must not call the register.
func (r *Register) Cut(id, cause string, keep func(Conn) bool) int {
	s := &r.shards[r.index(id)]
	var cut []Conn
	n := 0
	s.mu.Lock()
	for e := s.open[id]; e != nil; {
		next := e.next
		if !keep(e.conn) {
			if !brief(e.conn) {
				n++
			}
			s.unlink(e)
			cut = append(cut, e.conn)
		}
		e = next
	}
	s.mu.Unlock()
	for _, c := range cut {
		c.Close(cause)
	}
	return n
}

// CutAll closes every connection that is not brief and returns how many it closed. It
// ends no session: connections that come later are taken.
func (r *Register) CutAll(cause string) int {
	var cut []Conn
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for _, first := range s.open {
			for e := first; e != nil; {
				next := e.next
				if !brief(e.conn) {
					s.unlink(e)
					cut = append(cut, e.conn)
				}
				e = next
			}
		}
		s.mu.Unlock()
	}
	for _, c := range cut {
		c.Close(cause)
	}
	return len(cut)
}
