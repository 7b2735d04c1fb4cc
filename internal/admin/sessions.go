package admin

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

func (s server) list(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	f, err := s.filter(r.Context(), q.Get("account"), q.Get("provider"), q.Get("app"))
	if err != nil {
		return nil, err
	}
	f.After, f.Limit = session.ID(q.Get("after")), limit
	list, err := s.o.Store.List(r.Context(), f)
	if err != nil {
		return nil, err
	}
	page := SessionList{Sessions: s.views(list)}
	if page.Total, err = s.o.Store.CountSessions(r.Context(), f); err != nil {
		return nil, err
	}
	if len(list) == limit {
		page.Next = string(list[limit-1].ID)
	}
	return page, nil
}

// filter selects sessions by the names that operators use.
func (s server) filter(ctx context.Context, acc, provider, app string) (session.Filter, error) {
	f := session.Filter{Provider: provider}
	if acc != "" {
		ref, err := s.account(ctx, acc)
		if err != nil {
			return f, err
		}
		f.Account = ref.ID
	}
	if app != "" {
		origin, ok := s.o.Apps[app]
		if !ok {
			return f, notFound("No such app", "configured are "+strings.Join(slices.Sorted(maps.Keys(s.o.Apps)), ", "))
		}
		f.Origin = origin
	}
	return f, nil
}

func (s server) views(list []*session.Session) []Session {
	out := make([]Session, 0, len(list))
	for _, x := range list {
		out = append(out, s.view(x))
	}
	return out
}

func (s server) view(x *session.Session) Session {
	v := Session{
		ID: string(x.ID), Account: x.Account, Handle: x.Handle, Provider: x.Provider,
		Issuer: x.Identity.Issuer, Subject: x.Identity.Subject,
		CreatedAt: x.CreatedAt, SeenAt: x.SeenAt, AuthTime: x.AuthTime, ACR: x.ACR, ExpiresAt: x.AbsoluteUntil(),
		Address: x.Address, UserAgent: x.UserAgent, Refreshable: x.Grant.Tokens.RefreshToken != "",
		Grant: "good", Connections: s.o.Connections(x.ID),
	}
	switch {
	case x.Grant.State != session.GrantGood:
		v.Grant = string(x.Grant.State)
	case !x.Grant.FailingSince.IsZero():
		v.Grant = "failing"
	}
	return v
}

func (s server) show(r *http.Request) (any, error) {
	id := session.ID(r.PathValue("id"))
	x, err := s.o.Store.ByID(r.Context(), id)
	if err == nil {
		v := s.view(x)
		return Shown{Session: &v}, nil
	}
	ended, ok := errors.AsType[*session.EndedError](err)
	if !ok {
		return nil, err
	}
	t := ended.Tombstone
	v := Ended{Session: string(id), Account: t.Account, Provider: t.Provider, Cause: string(t.Cause), EndedAt: t.EndedAt}
	if v.Steps, err = s.steps(r.Context(), id); err != nil {
		return nil, err
	}
	return Shown{Ended: &v}, nil
}

// steps returns the lines of an ended session's receipt; none once the receipt is gone.
func (s server) steps(ctx context.Context, id session.ID) ([]Step, error) {
	list := []Step{}
	receipt, err := s.o.SignOut.ReceiptOf(ctx, id)
	if errors.Is(err, signout.ErrNoReceipt) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	steps, err := s.o.SignOut.Steps(ctx, receipt)
	if err != nil {
		return nil, err
	}
	for _, st := range steps {
		list = append(list, Step{What: string(st.What), State: string(st.State), Count: st.Count, App: st.App})
	}
	return list, nil
}

