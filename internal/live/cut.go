package live

// Cut closes the connections of a session that keep does not want, brief ones too, and
// returns how many of them count. It does not end the session. keep is called
// with a lock held and must not call the register.
func (r *Register) Cut(id, cause string, keep func(Conn) bool) int {
	s := &r.shards[r.index(id)]
	s.mu.Lock()
	cut := s.unlinkAll(s.open[id], keep)
	s.mu.Unlock()
	return closeAll(cut, cause)
}

// CutAll closes every connection that is not brief and returns how many it closed. It
// ends no session: connections that come later are taken.
func (r *Register) CutAll(cause string) int {
	var cut []Conn
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for _, first := range s.open {
			cut = append(cut, s.unlinkAll(first, brief)...)
		}
		s.mu.Unlock()
	}
	return closeAll(cut, cause)
}

// unlinkAll takes out of a list what keep does not want.
func (s *shard) unlinkAll(first *entry, keep func(Conn) bool) []Conn {
	var out []Conn
	for e := first; e != nil; {
		next := e.next // unlink forgets it
		if !keep(e.conn) {
			s.unlink(e)
			out = append(out, e.conn)
		}
		e = next
	}
	return out
}

// closeAll closes connections and returns how many of them count.
func closeAll(conns []Conn, cause string) int {
	n := 0
	for _, c := range conns {
		if counts(c) {
			n++
		}
		c.Close(cause)
	}
	return n
}
