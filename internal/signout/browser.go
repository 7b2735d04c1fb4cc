package signout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// BrowserCall returns where the browser of an ended session goes to end the provider's
// session, or false when it has nowhere to go: the rule does not ask for it, the
// provider has no logout, or it does not answer just now (the server follows up).
func (o *SignOut) BrowserCall(ctx context.Context, res Result) (oidc.BrowserCall, bool) {
	if !res.Receipt.Browser || res.session == nil || res.StateValue == "" {
		return oidc.BrowserCall{}, false
	}
	p, ok := o.provider(res.session.Provider, res.session.Client)
	if !ok || !p.Reachable(ctx) {
		return oidc.BrowserCall{}, false
	}
	t := res.session.Grant.Tokens
	call, ok, err := p.EndSessionByBrowser(ctx, oidc.EndSessionRequest{
		IDToken: t.IDToken, SID: res.session.SID, Subject: res.session.Identity.Subject,
		PostLogoutRedirectURI: o.o.SignedOutURL, State: res.StateValue,
	})
	if err != nil {
		o.o.Logger.Warn("no logout address for the browser", "provider", res.session.Provider, "session", res.session.ID, "err", err)
		return oidc.BrowserCall{}, false
	}
	return call, ok
}

// ProviderCall returns where a browser without a session here goes to end the one that
// it has at a provider: somebody whom the admission rules kept out, and who wants to
// come back as somebody else.
func (o *SignOut) ProviderCall(ctx context.Context, provider string) (oidc.BrowserCall, bool) {
	p, ok := o.o.Providers(provider)
	if !ok || !p.Reachable(ctx) {
		return oidc.BrowserCall{}, false
	}
	state, _ := session.NewSeatValue()
	call, ok, err := p.EndSessionByBrowser(ctx, oidc.EndSessionRequest{PostLogoutRedirectURI: o.o.SignedOutURL, State: state})
	return call, ok && err == nil
}

// Returned records that a browser came back from the provider's logout with the state
// value that it was given, and returns the receipt. ErrNoReceipt: not one of ours.
func (o *SignOut) Returned(ctx context.Context, now time.Time, state string) (Receipt, error) {
	hash, ok := session.HashSeatValue(state)
	if !ok {
		return Receipt{}, ErrNoReceipt
	}
	if r, ok := o.pendingReturned(now, hash); ok {
		return r, nil
	}
	r, err := o.o.Receipts.MarkReturned(ctx, now, hash)
	if err == nil {
		return r, nil
	}
	if errors.Is(err, ErrNoReceipt) {
		return Receipt{}, err
	}
	return Receipt{}, fmt.Errorf("recording the browser's return: %w", err)
}

// ReceiptOf returns the receipt of an ended session.
func (o *SignOut) ReceiptOf(ctx context.Context, id session.ID) (Receipt, error) {
	if p, ok := o.waiting(id); ok {
		return p.receipt, nil
	}
	r, err := o.o.Receipts.ReceiptBySession(ctx, id)
	if err != nil {
		return Receipt{}, fmt.Errorf("reading a receipt: %w", err)
	}
	return r, nil
}

// ReceiptByState returns the receipt that a state value names, without recording anything.
func (o *SignOut) ReceiptByState(ctx context.Context, state string) (Receipt, error) {
	hash, ok := session.HashSeatValue(state)
	if !ok {
		return Receipt{}, ErrNoReceipt
	}
	if r, ok := o.pendingReceipt(hash); ok {
		return r, nil
	}
	r, err := o.o.Receipts.Receipt(ctx, hash)
	if err != nil {
		return Receipt{}, fmt.Errorf("reading a receipt: %w", err)
	}
	return r, nil
}
