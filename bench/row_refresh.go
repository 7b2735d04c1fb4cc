package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
	"github.com/cardea-auth/cardea/internal/session"
)

// refreshRow: a thousand requests at once meet an expired token.
func refreshRow(ctx context.Context, l *lab) ([]result, error) {
	n := l.pick(1000, 100)
	var asked []float64
	for range l.pick(5, 1) {
		count, err := expire(ctx, l, n)
		if err != nil {
			return nil, err
		}
		asked = append(asked, float64(count))
		l.stopAll()
	}
	s := spreadOf(asked)
	return []result{{
		what:   fmt.Sprintf("token requests when %d parallel requests meet an expired token", n),
		budget: "exactly 1", measured: s.text("%.0f", ""), ok: s.least == 1 && s.greatest == 1,
		notes: []string{"counted by the provider, which takes 300 ms to answer; every request got the app's answer"},
	}}, nil
}

// expire signs in, lets the token expire, sends n requests at once, and returns how many
// refreshes the provider was asked for.
func expire(ctx context.Context, l *lab, n int) (int, error) {
	listen, err := freeport.Address()
	if err != nil {
		return 0, err
	}
	provider, err := l.startProvider(ctx, originAt(listen))
	if err != nil {
		return 0, err
	}
	app, err := l.start(ctx, spec{Role: "upstream"})
	if err != nil {
		return 0, err
	}
	w, err := l.newWorldAt("refresh", listen, app.address, provider.Issuer())
	if err != nil {
		return 0, err
	}
	gateway, err := l.start(ctx, spec{Role: "gateway", Config: w.config})
	if err != nil {
		return 0, err
	}
	seat, err := w.signIn(ctx, provider)
	if err != nil {
		return 0, fmt.Errorf("signing in: %w", err)
	}
	gateway.stop()
	if err := w.age(ctx); err != nil {
		return 0, err
	}
	if gateway, err = l.start(ctx, spec{Role: "gateway", Config: w.config}); err != nil {
		return 0, err
	}
	provider.SetFaults(devprovider.Faults{Before: func(e devprovider.Endpoint, _ *http.Request) *devprovider.Answer {
		if e == devprovider.Token {
			time.Sleep(300 * time.Millisecond)
		}
		return nil
	}})
	before := provider.Counters().TokenRequests["refresh_token"]
	if err := together(gateway.address, w.request("/api/items", seat), n); err != nil {
		return 0, err
	}
	return provider.Counters().TokenRequests["refresh_token"] - before, nil
}

// signIn is a person's way through the gateway and the provider; it returns the seat.
func (w *world) signIn(ctx context.Context, provider *devprovider.Server) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	person := devprovider.DefaultPeople()[0]
	home, err := url.Parse(w.origin + "/")
	if err != nil {
		return "", err
	}
	at := home
	for range 20 {
		if strings.HasPrefix(at.String(), provider.Issuer()) {
			if at, err = devprovider.NewVisitor(provider.Issuer(), jar, nil, person.Username, person.Password).Visit(ctx, at.String()); err != nil {
				return "", err
			}
		}
		next, err := visit(ctx, browser, at)
		if err != nil {
			return "", err
		}
		if next == nil {
			break
		}
		at = next
	}
	for _, c := range jar.Cookies(home) {
		if c.Name == w.cookie {
			return c.Value, nil
		}
	}
	return "", fmt.Errorf("no session after %s", at.Path)
}

// visit opens a page in a tab and returns where it leads, nil when it stays.
func visit(ctx context.Context, browser *http.Client, at *url.URL) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Accept": {"text/html"}}
	resp, err := browser.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		return nil, fmt.Errorf("%s answers %d", at.Path, resp.StatusCode)
	}
	next, err := resp.Location()
	if errors.Is(err, http.ErrNoLocation) {
		return nil, nil
	}
	return next, err
}

// age makes the tokens of every stored session expired, as time would.
func (w *world) age(ctx context.Context) error {
	cfg, err := w.load()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	list, err := st.List(ctx, session.Filter{})
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%d sessions where one person signed in", len(list))
	}
	for _, s := range list {
		full, rerr := st.ByID(ctx, s.ID)
		if rerr != nil {
			err = errors.Join(err, rerr)
			continue
		}
		old := *full
		old.Grant.Tokens.Expiry = time.Now().Add(-time.Minute)
		old.Grant.CheckedAt = time.Now().Add(-time.Hour)
		_, uerr := st.UpdateSession(ctx, time.Now(), &old)
		err = errors.Join(err, uerr)
	}
	return errors.Join(err, st.Close())
}

// together sends n requests on n connections that are open already, all at once.
func together(address string, request []byte, n int) error {
	conns := make([]*conn, n)
	for i := range conns {
		c, err := dial(address)
		if err != nil {
			return err
		}
		defer c.Close()
		conns[i] = c
	}
	start := make(chan struct{})
	errs := make(chan error, n)
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			<-start
			answer, err := c.first(request)
			if err == nil && !bytes.HasPrefix(answer, good) {
				err = fmt.Errorf("a request was answered %q", answer[:min(len(answer), 200)])
			}
			errs <- err
		})
	}
	close(start)
	wg.Wait()
	close(errs)
	var all error
	for err := range errs {
		if err != nil && all == nil {
			all = err
		}
	}
	return all
}
