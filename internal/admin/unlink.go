package admin

import (
	"errors"
	"net/http"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/signout"
)

// actUnlink is a verb of admin.acted.
const actUnlink = "accounts.unlink"

// UnlinkRequest names one of an account's identities by its key.
type UnlinkRequest struct {
	Identity string `json:"identity"`
}

func (s server) unlink(r *http.Request) (any, error) {
	var req UnlinkRequest
	if err := decode(nil, r, &req); err != nil || req.Identity == "" {
		return nil, badRequest("the body is not a JSON object with identity")
	}
	ref, err := s.living(r)
	if err != nil {
		return nil, err
	}
	p, err := s.o.Store.Person(r.Context(), ref.ID)
	if err != nil {
		return s.acted(ref, stateActive, false, signout.Sum{}, err)
	}
	i, ok := p.ByKey(req.Identity)
	if !ok {
		return nil, notLinked()
	}
	if err := s.asked(r.Context(), actUnlink, audit.Event{
		Account: ref.ID, Handle: ref.Handle, Provider: i.Provider, Detail: map[string]string{"identity": req.Identity},
	}); err != nil {
		return nil, err
	}
	_, sum, err := s.o.People.Unlink(r.Context(), ref.ID, req.Identity, audit.ActorOperator, operator(r.Context()))
	switch {
	case errors.Is(err, account.ErrLast):
		return nil, conflict("last-identity", "It is the account's only identity that can be signed in with",
			"those of providers that are not configured do not count, and nobody could sign in to the account again: link another one first, disable the account, or delete it")
	case errors.Is(err, account.ErrNotLinked): // by somebody else, a moment ago
		return nil, notLinked()
	}
	return s.acted(ref, stateOf(p.Account), true, sum, err)
}

func notLinked() error {
	return conflict("identity-not-linked", "The account has no such identity", "\"cardea accounts show\" lists the keys of those that it has")
}
