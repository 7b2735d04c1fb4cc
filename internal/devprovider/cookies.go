package devprovider

import (
	"net/http"
	"net/url"
	"time"
)

// cookieName carries the port, since cookies ignore ports and several providers may run.
func (p *Provider) cookieName(kind string) string {
	return "devprovider-" + p.port + "-" + kind
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

func (p *Provider) setCookie(w http.ResponseWriter, kind, value string) {
	path := p.path + "/"
	if p.strict { // a record's endpoints need not be below the issuer
		path = "/"
	}
	c := &http.Cookie{
		Name: p.cookieName(kind), Value: value, Path: path,
		HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// withCookie is r as if the browser had sent one more cookie, the last of that name counting.
func withCookie(r *http.Request, name, value string) *http.Request {
	changed := r.Clone(r.Context())
	changed.Header.Del("Cookie")
	for _, c := range r.Cookies() {
		if c.Name != name {
			changed.AddCookie(c)
		}
	}
	changed.AddCookie(&http.Cookie{Name: name, Value: value})
	return changed
}

// browserID returns the value of the cookie that tells browsers apart, setting it if need be.
func (p *Provider) browserID(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(p.cookieName("browser")); err == nil && c.Value != "" {
		return c.Value
	}
	value := randomValue()
	p.setCookie(w, "browser", value)
	return value
}

// browserSession is the live sign-in of the request's browser. The caller holds p.mu.
func (p *Provider) browserSession(r *http.Request, now time.Time) *session {
	c, err := r.Cookie(p.cookieName("session"))
	if err != nil {
		return nil
	}
	sess := p.state.sessionByCookie(c.Value, now)
	if sess == nil {
		return nil
	}
	if _, ok := p.personBySubject(sess.Subject); !ok {
		return nil
	}
	copied := *sess
	return &copied
}
