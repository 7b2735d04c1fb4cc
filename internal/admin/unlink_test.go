package admin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestAnIdentityIsUnlinkedByItsKey(t *testing.T) {
	f := full()
	c, _, _ := gateway(t, f)
	shown, err := c.Account(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	key := shown.Account.Identities[1].Key
	got, err := c.Unlink(t.Context(), "ann", key)
	want := AccountAct{ID: "acc-a", Handle: "ann", State: "active", Changed: true, Finished: true, Ended: 3,
		Steps: []SummedStep{{What: "connections", State: "done", Sessions: 1, Count: 4}, {What: "tokens", State: "retrying", Sessions: 3}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"unlink " + key + " of acc-a by operator " + here()}, f.acts); diff != "" {
		t.Error(diff)
	}
	f.actErr = fmt.Errorf("some: %w: %w", errUnfinished, session.ErrUnavailable)
	if got, err := c.Unlink(t.Context(), "ann", key); err != nil || got.Finished || !got.Changed {
		t.Errorf("not finished: %+v, %v", got, err)
	}
}

func TestAnUnlinkingThatCannotBeIsRefusedWithTheReason(t *testing.T) {
	f := full()
	c, path, _ := gateway(t, f)
	key := account.KeyOf(f.people[0].Identities[0].Identity)
	refused := func(want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, other := range []string{"main", "sub", key + "A", strings.ToUpper(key), "' OR 1=1 --"} {
		_, err := c.Unlink(t.Context(), "ann", other)
		refused("no such identity", err)
	}
	_, err := c.Unlink(t.Context(), "gone", key)
	refused("was deleted", err)
	if resp := ask(t, path, "POST", "/v1/accounts/ann/unlink", "{}"); resp.StatusCode != 400 {
		t.Errorf("without a key: %d", resp.StatusCode)
	}
	if len(f.acts) != 0 {
		t.Errorf("done: %v", f.acts)
	}
	f.actErr = account.ErrLast
	_, err = c.Unlink(t.Context(), "ann", key)
	refused("only identity", err)
	f.actErr = account.ErrNotLinked
	_, err = c.Unlink(t.Context(), "ann", key)
	refused("no such identity", err)
	f.actErr = session.ErrUnavailable
	_, err = c.Unlink(t.Context(), "ann", key)
	refused("store does not answer", err)
}
