package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// maxHops bounds a chain of redirects, forms and refreshes; browsers stop at 20.
const maxHops = 20

var errLost = errors.New("redirects without end")

// person is somebody with a browser, carried by HTTP alone. Scripts do not run: of the
// suite's pages those two that have one are recognised by what they hold.
type person struct {
	client *http.Client
	// framed are the answers to frames that pages loaded, by their address.
	framed []frame
	// within, where it is set, is the origin that the person does not leave.
	within string
}

// frame is one load of a frame.
type frame struct {
	url    string
	status int
}

// page is where a navigation ended.
type page struct {
	url    *url.URL
	status int
	header http.Header
	body   string
}

// newPerson opens a fresh browser that trusts the given certificates.
func newPerson(roots *x509.CertPool) (*person, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &person{client: &http.Client{
		Jar: jar, Timeout: time.Minute,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// request is one step of a navigation.
type request struct {
	method string
	target *url.URL
	form   url.Values
	from   *url.URL // the page that it starts from; nil: the address bar
}

// open navigates as if the address were typed.
func (p *person) open(ctx context.Context, address string) (page, error) {
	target, err := url.Parse(address)
	if err != nil {
		return page{}, err
	}
	return p.navigate(ctx, request{method: http.MethodGet, target: target})
}

// fetch makes a script's request from a page of the same origin, and follows nothing.
func (p *person) fetch(ctx context.Context, address string) (page, error) {
	target, err := url.Parse(address)
	if err != nil {
		return page{}, err
	}
	return p.ask(ctx, request{method: http.MethodGet, target: target, from: target}, "same-origin", "empty")
}

// post sends a form of a page.
func (p *person) post(ctx context.Context, from page, action string, form url.Values) (page, error) {
	target, err := from.url.Parse(action)
	if err != nil {
		return page{}, err
	}
	return p.navigate(ctx, request{method: http.MethodPost, target: target, form: form, from: from.url})
}

// navigate follows redirects, refreshes and the suite's own pages to the end.
func (p *person) navigate(ctx context.Context, r request) (page, error) {
	site := "none"
	for range maxHops {
		if r.from != nil {
			site = farther(site, relation(r.from, r.target))
		}
		at, err := p.ask(ctx, r, site, "document")
		if err != nil {
			return at, err
		}
		next, redirected, err := p.onward(ctx, at)
		if err != nil || next.target == nil || p.within != "" && origin(next.target) != p.within {
			return at, err
		}
		if redirected {
			next.from = r.from
		} else {
			site = "none" // a navigation of its own, started by the page
		}
		r = next
	}
	return page{}, errLost
}

// onward is where a page leads by itself; a request without a target says nowhere.
func (p *person) onward(ctx context.Context, at page) (next request, redirected bool, err error) {
	next = request{method: http.MethodGet, from: at.url}
	if to := at.header.Get("Location"); to != "" && at.status/100 == 3 {
		next.target, err = at.url.Parse(to)
		return next, true, err
	}
	if found := refreshTag.FindStringSubmatch(at.body); found != nil {
		next.target, err = at.url.Parse(html.UnescapeString(found[1]))
		return next, false, err
	}
	if strings.Contains(at.body, "submitform()") {
		if found := formTag.FindStringSubmatch(at.body); found != nil {
			next.method, next.form = http.MethodPost, hidden(at.body)
			next.target, err = at.url.Parse(html.UnescapeString(found[1]))
			return next, false, err
		}
	}
	if found := frameScript.FindStringSubmatch(at.body); found != nil {
		to, err := p.loadFrame(ctx, at, meant(unscript(found[1])))
		if err != nil || to == "" {
			return request{}, false, err
		}
		next.target, err = at.url.Parse(to)
		return next, false, err
	}
	return request{}, false, nil
}

var (
	refreshTag     = regexp.MustCompile(`http-equiv="refresh" content="0; ?url=([^"]*)"`)
	formTag        = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)
	hiddenTag      = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
	frameScript    = regexp.MustCompile(`iframe\.src = '([^']*)'`)
	callbackScript = regexp.MustCompile(`let url = '([^']*)'`)
	escapedSign    = regexp.MustCompile(`\\(.)`)
	onwardScript   = regexp.MustCompile(`window\.location\.href='([^']*)'`)
)

// hidden reads the fields of a form that sends itself (Form Post Response Mode section 2).
func hidden(body string) url.Values {
	form := url.Values{}
	for _, found := range hiddenTag.FindAllStringSubmatch(body, -1) {
		form.Add(html.UnescapeString(found[1]), html.UnescapeString(found[2]))
	}
	return form
}

// loadFrame does what the suite's logout page does by script: it loads the relying party's
// address in a frame, tells the suite, and goes where the page leads, "" for nowhere.
func (p *person) loadFrame(ctx context.Context, at page, address string) (onward string, err error) {
	target, err := at.url.Parse(address)
	if err != nil {
		return "", err
	}
	in, err := p.ask(ctx, request{method: http.MethodGet, target: target, from: at.url}, relation(at.url, target), "iframe")
	if err != nil {
		return "", fmt.Errorf("loading the frame: %w", err)
	}
	p.framed = append(p.framed, frame{url: address, status: in.status})
	if found := callbackScript.FindStringSubmatch(at.body); found != nil {
		told, err := at.url.Parse(unscript(found[1]) + "?loaded=true")
		if err != nil {
			return "", err
		}
		if _, err := p.ask(ctx, request{method: http.MethodGet, target: told, from: at.url}, relation(at.url, told), "empty"); err != nil {
			return "", fmt.Errorf("telling the suite that the frame is loaded: %w", err)
		}
	}
	if found := onwardScript.FindStringSubmatch(at.body); found != nil {
		return unscript(found[1]), nil
	}
	return "", nil
}

// unscript reads an address that a template escaped for a script's string, and then for
// HTML: browsers do not undo the second, so that they ask for another address than is meant.
func unscript(s string) string {
	return escapedSign.ReplaceAllString(html.UnescapeString(s), "$1")
}

// meant encodes the sid at an address's end: the suite's session ids hold characters such
// as # and ;, and the suite writes them as they are.
func meant(address string) string {
	before, sid, ok := strings.Cut(address, "&sid=")
	if !ok {
		return address
	}
	return before + "&sid=" + url.QueryEscape(sid)
}

// ask makes one request as a browser does, and follows nothing.
func (p *person) ask(ctx context.Context, r request, site, dest string) (page, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.target.String(), strings.NewReader(r.form.Encode()))
	if err != nil {
		return page{}, err
	}
	mode := "navigate"
	if dest == "empty" {
		mode = "cors"
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	req.Header.Set("Accept-Language", "en")
	req.Header.Set("Sec-Fetch-Site", site)
	req.Header.Set("Sec-Fetch-Mode", mode)
	req.Header.Set("Sec-Fetch-Dest", dest)
	if r.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin(r.from))
	}
	res, err := p.client.Do(req)
	if err != nil {
		return page{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return page{}, fmt.Errorf("reading %s: %w", r.target.Redacted(), err)
	}
	return page{url: r.target, status: res.StatusCode, header: res.Header, body: string(body)}, nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// relation is what Sec-Fetch-Site says of a request from one page to an address.
func relation(from, to *url.URL) string {
	switch {
	case origin(from) == origin(to):
		return "same-origin"
	case from.Scheme == to.Scheme && from.Hostname() == to.Hostname():
		return "same-site"
	}
	return "cross-site"
}

// farther returns the more distant of two relations: redirects keep the farthest.
func farther(a, b string) string {
	rank := map[string]int{"none": 0, "same-origin": 1, "same-site": 2, "cross-site": 3}
	if rank[a] > rank[b] {
		return a
	}
	return b
}
