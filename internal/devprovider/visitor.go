package devprovider

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Visitor is a person at a browser without scripts, for tests that need a sign-in but not a real
// browser. It is not safe for concurrent use.
type Visitor struct {
	// Client keeps the cookies in its Jar and must not follow redirects; see NewVisitor.
	Client *http.Client
	// Issuer tells the provider's pages from the relying party's.
	Issuer string
	// Username and Password are what the visitor types.
	Username, Password string
	// Deny answers the consent page with no.
	Deny bool
	// Framed lists the addresses that the provider's pages loaded out of sight. They are asked for as
	// a browser does from another site's page: without cookies.
	Framed []string
	// Asked lists what pages were answered since the visitor was made: login, select, consent, logout.
	Asked []string
	// Visited lists the addresses that were opened.
	Visited []string
}

// ErrStuck is returned where the provider's page is none that a Visitor can answer.
var ErrStuck = errors.New("the provider shows a page without a way on")

// NewVisitor makes a visitor whose requests use transport (nil: the default) and jar.
func NewVisitor(issuer string, jar http.CookieJar, transport http.RoundTripper, username, password string) *Visitor {
	return &Visitor{
		Client: &http.Client{
			Jar: jar, Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Issuer: issuer, Username: username, Password: password,
	}
}

// Visit opens an address of the provider and answers its pages until it sends the browser to an
// address that is not the provider's, which it returns without opening it.
func (v *Visitor) Visit(ctx context.Context, address string) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("visiting the provider: %w", err)
	}
	for range 20 {
		page, location, err := v.open(req)
		if err != nil {
			return nil, fmt.Errorf("visiting the provider: %w", err)
		}
		switch {
		case location != nil:
		case strings.Contains(page, `id="front-channel"`):
			location, err = v.loadFrames(req, page)
		case strings.Contains(page, "document.forms[0].submit()"):
			location, err = v.submit(req, page)
		}
		if err != nil {
			return nil, fmt.Errorf("visiting the provider: %w", err)
		}
		if location != nil {
			if !v.atProvider(location) {
				return location, nil
			}
			req, err = http.NewRequestWithContext(ctx, http.MethodGet, location.String(), nil)
		} else {
			req, err = v.answer(req, page)
		}
		if err != nil {
			return nil, fmt.Errorf("visiting the provider: %w", err)
		}
	}
	return nil, fmt.Errorf("visiting the provider: %w: too many steps", ErrStuck)
}

// SignOutThere presses the button on the provider's home page, and loads the frames of the page that
// comes then.
func (v *Visitor) SignOutThere(ctx context.Context, home string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(home, "/")+"/sign-out", nil)
	if err != nil {
		return fmt.Errorf("signing out at the provider: %w", err)
	}
	page, location, err := v.open(req)
	if err == nil && location == nil && strings.Contains(page, `id="front-channel"`) {
		_, err = v.loadFrames(req, page)
	}
	if err != nil {
		return fmt.Errorf("signing out at the provider: %w", err)
	}
	return nil
}

func (v *Visitor) atProvider(u *url.URL) bool {
	issuer := strings.TrimSuffix(v.Issuer, "/")
	return u.String() == issuer || strings.HasPrefix(u.String(), issuer+"/")
}

// loadFrames loads the frames of the page that ends a sign-in and returns where it leads then. What
// the frames answer is nothing to the page.
func (v *Visitor) loadFrames(at *http.Request, page string) (*url.URL, error) {
	frames := &http.Client{Transport: v.Client.Transport, Timeout: logoutPatience}
	for _, found := range regexp.MustCompile(`<iframe hidden src="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		address := html.UnescapeString(found[1])
		req, err := http.NewRequestWithContext(at.Context(), http.MethodGet, address, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "iframe")
		v.Framed = append(v.Framed, address)
		if resp, err := frames.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
			resp.Body.Close()
		}
	}
	next := regexp.MustCompile(`id="continue" href="([^"]*)"`).FindStringSubmatch(page)
	if next == nil {
		return nil, ErrStuck
	}
	return at.URL.Parse(html.UnescapeString(next[1]))
}

// submit posts the form that answers an authorization request, as the page's script does: to another
// site, so that cookies of SameSite=Lax stay at home. It returns where the answer leads.
func (v *Visitor) submit(at *http.Request, page string) (*url.URL, error) {
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(page)
	if action == nil {
		return nil, ErrStuck
	}
	form := url.Values{}
	for _, field := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	address := html.UnescapeString(action[1])
	req, err := http.NewRequestWithContext(at.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Origin": originOf(v.Issuer), "Accept": "text/html",
		"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
	} {
		req.Header.Set(name, value)
	}
	bare := &http.Client{Transport: v.Client.Transport, CheckRedirect: v.Client.CheckRedirect}
	resp, err := bare.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // only where it leads matters
	if v.Client.Jar != nil {
		v.Client.Jar.SetCookies(req.URL, resp.Cookies())
	}
	if resp.StatusCode/100 != 3 {
		return nil, fmt.Errorf("%w: the posted answer got status %d", ErrStuck, resp.StatusCode)
	}
	return resp.Location()
}

func (v *Visitor) open(req *http.Request) (page string, location *url.URL, err error) {
	v.Visited = append(v.Visited, req.URL.String())
	resp, err := v.Client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", nil, err
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		location, err = resp.Location()
		return "", location, err
	}
	if resp.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("%w: status %d", ErrStuck, resp.StatusCode)
	}
	return string(body), nil, nil
}

// answer fills in the form of a page.
func (v *Visitor) answer(at *http.Request, page string) (*http.Request, error) {
	form := url.Values{}
	act := ""
	var action string
	for _, kind := range []string{"login", "select", "consent"} {
		found := regexp.MustCompile(`action="([^"]*/interaction/[^"]*/` + kind + `)"`).FindStringSubmatch(page)
		if found != nil {
			act, action = kind, found[1]
			break
		}
	}
	if found := regexp.MustCompile(`action="([^"]*/end-session/confirm/[^"]*)"`).FindStringSubmatch(page); found != nil {
		act, action = "logout", found[1]
	}
	account := regexp.MustCompile(`name="account" value="([^"]*)"`).FindStringSubmatch(page)
	switch {
	case act == "login" && strings.Contains(page, `id="login-error"`):
		return nil, fmt.Errorf("%w: the password was refused", ErrStuck)
	case act == "login":
		form.Set("username", v.Username)
		form.Set("password", v.Password)
	case act == "logout":
		form.Set("answer", "yes")
	case act == "select" && account != nil:
		form.Set("account", account[1])
	case act == "consent" && account != nil:
		form.Set("account", account[1])
		form.Set("answer", map[bool]string{false: "allow", true: "deny"}[v.Deny])
	default:
		return nil, ErrStuck
	}
	v.Asked = append(v.Asked, act)
	target, err := at.URL.Parse(action)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(at.Context(), http.MethodPost, target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req, nil
}
