package admin

import (
	"bytes"
	"context"
	"crypto/tls"
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

// ErrNotFound: what was asked about is not there.
var ErrNotFound = errors.New("not found")

// ErrRefused: the gateway does not do what was asked, and asking again is of no use.
var ErrRefused = errors.New("refused")

// Endpoint is where a gateway's API is, and what opens it.
type Endpoint struct {
	Network, Address string      // as net.Dial takes them; network is "unix" or "tcp"
	Host             string      // that requests name; only for tcp, where it is Credential.Host
	Token            string      // "" for unix
	TLS              *tls.Config // nil: plain http
}

// Client talks to a running gateway. It is safe for concurrent use.
type Client struct {
	at   Endpoint
	base string
	http *http.Client
}

// NewClient returns a client of the gateway at an endpoint.
func NewClient(at Endpoint) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, at.Network, at.Address)
	}
	c := &Client{at: at, base: "http://admin", http: &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, TLSClientConfig: at.TLS},
		// A redirect would take the token elsewhere; the API answers none.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if at.Host != "" {
		c.base = "http://" + at.Host
		if at.TLS != nil {
			c.base = "https://" + at.Host
		}
	}
	return c
}

// SessionQuery selects sessions; empty fields select all.
type SessionQuery struct {
	Account, Provider, App string // Account is an id or a handle
	After                  string
	Limit                  int
}

// Sessions returns a page of sessions.
func (c *Client) Sessions(ctx context.Context, q SessionQuery) (SessionList, error) {
	var page SessionList
	err := c.call(ctx, http.MethodGet, "/v1/sessions"+query(q.Limit, "account", q.Account, "provider", q.Provider, "app", q.App, "after", q.After), nil, &page)
	return page, err
}

// query puts parameters that are not empty together.
func query(limit int, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if limit != 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func flag(set bool) string {
	if set {
		return "true"
	}
	return ""
}

// Show returns a session, or how it ended.
func (c *Client) Show(ctx context.Context, id string) (Shown, error) {
	var v Shown
	err := c.call(ctx, http.MethodGet, "/v1/sessions/"+url.PathEscape(id), nil, &v)
	return v, err
}

// End ends the sessions that r selects. progress, if not nil, is told now and then how
// far it is.
func (c *Client) End(ctx context.Context, r EndRequest, progress func(ended, of int)) (EndAnswer, error) {
	if progress == nil || r.ID != "" {
		var v EndAnswer
		err := c.call(ctx, http.MethodPost, "/v1/sessions/end", r, &v)
		return v, err
	}
	resp, err := c.send(ctx, http.MethodPost, "/v1/sessions/end", r, "Accept", linesType)
	if err != nil {
		return EndAnswer{}, err
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); ; {
		var l EndLine
		if err := dec.Decode(&l); err != nil {
			return EndAnswer{}, fmt.Errorf("the gateway's answer broke off; ask again, what has ended stays so: %w", err)
		}
		switch {
		case l.Answer != nil:
			return *l.Answer, nil
		case l.Problem != nil:
			return EndAnswer{}, told(*l.Problem)
		case l.Progress != nil:
			progress(l.Progress.Ended, l.Progress.Of)
		}
	}
}

// callWithin bounds a call whose answer is one small document.
const callWithin = time.Minute

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	return c.wait(ctx, method, path, in, out)
}

// wait is call for acts that take as long as they take.
func (c *Client) wait(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return nil
}

// send returns an answer that is no error; its body is the caller's to close.
func (c *Client) send(ctx context.Context, method, path string, in any, headers ...string) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encoding a request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.at.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.at.Token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w at %s %s", ErrNotRunning, c.at.Network, c.at.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("asking the gateway: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var p httpx.Problem
	_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&p)
	if p.Title == "" {
		p = httpx.Problem{Title: resp.Status, Status: resp.StatusCode}
	}
	return nil, told(p)
}

// told is the error that a problem document tells of.
func told(p httpx.Problem) error {
	text := p.Title
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	if p.Instance != "" {
		text += " (reference " + p.Instance + ")"
	}
	return toldError{text, p.Status}
}

type toldError struct {
	text   string
	status int
}

func (e toldError) Error() string { return e.text }

// Is makes 404 ErrNotFound, and every fault of the request ErrRefused.
func (e toldError) Is(target error) bool {
	refused := e.status >= 400 && e.status < 500 && e.status != http.StatusTooManyRequests
	return target == ErrNotFound && e.status == http.StatusNotFound || target == ErrRefused && refused
}
