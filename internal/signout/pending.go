package signout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// maxPending bounds the ends that wait for the store. Beyond it an end is refused as a
// whole: promising one that cannot be remembered would be a lie.
const maxPending = 1 << 16

// pendingEnd is an end that is refused in memory and waits to become durable.
type pendingEnd struct {
	req     Request
	receipt Receipt
	tell    []outbox.Kind // what will be told once the store has it, as far as is known
}

// tombstone is what hearers are told of an end that the store does not have yet.
func (r Request) tombstone() session.Tombstone {
	t := session.Tombstone{Session: r.Session, Cause: r.Cause, EndedAt: r.at, Fresh: RuleOf(r.Cause, r.Mode).Fresh}
	if s := r.Known; s != nil {
		t.Account, t.Provider, t.Identity, t.SID = s.Account, s.Provider, s.Identity, s.SID
	}
	return t
}

// inMemory refuses a session that the store cannot be told about yet: its requests and
// connections end now, and Run tries until the end is durable.
func (o *SignOut) inMemory(req Request, cause error) (Result, error) {
	p := o.pend(req)
	o.mu.Lock()
	first, other := o.pending[req.Session]
	full := !other && len(o.pending) >= maxPending
	if !other && !full {
		o.pending[req.Session] = p
	}
	o.mu.Unlock()
	if full {
		return Result{}, fmt.Errorf("ending session %s: too many ends wait for the store: %w", req.Session, cause)
	}
	if other {
		return Result{Receipt: first.receipt}, notDurable(cause)
	}
	o.tell(req.tombstone())
	o.o.Logger.Error("end of session is not yet durable; it is refused in memory and will be retried",
		"session", req.Session, "cause", req.Cause, "by", req.By, "err", cause)
	return Result{Receipt: p.receipt, StateValue: req.state, session: req.Known}, notDurable(cause)
}

func notDurable(cause error) error {
	if errors.Is(cause, session.ErrUnavailable) {
		return fmt.Errorf("%w: %w", ErrNotDurable, cause)
	}
	return fmt.Errorf("%w: %w: %w", ErrNotDurable, session.ErrUnavailable, cause)
}

// pend makes the pending end of a request. It keeps no token: those are read anew when
// the store answers.
func (o *SignOut) pend(req Request) pendingEnd {
	p := pendingEnd{req: req, receipt: Receipt{
		Session: req.Session, Cause: req.Cause, Mode: req.Mode, EndedAt: req.at, Until: req.at.Add(receiptLife),
		Closed: req.closed, ReturnURL: req.From, Others: req.Others,
	}}
	p.receipt.State, _ = session.HashSeatValue(req.state)
	if s := req.Known; s != nil {
		e := o.plan(req.at, req, s)
		p.receipt = e.Receipt
		for _, entry := range e.Entries {
			if entry.App == "" { // which apps hold cookies only the store knows
				p.tell = append(p.tell, entry.Kind)
			}
		}
	}
	p.req.Known = nil
	return p
}

// waiting returns the end of a session that waits to become durable.
func (o *SignOut) waiting(id session.ID) (pendingEnd, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := o.pending[id]
	return p, ok
}

// join is an end asked for while an earlier one waits: the earlier one is tried.
func (o *SignOut) join(ctx context.Context, now time.Time, p pendingEnd) (Result, error) {
	res, err := o.settleOne(ctx, now, p.req)
	_, already := errors.AsType[*session.EndedError](err)
	switch {
	case err == nil:
		return Result{Receipt: res.Receipt}, nil
	case already:
		return o.earlier(ctx, p.req.Session)
	case errors.Is(err, session.ErrNotFound):
		return Result{}, fmt.Errorf("ending session %s: %w", p.req.Session, err)
	}
	return Result{Receipt: p.receipt}, notDurable(err)
}

// settleOne tries to make a waiting end durable. What the store has, or never had,
// waits no longer.
func (o *SignOut) settleOne(ctx context.Context, now time.Time, req Request) (written, error) {
	res, err := o.durably(ctx, now, req)
	ended, already := errors.AsType[*session.EndedError](err)
	switch {
	case err == nil:
		o.tell(res.tombstone)
	case already:
		o.tell(ended.Tombstone)
	case errors.Is(err, session.ErrNotFound):
	default:
		return written{}, err
	}
	o.forget(ctx, req.Session)
	o.o.Kick()
	o.o.Logger.Info("end of session waits no longer", "session", req.Session, "cause", req.Cause, "durable", err == nil || already)
	return res, err
}

// forget drops a waiting end. That its browser came back meanwhile is written down.
func (o *SignOut) forget(ctx context.Context, id session.ID) {
	o.mu.Lock()
	p, ok := o.pending[id]
	delete(o.pending, id)
	o.mu.Unlock()
	if !ok || p.receipt.Returned.IsZero() {
		return
	}
	if _, err := o.o.Receipts.MarkReturned(ctx, p.receipt.Returned, p.receipt.State); err != nil && !errors.Is(err, ErrNoReceipt) {
		o.o.Logger.Warn("a browser's return from the provider could not be recorded; the provider will be told again", "session", id, "err", err)
	}
}

// settle tries the ends that a store outage kept from being durable: one first, to see
// whether the store is back.
func (o *SignOut) settle(ctx context.Context) {
	o.mu.Lock()
	list := make([]Request, 0, len(o.pending))
	for _, p := range o.pending {
		list = append(list, p.req)
	}
	o.mu.Unlock()
	if len(list) == 0 {
		return
	}
	if _, err := o.settleOne(ctx, o.o.Now(), list[0]); errors.Is(err, session.ErrUnavailable) {
		return
	}
	inParallel(list[1:], func(req Request) { _, _ = o.settleOne(ctx, o.o.Now(), req) })
}

// lastChance tries once more before the process ends, and names what would be lost.
func (o *SignOut) lastChance(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	o.settle(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, p := range o.pending {
		o.o.Logger.Error("end of session is lost: the store did not answer before shutdown", "session", id, "cause", p.req.Cause)
	}
}

// pendingReceipt finds a waiting end's receipt by the state value of its browser.
func (o *SignOut) pendingReceipt(state session.SeatHash) (Receipt, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.pending {
		if p.receipt.State == state {
			return p.receipt, true
		}
	}
	return Receipt{}, false
}

// pendingReturned notes in memory that the browser of a waiting end came back.
func (o *SignOut) pendingReturned(now time.Time, state session.SeatHash) (Receipt, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, p := range o.pending {
		if p.receipt.State != state {
			continue
		}
		if p.receipt.Returned.IsZero() {
			p.receipt.Returned = now
			o.pending[id] = p
		}
		return p.receipt, true
	}
	return Receipt{}, false
}