// end is answered at once, or line by line where the client takes lines.
func (s server) end(w http.ResponseWriter, r *http.Request) {
	var req EndRequest
	if err := decode(w, r, &req); err != nil {
		s.refuse(w, "the body is not a JSON object with id, account, provider, app or all")
		return
	}
	selected := 0
	for _, set := range []bool{req.ID != "", req.Account != "", req.Provider != "", req.App != "", req.All} {
		if set {
			selected++
		}
	}
	if selected != 1 {
		s.refuse(w, "exactly one of id, account, provider, app and all selects what to end")
		return
	}
	var v EndAnswer
	var err error
	switch {
	case req.ID != "":
		v, err = s.endOne(r.Context(), req.ID)
	case strings.Contains(r.Header.Get("Accept"), linesType):
		s.endByLines(w, r, req)
		return
	default:
		v, err = s.endMany(r.Context(), req, nil)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	answer(w, v)
}

func (s server) endOne(ctx context.Context, id string) (EndAnswer, error) {
	out := signout.Request{Session: session.ID(id), Cause: session.CauseAdmin, By: operator(ctx)}
	known, err := s.o.Store.ByID(ctx, out.Session)
	if _, ended := errors.AsType[*session.EndedError](err); ended {
		return EndAnswer{Already: true, Steps: []SummedStep{}}, nil
	}
	if !errors.Is(err, session.ErrNotFound) {
		act := audit.Event{Session: id}
		if err == nil {
			act.Account, act.Handle = known.Account, known.Handle
		}
		if err := s.asked(ctx, actEndSessions, act); err != nil {
			return EndAnswer{}, err
		}
	}
	if err == nil {
		out.Known = known
	}
	res, err := s.o.SignOut.End(ctx, s.o.Now(), out)
	if err != nil && !errors.Is(err, signout.ErrNotDurable) {
		return EndAnswer{}, err
	}
	v := EndAnswer{Ended: 1, NotDurable: err != nil, Steps: []SummedStep{}}
	steps, _ := s.o.SignOut.Steps(ctx, res.Receipt) // without them it has ended all the same
	for _, st := range steps {
		v.Steps = append(v.Steps, SummedStep{What: string(st.What), State: string(st.State), Sessions: 1, Count: st.Count})
	}
	return v, nil
}

func (s server) endMany(ctx context.Context, req EndRequest, progress func(int)) (EndAnswer, error) {
	f, err := s.filter(ctx, req.Account, req.Provider, req.App)
	if err != nil {
		return EndAnswer{}, err
	}
	if req.Provider != "" && !s.knownProvider(ctx, req.Provider) {
		// Sessions of one that was withdrawn may be left; a name that is misspelt has none.
		if n, err := s.o.Store.CountSessions(ctx, f); err != nil || n == 0 {
			return EndAnswer{}, errors.Join(err, s.noProvider(ctx))
		}
	}
	act := audit.Event{Account: f.Account, Provider: req.Provider, App: req.App, Detail: filterOf(req)}
	if f.Account != "" {
		ref, _ := s.account(ctx, f.Account) // a trail without the handle has the id
		act.Handle = ref.Handle
	}
	if err := s.asked(ctx, actEndSessions, act); err != nil {
		return EndAnswer{}, err
	}
	sum, err := s.o.SignOut.EndSummed(ctx, s.o.Now(), f, signout.Request{Cause: session.CauseAdmin, By: operator(ctx)}, progress)
	if err != nil && !errors.Is(err, signout.ErrNotDurable) {
		return EndAnswer{}, err
	}
	return EndAnswer{Ended: sum.Ended, NotDurable: err != nil, Steps: summed(sum)}, nil
}

// filterOf is by what sessions were selected.
func filterOf(r EndRequest) map[string]string {
	switch {
	case r.Account != "":
		return map[string]string{"filter": "account"}
	case r.Provider != "":
		return map[string]string{"filter": "provider"}
	case r.App != "":
		return map[string]string{"filter": "app"}
	}
	return map[string]string{"filter": "all"}
}

func summed(sum signout.Sum) []SummedStep {
	list := []SummedStep{}
	for _, st := range sum.Steps {
		list = append(list, SummedStep{What: string(st.What), State: string(st.State), Sessions: st.Sessions, Count: st.Count})
	}
	return list
}

const (
	linesType = "application/x-ndjson"
	lineEvery = 200 * time.Millisecond
)

// endByLines tells meanwhile how far it is. The status is sent before the outcome is
// known: an error is the last line.
func (s server) endByLines(w http.ResponseWriter, r *http.Request, req EndRequest) {
	f, err := s.filter(r.Context(), req.Account, req.Provider, req.App)
	if err != nil {
		s.fail(w, err)
		return
	}
	of, err := s.o.Store.CountSessions(r.Context(), f)
	if err != nil {
		s.fail(w, err)
		return
	}
	var mu sync.Mutex
	say := func(l EndLine) {
		_ = json.NewEncoder(w).Encode(l)
		_ = http.NewResponseController(w).Flush()
	}
	w.Header().Set("Content-Type", linesType)
	w.Header().Set("Cache-Control", "no-store")
	say(EndLine{Progress: &EndProgress{Of: of}})
	last := time.Now()
	v, err := s.endMany(r.Context(), req, func(ended int) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) >= lineEvery {
			last = time.Now()
			say(EndLine{Progress: &EndProgress{Ended: ended, Of: max(of, ended)}})
		}
	})
	mu.Lock()
	defer mu.Unlock()
	if err != nil {
		p, _ := s.problem(err)
		p.Type = httpx.ProblemBase + p.Type
		say(EndLine{Problem: &p})
		return
	}
	say(EndLine{Answer: &v})
}

// account finds what an operator means by a name: an id or a handle.
func (s server) account(ctx context.Context, name string) (account.Ref, error) {
	list, err := s.o.Store.FindAccounts(ctx, name)
	switch {
	case err != nil:
		return account.Ref{}, err
	case len(list) == 0:
		return account.Ref{}, notFound("No such account", "nothing goes by this id or handle; \"cardea accounts list\" shows what there is")
	case len(list) > 1:
		var both []string
		for _, r := range list {
			if r.ID == name {
				both = append(both, "the one with this id by its handle, "+r.Handle)
			} else {
				both = append(both, "the one with this handle by its id, "+r.ID)
			}
		}
		slices.Sort(both)
		return account.Ref{}, conflict("ambiguous-account", "Two accounts go by this name", "name "+strings.Join(both, ", and "))
	}
	return list[0], nil
}
