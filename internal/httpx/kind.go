package httpx

import (
	"net/http"
	"strings"
)

// Kind is what a request is to the browser that sent it.
type Kind int

// Kinds of requests. Only a Navigation may start a sign-in.
const (
	Other      Kind = iota // fetch, XHR, event stream, sub-resource, prefetch, a program
	Navigation             // a page in a tab of its own
	Framed                 // a page in a frame
	Upgrade                // a WebSocket or another upgrade
)

// KindOf classifies a request by Fetch Metadata. Browsers send none on WebSocket
// handshakes and on plain http origins; there a GET that prefers HTML is taken for
// a navigation, which scripts and programs do not look like unless they mean to.
func KindOf(r *http.Request) Kind {
	if IsUpgrade(r) {
		return Upgrade
	}
	mode, dest := r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	switch {
	case Prefetch(r):
		return Other
	case mode == "navigate" && (dest == "document" || dest == ""):
		return Navigation
	case mode == "navigate" && (dest == "iframe" || dest == "frame" || dest == "embed" || dest == "object" || dest == "fencedframe"):
		return Framed
	case mode != "" || dest != "":
		return Other
	}
	if r.Header.Get("X-Requested-With") != "" || !acceptsHTML(r.Header) {
		return Other
	}
	return Navigation
}

// IsUpgrade tells whether the request asks to leave HTTP (RFC 9110 section 7.8), or is
// an extended CONNECT (RFC 8441).
func IsUpgrade(r *http.Request) bool {
	if r.Method == http.MethodConnect {
		return true
	}
	if r.Header.Get("Upgrade") == "" {
		return false
	}
	for _, line := range r.Header["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return true
			}
		}
	}
	return false
}

// Prefetch tells whether nobody asked for this page yet: it may not change or start anything.
func Prefetch(r *http.Request) bool {
	return r.Header.Get("Sec-Purpose") != "" || r.Header.Get("Purpose") == "prefetch" || r.Header.Get("X-Moz") == "prefetch"
}

func acceptsHTML(h http.Header) bool {
	for _, line := range h["Accept"] {
		for part := range strings.SplitSeq(line, ",") {
			media, _, _ := strings.Cut(part, ";")
			switch strings.TrimSpace(media) {
			case "text/html", "application/xhtml+xml":
				return true
			}
		}
	}
	return false
}

// WantsPage tells whether a failure is best told as a page rather than as a problem document.
func WantsPage(r *http.Request) bool {
	if k := KindOf(r); k == Navigation || k == Framed {
		return true
	}
	return !IsUpgrade(r) && r.Header.Get("Sec-Fetch-Mode") == "" && acceptsHTML(r.Header)
}

// OwnNavigation tells whether a GET surely comes from a person who followed a link or
// sent a form on this very origin in a tab of its own. Missing headers do not prove it.
func OwnNavigation(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "same-origin" && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document" && !Prefetch(r)
}

// FromOrigin tells whether the request's Origin header names o. A form on a page with
// Referrer-Policy no-referrer sends "null" to its own origin; Sec-Fetch-Site, which pages
// cannot forge, decides then.
func FromOrigin(r *http.Request, o Origin) bool {
	values := r.Header["Origin"]
	if len(values) != 1 {
		return false
	}
	if values[0] == "null" {
		return r.Header.Get("Sec-Fetch-Site") == "same-origin"
	}
	return Origin(values[0]) == o
}

// PageParam is the query parameter by which a page tells, when it opens a WebSocket,
// for whom it was made (session.PageMark). It never reaches an app.
const PageParam = "cardea-page"
