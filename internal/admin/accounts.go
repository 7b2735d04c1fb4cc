package admin

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

// States of an account as operators see it.
const (
	stateActive   = "active"
	stateDisabled = "disabled"
	stateDeleting = "deleting"
	stateDeleted  = "deleted"
)

func stateOf(a account.Account) string {
	switch {
	case a.Erasing:
		return stateDeleting
	case a.Disabled:
		return stateDisabled
	}
	return stateActive
}

func (s server) listAccounts(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	disabled, err := flagOf(r, "disabled")
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	list, err := s.o.Store.ListAccounts(r.Context(), account.Filter{
		Handle: q.Get("handle"), Email: q.Get("email"), Provider: q.Get("provider"), Disabled: disabled, After: q.Get("after"), Limit: limit,
	})
	if err != nil {
		return nil, err
	}
	page := AccountList{Accounts: make([]Account, 0, len(list))}
	for _, a := range list {
		page.Accounts = append(page.Accounts, Account{
			ID: a.ID, Handle: a.Handle, Name: a.Name, Email: a.Email, State: stateOf(a.Account), CreatedAt: a.CreatedAt,
			LastSignIn: a.LastUsed, Providers: append([]string{}, a.Providers...), Sessions: a.Sessions,
		})
	}
	if len(list) == limit {
		page.Next = list[limit-1].Handle
	}
	return page, nil
}

func (s server) showAccount(r *http.Request) (any, error) {
	ref, err := s.account(r.Context(), r.PathValue("account"))
	if err != nil {
		return nil, err
	}
	gone := AccountShown{Deleted: &Deleted{ID: ref.ID, Handle: ref.Handle, DeletedAt: ref.ErasedAt}}
	if !ref.ErasedAt.IsZero() {
		return gone, nil
	}
	p, err := s.o.Store.Person(r.Context(), ref.ID)
	if errors.Is(err, account.ErrErased) { // a moment ago
		gone.Deleted.DeletedAt = s.o.Now()
		return gone, nil
	}
	if err != nil {
		return nil, err
	}
	open, err := s.o.Store.List(r.Context(), session.Filter{Account: ref.ID, Limit: defaultPage})
	if err != nil {
		return nil, err
	}
	n, err := s.o.Store.CountSessions(r.Context(), session.Filter{Account: ref.ID})
	if err != nil {
		return nil, err
	}
	v := personView(p, n)
	if v.Picture, err = s.picture(r.Context(), ref.ID); err != nil {
		return nil, err
	}
	return AccountShown{Account: v, Sessions: s.views(open)}, nil
}

func (s server) picture(ctx context.Context, id string) (Picture, error) {
	kept, err := s.o.Store.PictureOf(ctx, id)
	if err != nil {
		return Picture{}, err
	}
	try, err := s.o.Store.PictureTry(ctx, id)
	if err != nil {
		return Picture{}, err
	}
	return Picture{Source: cmp.Or(kept.Source, "none"), UpdatedAt: kept.UpdatedAt, TriedAt: try.At, Provider: try.Provider, Error: try.Error}, nil
}

func personView(p account.Person, sessions int) *AccountDetails {
	v := &AccountDetails{
		Account: Account{
			ID: p.ID, Handle: p.Handle, Name: p.Name, Email: p.Email, State: stateOf(p.Account), CreatedAt: p.CreatedAt, Providers: []string{}, Sessions: sessions,
		},
		Emails: []Email{}, Identities: []Identity{},
	}
	for _, i := range p.Identities {
		v.Identities = append(v.Identities, Identity{
			Key: i.Key(), Provider: i.Provider, Issuer: i.Issuer, Subject: i.Subject, LinkedAt: i.LinkedAt, LastSignIn: i.LastUsed, Email: i.Email, EmailBelieved: i.EmailBelieved,
		})
		v.Providers = append(v.Providers, i.Provider)
		if i.LastUsed.After(v.LastSignIn) {
			v.LastSignIn = i.LastUsed
		}
		v.addEmail(i.Email, i.EmailBelieved)
	}
	v.addEmail(p.Email, true) // believed once, and kept
	slices.SortFunc(v.Emails, func(a, b Email) int { return cmp.Compare(a.Address, b.Address) })
	slices.Sort(v.Providers)
	v.Providers = slices.Compact(v.Providers)
	return v
}

