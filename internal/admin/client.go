package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// ErrNotRunning: nothing answers at the admin address.
var ErrNotRunning = errors.New("no running gateway answers")

// Client talks to a running gateway. It is safe for concurrent use.
type Client struct {
	network, address string
	http             *http.Client
}

// NewClient returns a client for network ("unix" or "tcp") and address.
func NewClient(network, address string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	return &Client{
		network: network, address: address,
		http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: time.Minute},
	}
}

// Sessions returns a page of sessions.
func (c *Client) Sessions(ctx context.Context, account, provider, after string, limit int) (SessionList, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, v := range map[string]string{"account": account, "provider": provider, "after": after} {
		if v != "" {
			q.Set(name, v)
		}
	}
	var page SessionList
	err := c.call(ctx, http.MethodGet, "/v1/sessions?"+q.Encode(), nil, &page)
	return page, err
}

// Show returns a session, or how it ended.
func (c *Client) Show(ctx context.Context, id string) (Shown, error) {
	var v Shown
	err := c.call(ctx, http.MethodGet, "/v1/sessions/"+url.PathEscape(id), nil, &v)
	return v, err
}

// End ends the sessions that r selects.
func (c *Client) End(ctx context.Context, r EndRequest) (EndAnswer, error) {
	var v EndAnswer
	err := c.call(ctx, http.MethodPost, "/v1/sessions/end", r, &v)
	return v, err
}

// Outbox lists deliveries; state "" lists all that are kept.
func (c *Client) Outbox(ctx context.Context, state string) ([]Delivery, error) {
	var list []Delivery
	err := c.call(ctx, http.MethodGet, "/v1/outbox?state="+url.QueryEscape(state), nil, &list)
	return list, err
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, body)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w at %s %s", ErrNotRunning, c.network, c.address)
	}
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var p httpx.Problem
		_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&p)
		if p.Title == "" {
			p.Title = resp.Status
		}
		if p.Detail != "" {
			p.Title += ": " + p.Detail
		}
		return errors.New(p.Title)
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return nil
}
