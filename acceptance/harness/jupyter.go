package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Notebook is a person's own Jupyter server at a hub, used as its pages use it: with
// the person's cookies, through whatever stands before the hub.
type Notebook struct {
	person *Person
	origin string
	base   string // the server's path, with a slash at its end
}

// Notebook enters the person's own server at the hub seen at origin, and has it started
// when it does not run. The person must be signed in there, or be let in unasked.
func (p *Person) Notebook(ctx context.Context, origin string) (*Notebook, error) {
	n := &Notebook{person: p, origin: origin, base: "/user/" + p.Name + "/"}
	asked := false
	for {
		page, err := p.Navigate(Navigation{URL: origin + n.base + "lab"})
		if err != nil {
			return nil, err
		}
		switch {
		case page.Status == http.StatusOK && page.URL.Path == n.base+"lab":
			return n, nil
		case page.AsksPassword():
			return nil, fmt.Errorf("%s is not signed in at the hub: %s", p.Name, page)
		case !asked:
			asked = true
			from := page.URL
			if _, err := p.Navigate(Navigation{URL: origin + "/hub/spawn/" + p.Name, From: from}); err != nil {
				return nil, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the server of %s is not up: %w; last: %s", p.Name, ctx.Err(), page)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// At is the server as another browser of the same person's name would use it.
func (n *Notebook) At(p *Person) *Notebook {
	return &Notebook{person: p, origin: n.origin, base: n.base}
}

// Call is a script's request to the server's REST API. The answer's JSON goes to out
// unless that is nil; any status but 2xx is a StatusError.
func (n *Notebook) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.origin+n.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	n.person.mark(req, "cors", "empty", "same-origin")
	if method != http.MethodGet {
		req.Header.Set("Origin", n.origin)
		req.Header.Set("Content-Type", "application/json")
	}
	for _, c := range n.person.Jar.Cookies(req.URL) {
		if c.Name == "_xsrf" {
			req.Header.Set("X-XSRFToken", c.Value) // the longest path comes first
			break
		}
	}
	res, err := n.person.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return &StatusError{res.StatusCode, res.Header.Get("Location")}
	}
	if out == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// NewTerminal has a shell started and returns its name.
func (n *Notebook) NewTerminal(ctx context.Context) (string, error) {
	var made struct {
		Name string `json:"name"`
	}
	if err := n.Call(ctx, http.MethodPost, "api/terminals", nil, &made); err != nil {
		return "", fmt.Errorf("starting a terminal: %w", err)
	}
	return made.Name, nil
}

// NewKernel has a Python kernel started and returns its id.
func (n *Notebook) NewKernel(ctx context.Context) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	if err := n.Call(ctx, http.MethodPost, "api/kernels", map[string]string{"name": "python3"}, &made); err != nil {
		return "", fmt.Errorf("starting a kernel: %w", err)
	}
	return made.ID, nil
}

// Kernels lists the ids of the running kernels with their states.
func (n *Notebook) Kernels(ctx context.Context) (map[string]string, error) {
	var all []struct {
		ID    string `json:"id"`
		State string `json:"execution_state"`
	}
	if err := n.Call(ctx, http.MethodGet, "api/kernels", nil, &all); err != nil {
		return nil, fmt.Errorf("listing the kernels: %w", err)
	}
	states := map[string]string{}
	for _, k := range all {
		states[k.ID] = k.State
	}
	return states, nil
}

// Terminal opens the WebSocket of a terminal.
func (n *Notebook) Terminal(ctx context.Context, name string) (*Terminal, error) {
	s, err := n.dial(ctx, "terminals/websocket/"+url.PathEscape(name))
	if err != nil {
		return nil, err
	}
	return &Terminal{JupyterSocket: s}, nil
}

// Kernel opens the channels of a kernel.
func (n *Notebook) Kernel(ctx context.Context, id string) (*Kernel, error) {
	session := newUUID()
	s, err := n.dial(ctx, "api/kernels/"+url.PathEscape(id)+"/channels?session_id="+session)
	if err != nil {
		return nil, err
	}
	return &Kernel{JupyterSocket: s, session: session, user: n.person.Name}, nil
}

func (n *Notebook) dial(ctx context.Context, path string) (*JupyterSocket, error) {
	conn, res, err := n.person.Dial(ctx, strings.Replace(n.origin, "http", "ws", 1)+n.base+path, nil)
	if err != nil {
		if res != nil {
			return nil, &StatusError{res.StatusCode, res.Header.Get("Location")}
		}
		return nil, err
	}
	return listen(conn), nil
}
