package keyring

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Store keeps wrapped data keys.
type Store interface {
	// DataKeys returns all data keys, in any order.
	DataKeys(ctx context.Context) ([]WrappedKey, error)
	// AddDataKey is durable when it returns: a record sealed under a key that a crash
	// took away could never be read again.
	AddDataKey(ctx context.Context, k WrappedKey) error
}

// Settle is how long a new data key stays unused, so that every node that shares the
// store has loaded it (by Refresh) before a record names it. Nodes call Refresh several
// times in that span.
const Settle = 5 * time.Minute

// ErrSealed is returned for a value that this keyring did not seal for this purpose and
// record, or that was changed since.
var ErrSealed = errors.New("sealed value cannot be opened")

// Options are what Open needs.
type Options struct {
	Root  []byte    // the root key; not kept, the caller may clear it afterwards
	Store Store     // where the data keys live
	Now   time.Time // for the age of data keys
}

// Keyring seals and unseals records. Its methods may be called concurrently.
type Keyring struct {
	wrap  wrapper
	base  []byte // what Derive starts from
	store Store
	mu    sync.Mutex // serialises Refresh and Rotate
	keys  atomic.Pointer[keySet]
}

// keySet is immutable.
type keySet struct {
	byID    map[string][]byte
	current string // id of the key that Seal uses
}

// Open loads the data keys and makes the first one when the store has none. It fails,
// saying so, when the root key is not the one that the store's data keys were wrapped with.
func Open(ctx context.Context, o Options) (*Keyring, error) {
	if o.Store == nil || o.Now.IsZero() {
		return nil, errors.New("keyring: Store and Now are required")
	}
	wrap, err := newWrapper(o.Root)
	if err != nil {
		return nil, err
	}
	k := &Keyring{wrap: wrap, store: o.Store}
	if k.base, err = hkdf.Key(sha256.New, o.Root, nil, deriveInfo, dataKeySize); err != nil {
		return nil, fmt.Errorf("deriving the base key: %w", err)
	}
	if err := k.Refresh(ctx, o.Now); err != nil {
		return nil, err
	}
	if len(k.keys.Load().byID) > 0 {
		return k, nil
	}
	return k, k.Rotate(ctx, o.Now)
}

// Derive returns a 32-byte key for a purpose. It depends on the root key alone, so that
// every node derives the same one and nothing has to be stored.
func (k *Keyring) Derive(purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, k.base, nil, purpose, dataKeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return key, nil
}

// Refresh reads the data keys again: it learns keys that other nodes published, and
// starts to use the newest one that has settled.
func (k *Keyring) Refresh(ctx context.Context, now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.load(ctx, now)
}

// Rotate publishes a new data key, durably. It is used from the first Refresh after it
// has settled on (at once when it is the only one); older keys stay, so that what they
// sealed can be read.
func (k *Keyring) Rotate(ctx context.Context, now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	wrapped, key := k.wrap.fresh(now)
	clear(key)
	if err := k.store.AddDataKey(ctx, wrapped); err != nil {
		return fmt.Errorf("storing a new data key: %w", err)
	}
	return k.load(ctx, now)
}

func (k *Keyring) load(ctx context.Context, now time.Time) error {
	wrapped, err := k.store.DataKeys(ctx)
	if err != nil {
		return fmt.Errorf("reading data keys: %w", err)
	}
	set := &keySet{byID: make(map[string][]byte, len(wrapped)), current: choose(wrapped, now)}
	var damaged []string
	for _, w := range wrapped {
		key, ok := k.wrap.open(w)
		if !ok {
			damaged = append(damaged, w.ID)
			continue
		}
		set.byID[w.ID] = key
	}
	switch {
	case len(damaged) == 0:
		k.keys.Store(set)
		return nil
	case len(damaged) == len(wrapped):
		return errors.New("root key does not open the data keys in this store: it is another store's, or a new one: " +
			"put back the root key that this store was started with (keys.root_file or keys.root_env), or start with an empty store, which signs everyone out")
	default:
		return fmt.Errorf("data keys %q in this store are damaged (the root key opens the others): restore the store from a copy", damaged)
	}
}

// choose returns the id of the key to seal with: the newest settled one, or the oldest
// of all while none has settled, which every node that sees the same keys agrees on.
func choose(keys []WrappedKey, now time.Time) string {
	if len(keys) == 0 {
		return ""
	}
	sorted := slices.SortedFunc(slices.Values(keys), func(a, b WrappedKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	current := sorted[0].ID
	for _, k := range sorted {
		if !now.Before(k.CreatedAt.Add(Settle)) {
			current = k.ID
		}
	}
	return current
}
