package httpx

import (
	"net/http"
	"strings"
	"time"
)

// Cookies names Cardea's own cookies at one origin. Cookies ignore ports, so that on
// plain http, where the __Host- prefix cannot be had, the name carries the port.
type Cookies struct {
	Seat    string // the seat value
	Browser string // the browser's binding, for sign-ins under way
	secure  bool
}

// CookiesOf returns the names at an origin.
func CookiesOf(o Origin) Cookies {
	if o.Secure() {
		return Cookies{Seat: "__Host-cardea", Browser: "__Host-cardea-browser", secure: true}
	}
	return Cookies{Seat: "cardea-" + o.Port(), Browser: "cardea-browser-" + o.Port()}
}

// SetSeat sets the seat cookie; life zero makes it a cookie of the browser's session.
func (c Cookies) SetSeat(w http.ResponseWriter, value string, life time.Duration) {
	c.set(w, c.Seat, value, life)
}

// SetBrowser sets the binding cookie, which lives as long as the browser's session.
func (c Cookies) SetBrowser(w http.ResponseWriter, value string) {
	c.set(w, c.Browser, value, 0)
}

func (c Cookies) set(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// OwnCookie tells whether a cookie of this name is Cardea's at any origin. Browsers
// treat the prefix __Host- without regard to case.
func OwnCookie(name string) bool {
	const prefix = "__host-cardea"
	if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		rest := name[len(prefix):]
		return rest == "" || rest[0] == '-'
	}
	port, ok := strings.CutPrefix(name, "cardea-")
	if !ok {
		return false
	}
	port = strings.TrimPrefix(port, "browser-")
	return port != "" && validPort(port)
}

// CookieValue returns the value of the one cookie of that name. Two different ones
// under one name give none: somebody planted one, and which is ours cannot be told.
// It does not allocate.
func CookieValue(h http.Header, name string) string {
	found := ""
	for _, line := range h["Cookie"] {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
			if !ok || key != name || value == found {
				continue
			}
			if found != "" {
				return ""
			}
			found = value
		}
	}
	return found
}
