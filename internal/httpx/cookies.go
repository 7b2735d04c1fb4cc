package httpx

import (
	"net/http"
	"strings"
	"time"
)

// Cookies names Cardea's own cookies at one origin. Cookies ignore ports, so that on
// plain http, where the __Host- prefix cannot be had, the name carries the port.
type Cookies struct {
	Seat     string // the seat value
	Browser  string // the browser's binding, for sign-ins under way
	Language string // the language that was chosen here
	Provider string // the id of the provider of the last sign-in
	secure   bool
}

// RememberFor is how long a browser remembers what a person chose: as long as browsers
// keep any cookie (RFC 6265bis section 5.5).
const RememberFor = 400 * 24 * time.Hour

// CookiesOf returns the names at an origin.
func CookiesOf(o Origin) Cookies {
	if o.Secure() {
		const host = "__Host-cardea"
		return Cookies{Seat: host, Browser: host + "-browser", Language: host + "-language", Provider: host + "-provider", secure: true}
	}
	port := o.Port()
	return Cookies{
		Seat: "cardea-" + port, Browser: "cardea-browser-" + port,
		Language: "cardea-language-" + port, Provider: "cardea-provider-" + port,
	}
}

// SetSeat sets the seat cookie; life zero makes it a cookie of the browser's session.
func (c Cookies) SetSeat(w http.ResponseWriter, value string, life time.Duration) {
	c.set(w, c.Seat, value, life)
}

// SetBrowser sets the binding cookie, which lives as long as the browser's session.
func (c Cookies) SetBrowser(w http.ResponseWriter, value string) {
	c.set(w, c.Browser, value, 0)
}

// SetLanguage remembers a language.
func (c Cookies) SetLanguage(w http.ResponseWriter, tag string) {
	c.set(w, c.Language, tag, RememberFor)
}

// SetProvider remembers the provider of a sign-in.
func (c Cookies) SetProvider(w http.ResponseWriter, id string) {
	c.set(w, c.Provider, id, RememberFor)
}

// ForgetProvider takes that back.
func (c Cookies) ForgetProvider(w http.ResponseWriter) {
	c.set(w, c.Provider, "", -time.Second)
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
	for _, kind := range []string{"browser-", "language-", "provider-"} {
		if rest, ok := strings.CutPrefix(port, kind); ok {
			return rest != "" && validPort(rest)
		}
	}
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
