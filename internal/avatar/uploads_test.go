package avatar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

// slowly begins an upload that does not end until end is called.
func slowly(t *testing.T, a *Avatars, running *sync.WaitGroup, accountID string) (end func()) {
	t.Helper()
	r, w := io.Pipe()
	running.Go(func() {
		if _, err := a.Set(t.Context(), time.Now(), accountID, r); err == nil {
			t.Error("an upload that breaks off became a picture")
		}
	})
	if _, err := w.Write([]byte("\x89PNG")); err != nil { // returns once it is read
		t.Fatal(err)
	}
	return func() { _ = w.CloseWithError(io.ErrUnexpectedEOF) }
}

func TestUploadsThatDoNotEndHoldABoundedPartOfTheMemory(t *testing.T) {
	a, _, _ := newAvatars(t, Net{})
	picture := asPNG(t, halves(4, 4))
	set := func(accountID string) error {
		_, err := a.Set(t.Context(), time.Now(), accountID, bytes.NewReader(picture))
		return err
	}
	var running sync.WaitGroup
	end := slowly(t, a, &running, "ann")
	if err := set("ann"); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one of the same person: %v", err)
	}
	if err := set("bob"); err != nil {
		t.Errorf("one of somebody else: %v", err)
	}
	ends := []func(){end}
	for i := range maxUploads - 1 {
		ends = append(ends, slowly(t, a, &running, fmt.Sprint("account ", i)))
	}
	if err := set("bob"); !errors.Is(err, ErrBusy) {
		t.Errorf("beside as many as there may be: %v", err)
	}
	for _, end := range ends {
		end()
	}
	running.Wait()
	for _, who := range []string{"ann", "bob"} {
		if err := set(who); err != nil {
			t.Errorf("afterwards, %s: %v", who, err)
		}
	}
}
