package avatar

import "sync"

// maxUploads is how many uploads are read at once, each of which holds up to the limit of
// its bytes for as long as its sender takes.
const maxUploads = 32

// uploads are those under way, one for an account: whoever sends many and ends none fills
// no memory, and takes nobody else's place.
type uploads struct {
	mu sync.Mutex
	of map[string]bool
}

// begin reports false where there is no room. done must follow a true.
func (u *uploads) begin(accountID string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[accountID] || len(u.of) >= maxUploads {
		return false
	}
	if u.of == nil {
		u.of = map[string]bool{}
	}
	u.of[accountID] = true
	return true
}

func (u *uploads) done(accountID string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.of, accountID)
}
