package main

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

// suite is the conformance suite's HTTP API.
type suite struct {
	base  string // with a slash at its end
	token string // for a suite that asks for one
	http  *http.Client
}

// plan is a plan as the suite made it.
type plan struct {
	ID      string   `json:"id"`
	Modules []module `json:"modules"`
}

// module is one of a plan's tests and the variant the plan fixes for it.
type module struct {
	Name    string            `json:"testModule"`
	Variant map[string]string `json:"variant"`
}

// info is a module's state: its status says how far it is, its result how it went.
type info struct {
	Status string `json:"status"`
	Result string `json:"result"`
}

func (i info) over() bool { return i.Status == "FINISHED" || i.Status == "INTERRUPTED" }

// entry is a line of a module's log.
type entry struct {
	Source  string `json:"src"`
	Message string `json:"msg"`
	Result  string `json:"result"`
}

// createPlan makes a plan of configuration, which is the content of suite.json.
func (s *suite) createPlan(ctx context.Context, name string, variant map[string]string, configuration map[string]any) (plan, error) {
	query := url.Values{"planName": {name}}
	if len(variant) > 0 {
		query.Set("variant", asJSON(variant))
	}
	var out plan
	err := s.call(ctx, http.MethodPost, "api/plan", query, configuration, &out)
	return out, err
}

// start makes an instance of a plan's module and returns its id.
func (s *suite) start(ctx context.Context, p plan, m module) (string, error) {
	query := url.Values{"test": {m.Name}, "plan": {p.ID}}
	if len(m.Variant) > 0 {
		query.Set("variant", asJSON(m.Variant))
	}
	var out struct {
		ID string `json:"id"`
	}
	err := s.call(ctx, http.MethodPost, "api/runner", query, nil, &out)
	return out.ID, err
}

func (s *suite) info(ctx context.Context, id string) (info, error) {
	var out info
	err := s.call(ctx, http.MethodGet, "api/info/"+id, nil, nil, &out)
	return out, err
}

// await asks for a module's state until it satisfies done.
func (s *suite) await(ctx context.Context, id string, patience time.Duration, done func(info) bool) (info, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		now, err := s.info(ctx, id)
		if err == nil && done(now) {
			return now, nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return now, fmt.Errorf("module %s stays %s: %w", id, now.Status, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// visits lists the addresses that a module wants a browser sent to.
func (s *suite) visits(ctx context.Context, id string) ([]string, error) {
	var out struct {
		URLs []string `json:"urls"`
	}
	err := s.call(ctx, http.MethodGet, "api/runner/browser/"+id, nil, nil, &out)
	return out.URLs, err
}

// visited says that a browser was sent there.
func (s *suite) visited(ctx context.Context, id, address string) error {
	return s.call(ctx, http.MethodPost, "api/runner/browser/"+id+"/visit", url.Values{"url": {address}}, nil, nil)
}

// complaints are the log's entries that made a module fail or warn.
func (s *suite) complaints(ctx context.Context, id string) ([]entry, error) {
	var all, bad []entry
	if err := s.call(ctx, http.MethodGet, "api/log/"+id, nil, nil, &all); err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.Result == "FAILURE" || e.Result == "WARNING" {
			bad = append(bad, e)
		}
	}
	return bad, nil
}

func (s *suite) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("asking the suite: %w", err)
		}
		payload = bytes.NewReader(data)
	}
	address := s.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, payload)
	if err != nil {
		return fmt.Errorf("asking the suite: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking the suite: %w", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("asking the suite: %w", err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the suite answers %d to %s %s: %.300s", res.StatusCode, method, path, strings.TrimSpace(string(data)))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the suite's answer to %s %s: %w", method, path, err)
	}
	return nil
}

// asJSON writes a map of strings, which always encodes.
func asJSON(m map[string]string) string {
	data, _ := json.Marshal(m)
	return string(data)
}
