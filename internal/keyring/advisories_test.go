package keyring

import (
	"errors"
	"testing"
	"time"
)

// Whoever may choose a purpose or a record cannot make one sealed value pass for
// another's by moving bytes over a border, nor put two values together into a third.
func TestCVE_2023_35941_FieldsCannotBeSwappedMovedOrJoined(t *testing.T) {
	k := open(t, &memStore{}, testRoot(1), start)
	names := []string{"", "a", "b", "ab", "ba", "a\x00b", "a|b", "a.b", "\x01a", "a\x01", "\x00", "aa", "ab\x02"}
	for _, purpose := range names {
		for _, record := range names {
			sealed := seal(t, k, purpose, record, []byte("secret"))
			for _, p := range names {
				for _, r := range names {
					got, err := k.Unseal(p, r, sealed)
					if mine := p == purpose && r == record; mine != (err == nil) || mine && string(got) != "secret" {
						t.Fatalf("sealed for %q, %q; opened as %q, %q: %v", purpose, record, p, r, err)
					}
				}
			}
		}
	}
}

func TestCVE_2023_35941_PartsOfTwoSealedValuesMakeNone(t *testing.T) {
	store := &memStore{}
	k := open(t, store, testRoot(1), start)
	a, b := seal(t, k, "p", "r", []byte("first secret")), seal(t, k, "p", "r", []byte("other secret"))
	if len(a) != len(b) {
		t.Fatalf("lengths %d and %d", len(a), len(b))
	}
	for cut := range a {
		for _, mixed := range [][]byte{append(append([]byte{}, a[:cut]...), b[cut:]...), append(append([]byte{}, b[:cut]...), a[cut:]...)} {
			got, err := k.Unseal("p", "r", mixed)
			if whole := string(mixed) == string(a) || string(mixed) == string(b); whole != (err == nil) {
				t.Fatalf("cut at %d: %q, %v", cut, got, err)
			}
		}
	}
	for _, joined := range [][]byte{append(append([]byte{}, a...), b...), append(append([]byte{}, a...), 0), a[:len(a)-1], {}} {
		if _, err := k.Unseal("p", "r", joined); !errors.Is(err, ErrSealed) {
			t.Errorf("%d bytes: %v", len(joined), err)
		}
	}
	// Another data key of the same keyring: its id is bound too.
	if err := k.Rotate(t.Context(), start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := k.Refresh(t.Context(), start.Add(time.Hour+Settle)); err != nil {
		t.Fatal(err)
	}
	c := seal(t, k, "p", "r", []byte("third secret"))
	head := 2 + int(c[1])
	if string(c[:head]) == string(a[:head]) {
		t.Fatal("the new data key is not used")
	}
	for _, swapped := range [][]byte{append(append([]byte{}, c[:head]...), a[head:]...), append(append([]byte{}, a[:head]...), c[head:]...)} {
		if _, err := k.Unseal("p", "r", swapped); !errors.Is(err, ErrSealed) {
			t.Errorf("a value under another key's id: %v", err)
		}
	}
}

func TestCVE_2023_35941_DerivedKeysDifferByPurpose(t *testing.T) {
	k := open(t, &memStore{}, testRoot(1), start)
	seen := map[string]string{}
	for _, purpose := range []string{"", "a", "b", "ab", "a b", "a\x00b", wrapInfo, deriveInfo, sealInfo} {
		key, err := k.Derive(purpose)
		if err != nil || len(key) != dataKeySize {
			t.Fatalf("%q: %v", purpose, err)
		}
		if other, taken := seen[string(key)]; taken {
			t.Errorf("%q and %q derive the same key", purpose, other)
		}
		seen[string(key)] = purpose
	}
}
