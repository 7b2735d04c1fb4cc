package admin

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/session"
)

func TestAccountsAreListedPageByPage(t *testing.T) {
	f := &fake{}
	for _, h := range []string{"ann", "bob", "carol"} {
		f.people = append(f.people, account.Person{Account: account.Account{ID: "id-" + h, Handle: h, CreatedAt: now, Disabled: h != "ann", Erasing: h == "carol"}})
	}
	c, _, _ := gateway(t, f)
	page, err := c.Accounts(t.Context(), AccountQuery{Limit: 2})
	if err != nil || len(page.Accounts) != 2 || page.Next != "bob" {
		t.Fatalf("%+v, %v", page, err)
	}
	want := Account{ID: "id-ann", Handle: "ann", State: "active", CreatedAt: now, LastSignIn: now, Providers: []string{"main"}, Sessions: 1}
	if diff := cmp.Diff(want, page.Accounts[0]); diff != "" {
		t.Error(diff)
	}
	rest, err := c.Accounts(t.Context(), AccountQuery{After: page.Next, Limit: 2})
	if err != nil || len(rest.Accounts) != 1 || rest.Next != "" || page.Accounts[1].State != "disabled" || rest.Accounts[0].State != "deleting" {
		t.Errorf("%+v, %v", rest, err)
	}
	if _, err := c.Accounts(t.Context(), AccountQuery{Handle: "a", Email: "@x", Provider: "main", Disabled: true, After: "b"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(account.Filter{Handle: "a", Email: "@x", Provider: "main", Disabled: true, After: "b", Limit: 100}, f.listed[2]); diff != "" {
		t.Error(diff)
	}
}

func TestAPersonIsShownWithAllThatIsKept(t *testing.T) {
	f := full()
	f.sessions[0].Account = "acc-a"
	c, _, _ := gateway(t, f)
	for _, name := range []string{"ann", "acc-a"} {
		got, err := c.Account(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		want := &AccountDetails{
			Account: Account{ID: "acc-a", Handle: "ann", Name: "Ann", Email: "ann@example.com", State: "active", CreatedAt: now, LastSignIn: now.Add(time.Hour), Providers: []string{"main", "second"}, Sessions: 1},
			Emails:  []Email{{"ann@example.com", true}, {"ann@work.example", false}},
			Identities: []Identity{
				{Key: account.KeyOf(f.people[0].Identities[0].Identity), Provider: "main", Issuer: "https://idp.example", Subject: "sub", LinkedAt: now, LastSignIn: now, Email: "ann@work.example"},
				{Key: account.KeyOf(f.people[0].Identities[1].Identity), Provider: "second", Issuer: "https://two.example", Subject: "sub", LinkedAt: now, LastSignIn: now.Add(time.Hour), Email: "ann@example.com", EmailBelieved: true},
			},
			Picture: Picture{Source: "upload", UpdatedAt: now, TriedAt: now, Provider: "main", Error: "timed out"},
		}
		if diff := cmp.Diff(want, got.Account); diff != "" || len(got.Sessions) != 1 || got.Deleted != nil {
			t.Errorf("%s: %d sessions\n%s", name, len(got.Sessions), diff)
		}
	}
	got, err := c.Account(t.Context(), "gone")
	if diff := cmp.Diff(AccountShown{Deleted: &Deleted{ID: "acc-gone", Handle: "gone", DeletedAt: now}}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := c.Account(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "cardea accounts list") {
		t.Errorf("%v", err)
	}
}

func TestANameThatMeansTwoAccountsMeansNone(t *testing.T) {
	f := full()
	f.people = append(f.people, account.Person{Account: account.Account{ID: "acc-b", Handle: "acc-a"}})
	c, _, _ := gateway(t, f)
	for name, err := range map[string]error{
		"show":     func() error { _, err := c.Account(t.Context(), "acc-a"); return err }(),
		"disable":  func() error { _, err := c.Disable(t.Context(), "acc-a"); return err }(),
		"delete":   func() error { _, err := c.Delete(t.Context(), "acc-a", "acc-a"); return err }(),
		"end":      func() error { _, err := c.End(t.Context(), EndRequest{Account: "acc-a"}, nil); return err }(),
		"sessions": func() error { _, err := c.Sessions(t.Context(), SessionQuery{Account: "acc-a"}); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), "the one with this handle by its id, acc-b, and the one with this id by its handle, ann") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(f.acts)+len(f.asked) != 0 {
		t.Errorf("done: %v %v", f.acts, f.asked)
	}
}

func TestActsOnAccountsSayWhatTheyDid(t *testing.T) {
	f := full()
	c, _, _ := gateway(t, f)
	steps := []SummedStep{{What: "connections", State: "done", Sessions: 1, Count: 4}, {What: "tokens", State: "retrying", Sessions: 3}}
	check := func(name string, got AccountAct, err error, want AccountAct) {
		t.Helper()
		want.ID, want.Handle = "acc-a", "ann"
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	got, err := c.Disable(t.Context(), "ann")
	check("disable", got, err, AccountAct{State: "disabled", Changed: true, Finished: true, Ended: 3, Steps: steps})
	got, err = c.Enable(t.Context(), "acc-a")
	check("enable", got, err, AccountAct{State: "active", Changed: true, Finished: true, Steps: []SummedStep{}})
	got, err = c.Delete(t.Context(), "acc-a", "ann")
	check("delete", got, err, AccountAct{State: "deleted", Changed: true, Finished: true, Ended: 3, Steps: steps})
	if diff := cmp.Diff([]string{"disable acc-a by " + here(), "enable acc-a by " + here(), "delete acc-a by " + here()}, f.acts); diff != "" {
		t.Error(diff)
	}
	f.actErr = fmt.Errorf("some: %w: %w", errUnfinished, session.ErrUnavailable)
	got, err = c.Disable(t.Context(), "ann")
	check("disable, not finished", got, err, AccountAct{State: "disabled", Changed: true, Ended: 3, Steps: steps})
	got, err = c.Delete(t.Context(), "ann", "ann")
	check("delete, not finished", got, err, AccountAct{State: "deleting", Changed: true, Ended: 3, Steps: steps})
}

func TestActsOnAccountsThatCannotBeAreRefused(t *testing.T) {
	f := full()
	c, _, _ := gateway(t, f)
	refused := func(want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, handle := range []string{"", "ANN", "ann ", "acc-a"} {
		_, err := c.Delete(t.Context(), "ann", handle)
		refused("Not confirmed", err)
	}
	_, err := c.Disable(t.Context(), "gone")
	refused("was deleted", err)
	_, err = c.Enable(t.Context(), "gone")
	refused("was deleted", err)
	if len(f.acts) != 0 {
		t.Errorf("done: %v", f.acts)
	}
	// Deleting what is deleted is no failure.
	got, err := c.Delete(t.Context(), "gone", "gone")
	if err != nil || got.State != "deleted" || got.Changed || !got.Finished {
		t.Errorf("%+v, %v", got, err)
	}
	f.actErr = account.ErrErasing
	_, err = c.Enable(t.Context(), "ann")
	refused("being deleted", err)
	f.actErr = account.ErrErased
	_, err = c.Disable(t.Context(), "ann")
	refused("was deleted", err)
	f.actErr = session.ErrUnavailable
	_, err = c.Disable(t.Context(), "ann")
	refused("store does not answer", err)
}
