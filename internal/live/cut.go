package live

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
