package live

import "time"

// past is what became of a session that is no longer open under its id.
type past struct {
	movedTo string // "" when it was closed for good
	at      time.Time
}

// memory holds the recent pasts of a shard, oldest first, bounded in time and number.
// The zero memory is empty. The shard's lock guards it.
type memory struct {
	byID  map[string]past
	order []remembered // a queue that starts at head
	head  int
}

type remembered struct {
	id string
	at time.Time
}

func (m *memory) find(id string) (past, bool) {
	if len(m.byID) == 0 {
		return past{}, false
	}
	p, ok := m.byID[id]
	if !ok || time.Since(p.at) > rememberFor {
		return past{}, false
	}
	return p, true
}

func (m *memory) add(id, movedTo string) {
	if m.byID == nil {
		m.byID = map[string]past{}
	}
	now := time.Now()
	m.byID[id] = past{movedTo: movedTo, at: now}
	m.order = append(m.order, remembered{id: id, at: now})
	for m.head < len(m.order) && (len(m.order)-m.head > rememberMax || now.Sub(m.order[m.head].at) > rememberFor) {
		old := m.order[m.head]
		m.order[m.head] = remembered{}
		m.head++
		if m.byID[old.id].at.Equal(old.at) { // not remembered anew since
			delete(m.byID, old.id)
		}
	}
	if m.head > rememberMax {
		m.order = append([]remembered(nil), m.order[m.head:]...)
		m.head = 0
	}
}