func (v *AccountDetails) addEmail(address string, believed bool) {
	if address == "" {
		return
	}
	for i := range v.Emails {
		if v.Emails[i].Address == address {
			v.Emails[i].Believed = v.Emails[i].Believed || believed
			return
		}
	}
	v.Emails = append(v.Emails, Email{Address: address, Believed: believed})
}

// emptyBody reads a body that says nothing.
func emptyBody(r *http.Request) error {
	if err := decode(nil, r, &struct{}{}); err != nil {
		return badRequest("the body is not an empty JSON object")
	}
	return nil
}

// living finds an account that has not been deleted.
func (s server) living(r *http.Request) (account.Ref, error) {
	ref, err := s.account(r.Context(), r.PathValue("account"))
	if err == nil && !ref.ErasedAt.IsZero() {
		err = conflict("account-deleted", "The account was deleted", "the person signs in to a new one, with another handle")
	}
	return ref, err
}

func (s server) disable(r *http.Request) (any, error) {
	if err := emptyBody(r); err != nil {
		return nil, err
	}
	ref, err := s.living(r)
	if err != nil {
		return nil, err
	}
	if err := s.asked(r.Context(), actDisable, audit.Event{Account: ref.ID, Handle: ref.Handle}); err != nil {
		return nil, err
	}
	changed, sum, err := s.o.People.Disable(r.Context(), ref.ID, operator(r.Context()))
	return s.acted(ref, stateDisabled, changed, sum, err)
}

func (s server) enable(r *http.Request) (any, error) {
	if err := emptyBody(r); err != nil {
		return nil, err
	}
	ref, err := s.living(r)
	if err != nil {
		return nil, err
	}
	if err := s.asked(r.Context(), actEnable, audit.Event{Account: ref.ID, Handle: ref.Handle}); err != nil {
		return nil, err
	}
	changed, err := s.o.People.Enable(r.Context(), ref.ID, operator(r.Context()))
	if errors.Is(err, account.ErrErasing) {
		return nil, conflict("account-deleting", "The account is being deleted", "a deletion that has begun is not taken back")
	}
	return s.acted(ref, stateActive, changed, signout.Sum{}, err)
}

func (s server) delete(r *http.Request) (any, error) {
	var req DeleteRequest
	if err := decode(nil, r, &req); err != nil {
		return nil, badRequest("the body is not a JSON object with handle")
	}
	ref, err := s.account(r.Context(), r.PathValue("account"))
	if err != nil {
		return nil, err
	}
	if req.Handle != ref.Handle {
		return nil, conflict("not-confirmed", "Not confirmed", "handle must be the account's own handle, letter by letter")
	}
	done := AccountAct{ID: ref.ID, Handle: ref.Handle, State: stateDeleted, Finished: true, Steps: []SummedStep{}}
	if !ref.ErasedAt.IsZero() {
		return done, nil
	}
	if err := s.asked(r.Context(), actDelete, audit.Event{Account: ref.ID, Handle: ref.Handle}); err != nil {
		return nil, err
	}
	sum, err := s.o.People.Delete(r.Context(), ref.ID, operator(r.Context()))
	if errors.Is(err, account.ErrErased) { // by somebody else, a moment ago
		return done, nil
	}
	if errors.Is(err, s.o.Unfinished) {
		return s.acted(ref, stateDeleting, true, sum, err)
	}
	return s.acted(ref, stateDeleted, true, sum, err)
}

// acted is the answer to an act. One that is shut and not finished is no failure: the
// gateway finishes it.
func (s server) acted(ref account.Ref, state string, changed bool, sum signout.Sum, err error) (any, error) {
	v := AccountAct{ID: ref.ID, Handle: ref.Handle, State: state, Changed: changed, Finished: err == nil, Ended: sum.Ended, Steps: summed(sum)}
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, s.o.Unfinished):
		s.o.Logger.Warn("an account is shut, and the rest follows", "account", ref.ID, "err", err)
		return v, nil
	case errors.Is(err, account.ErrErased):
		return nil, conflict("account-deleted", "The account was deleted", "the person signs in to a new one, with another handle")
	}
	return nil, err
}
