package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// Cookies keeps an app's cookies for sessions, in place of the browser.
type Cookies interface {
	// Request returns the Cookie lines for the app, and Set-Cookie lines by which the
	// browser drops what it should no longer carry. session.ErrUnavailable: the store is
	// silent, which is not the same as no cookies.
	Request(ctx context.Context, id session.ID, origin httpx.Origin, in *http.Request) (lines, drop []string, err error)
	// Response takes out of h what is kept.
	Response(ctx context.Context, id session.ID, origin httpx.Origin, in *http.Request, h http.Header) error
}

// Script goes into an app's pages.
type Script interface {
	// Ask changes the headers of a request for a page so that its answer can be changed.
	Ask(h http.Header)
	// Add puts the script into an answer that can carry it.
	Add(res *http.Response, origin httpx.Origin, mark string) error
}

// admit readies what a session brings to an exchange: the app's cookies, and the script
// for its pages. It reports false when it has answered in the app's place.
func (x *exchange) admit(ctx context.Context) bool {
	if x.session == nil {
		return true
	}
	if x.upgrade && !x.ownPage() {
		x.p.o.Ended(x.w, x.in)
		return false
	}
	if x.p.o.Cookies == nil && x.p.o.Script == nil {
		return true
	}
	var err error
	if x.origin, err = x.client.Origin(); err != nil {
		x.p.o.Unavailable(x.w, x.in, &failure{status: http.StatusBadRequest, err: err})
		return false
	}
	x.script = x.p.o.Script != nil && (x.in.Method == http.MethodGet || x.in.Method == http.MethodHead) &&
		!x.upgrade && httpx.KindOf(x.in) == httpx.Navigation
	if x.p.o.Cookies == nil {
		return true
	}
	x.lines, x.drop, err = x.p.o.Cookies.Request(ctx, *x.id.Load(), x.origin, x.in)
	if err == nil {
		x.jar = true
		return true
	}
	if _, ended := errors.AsType[*session.EndedError](err); ended || errors.Is(err, session.ErrNotFound) {
		x.p.o.Ended(x.w, x.in)
		return false
	}
	x.p.o.Unavailable(x.w, x.in, &failure{status: http.StatusServiceUnavailable, err: fmt.Errorf("the session's cookies: %w", err)})
	return false
}

// setCookies puts what the app gets in place of what the browser sent.
func (x *exchange) setCookies(h http.Header) {
	sent := x.in.Header["Cookie"]
	switch {
	case x.token:
		delete(h, "Cookie")
	case !x.jar, len(x.lines) == len(sent) && (len(sent) == 0 || &x.lines[0] == &sent[0]):
	case len(x.lines) == 0:
		delete(h, "Cookie")
	default:
		h["Cookie"] = append([]string(nil), x.lines...) // Cardea's own are taken out in place
	}
}

// keepCookies keeps what the app sets, and makes the browser drop what it carries still.
func (x *exchange) keepCookies(h http.Header) error {
	if !x.jar {
		return nil
	}
	if len(h["Set-Cookie"]) > 0 {
		if err := x.p.o.Cookies.Response(x.in.Context(), *x.id.Load(), x.origin, x.in, h); err != nil {
			return fmt.Errorf("keeping the app's cookies: %w", err)
		}
	}
	if len(x.drop) > 0 { // first, so that what the app sets now is not dropped again
		h["Set-Cookie"] = append(slices.Clone(x.drop), h["Set-Cookie"]...)
	}
	return nil
}

// ownPage tells whether the page that opens a socket was made for the person who is
// signed in. A page that somebody else left open would go on with the app's session of
// that person in it. A socket without the script's mark is judged by its session alone.
func (x *exchange) ownPage() bool {
	mark, marked := markOf(x.in.URL.RawQuery)
	return !marked || mark == x.session.PageMark()
}

func markOf(query string) (mark string, marked bool) {
	for part := range strings.SplitSeq(query, "&") {
		if value, ok := strings.CutPrefix(part, httpx.PageParam+"="); ok {
			return value, true
		}
	}
	return "", false
}

// withoutMark is the query as the page made it, before the script marked it.
func withoutMark(query string) string {
	if _, marked := markOf(query); !marked {
		return query
	}
	kept := make([]string, 0, strings.Count(query, "&"))
	for part := range strings.SplitSeq(query, "&") {
		if !strings.HasPrefix(part, httpx.PageParam+"=") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}
