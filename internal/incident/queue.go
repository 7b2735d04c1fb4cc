package incident

import "sync"

const (
	maxWaiting = 2048 // incidents in memory that no store has yet
	maxOfKind  = 512  // of one kind: a flood of one leaves room for the others
)

// queue holds what is still to be written. Putting in never waits.
type queue struct {
	mu      sync.Mutex
	lanes   map[string][]Incident // by kind, oldest first
	kinds   []string              // in the order of their first arrival
	byID    map[string]Incident   // waiting and being written
	n       int                   // waiting
	next    int                   // the kind that is taken from first
	dropped uint64
}

func newQueue() *queue { return &queue{lanes: map[string][]Incident{}, byID: map[string]Incident{}} }

// put adds an incident. Where there is no room the oldest of its kind, or of the most
// frequent kind, is dropped: people ask about what they have just seen.
func (q *queue) put(i Incident) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lane, known := q.lanes[i.Kind]
	if !known {
		q.kinds = append(q.kinds, i.Kind)
	}
	switch {
	case len(lane) >= maxOfKind:
		lane = q.drop(lane)
	case q.n >= maxWaiting:
		most := i.Kind
		for kind, other := range q.lanes {
			if len(other) > len(q.lanes[most]) {
				most = kind
			}
		}
		q.lanes[most] = q.drop(q.lanes[most])
		lane = q.lanes[i.Kind]
	}
	q.lanes[i.Kind] = append(lane, i)
	q.byID[i.ID] = i
	q.n++
}

func (q *queue) drop(lane []Incident) []Incident {
	delete(q.byID, lane[0].ID)
	lane[0] = Incident{}
	q.n--
	q.dropped++
	return lane[1:]
}

// take removes up to limit incidents, the oldest of every kind in turn. They are still
// found until written or putBack is told of them.
func (q *queue) take(limit int) []Incident {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := make([]Incident, 0, min(limit, q.n))
	for len(batch) < limit && q.n > 0 {
		kind := q.kinds[q.next%len(q.kinds)]
		q.next++
		if lane := q.lanes[kind]; len(lane) > 0 {
			batch = append(batch, lane[0])
			lane[0] = Incident{}
			q.lanes[kind] = lane[1:]
			q.n--
		}
	}
	return batch
}

// written forgets what a store has now.
func (q *queue) written(batch []Incident) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range batch {
		delete(q.byID, i.ID)
	}
}

// putBack returns what could not be written, the latest as far as there is room.
func (q *queue) putBack(batch []Incident) {
	q.mu.Lock()
	defer q.mu.Unlock()
	back := map[string][]Incident{}
	for _, i := range batch {
		back[i.Kind] = append(back[i.Kind], i)
	}
	for kind, list := range back {
		room := max(0, min(maxOfKind-len(q.lanes[kind]), maxWaiting-q.n))
		late := list[max(0, len(list)-room):]
		for _, i := range list[:len(list)-len(late)] {
			delete(q.byID, i.ID)
			q.dropped++
		}
		q.lanes[kind] = append(late, q.lanes[kind]...)
		q.n += len(late)
	}
}

func (q *queue) find(id string) (Incident, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, ok := q.byID[id]
	return i, ok
}

func (q *queue) heads() []Head {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := make([]Head, 0, len(q.byID))
	for _, i := range q.byID {
		list = append(list, i.Head())
	}
	return list
}

func (q *queue) lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
