package admin

import (
	"context"
	"net/http"
	"net/url"
)

// AccountQuery selects accounts; empty fields select all.
type AccountQuery struct {
	Handle, Email, Provider string
	Disabled                bool
	After                   string
	Limit                   int
}

// Accounts returns a page of accounts.
func (c *Client) Accounts(ctx context.Context, q AccountQuery) (AccountList, error) {
	var page AccountList
	err := c.call(ctx, http.MethodGet, "/v1/accounts"+query(q.Limit, "handle", q.Handle, "email", q.Email, "provider", q.Provider,
		"disabled", flag(q.Disabled), "after", q.After), nil, &page)
	return page, err
}

// Account returns the account with this id or handle.
func (c *Client) Account(ctx context.Context, name string) (AccountShown, error) {
	var v AccountShown
	err := c.call(ctx, http.MethodGet, "/v1/accounts/"+url.PathEscape(name), nil, &v)
	return v, err
}

// Disable shuts an account and ends its sessions.
func (c *Client) Disable(ctx context.Context, name string) (AccountAct, error) {
	return c.act(ctx, name, "disable", struct{}{})
}

// Enable opens a disabled account.
func (c *Client) Enable(ctx context.Context, name string) (AccountAct, error) {
	return c.act(ctx, name, "enable", struct{}{})
}

// Delete erases a person; handle confirms it.
func (c *Client) Delete(ctx context.Context, name, handle string) (AccountAct, error) {
	return c.act(ctx, name, "delete", DeleteRequest{Handle: handle})
}

// Unlink takes an identity, named by its key, from an account and ends the sessions that
// it opened.
func (c *Client) Unlink(ctx context.Context, name, key string) (AccountAct, error) {
	return c.act(ctx, name, "unlink", UnlinkRequest{Identity: key})
}

func (c *Client) act(ctx context.Context, name, act string, body any) (AccountAct, error) {
	var v AccountAct
	err := c.wait(ctx, http.MethodPost, "/v1/accounts/"+url.PathEscape(name)+"/"+act, body, &v)
	return v, err
}

// DeliveryQuery selects deliveries; empty fields select all.
type DeliveryQuery struct {
	State, Kind, Provider, Session string
	Failing                        bool
	After                          string
	Limit                          int
}

// Outbox returns a page of deliveries.
func (c *Client) Outbox(ctx context.Context, q DeliveryQuery) (DeliveryList, error) {
	var page DeliveryList
	err := c.call(ctx, http.MethodGet, "/v1/outbox"+query(q.Limit, "state", q.State, "kind", q.Kind, "provider", q.Provider,
		"session", q.Session, "failing", flag(q.Failing), "after", q.After), nil, &page)
	return page, err
}

// Delivery returns one delivery.
func (c *Client) Delivery(ctx context.Context, id string) (Delivery, error) {
	var v Delivery
	err := c.call(ctx, http.MethodGet, "/v1/outbox/"+url.PathEscape(id), nil, &v)
	return v, err
}

// Retry makes what r selects due at once.
func (c *Client) Retry(ctx context.Context, r RetryRequest) (RetryAnswer, error) {
	var v RetryAnswer
	err := c.wait(ctx, http.MethodPost, "/v1/outbox/retry", r, &v)
	return v, err
}

// Providers returns the configured providers, with probe asked anew.
func (c *Client) Providers(ctx context.Context, probe bool) (ProviderList, error) {
	var v ProviderList
	err := c.call(ctx, http.MethodGet, "/v1/providers"+query(0, "probe", flag(probe)), nil, &v)
	return v, err
}

// Provider returns one configured provider.
func (c *Client) Provider(ctx context.Context, id string, probe bool) (Provider, error) {
	var v Provider
	err := c.call(ctx, http.MethodGet, "/v1/providers/"+url.PathEscape(id)+query(0, "probe", flag(probe)), nil, &v)
	return v, err
}
