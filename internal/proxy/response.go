package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// errSwitched: behind a switch that nobody asked for, requests would pass unseen.
var errSwitched = errors.New("app switched protocols unasked")

// modify changes the app's answer before anything of it is sent.
func (p *Proxy) modify(res *http.Response) error {
	x := exchangeOf(res.Request.Context())
	h := res.Header
	dropOwnSetCookies(h)
	if err := x.keepCookies(h); err != nil {
		return err
	}
	p.filterSiteData(h)
	delete(h, "Alt-Svc") // browsers would go around the gateway
	if res.StatusCode == http.StatusSwitchingProtocols {
		backend, ok := res.Body.(io.ReadWriteCloser)
		if !ok || !x.upgrade {
			return errSwitched
		}
		x.join(backend, res)
		return nil
	}
	if x.protected {
		p.keepPrivate(h, x.in)
	}
	if strings.HasPrefix(h.Get("Content-Type"), "text/event-stream") {
		x.lasts.Store(true)
	}
	if x.script {
		if err := p.o.Script.Add(res, x.origin, x.session.PageMark()); err != nil {
			return fmt.Errorf("adding the page script: %w", err)
		}
	}
	x.left = res.ContentLength
	x.answer.ReadCloser = res.Body
	res.Body = &x.answer
	return nil
}

// dropOwnSetCookies removes cookies under Cardea's names from an answer, those too that
// a browser would only send back under such a name (RFC 6265bis section 5.6).
func dropOwnSetCookies(h http.Header) {
	lines := h["Set-Cookie"]
	kept := lines[:0]
	for _, line := range lines {
		pair, _, _ := strings.Cut(line, ";")
		if mentionsOwn(pair) && httpx.OwnCookie(cookieName(pair)) {
			continue
		}
		kept = append(kept, line)
	}
	if len(kept) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	h["Set-Cookie"] = kept
}

// filterSiteData lets through of Clear-Site-Data what concerns the app alone: "cookies"
// ends every session of the registrable domain, and "cache" stalls browsers.
func (p *Proxy) filterSiteData(h http.Header) {
	lines := h["Clear-Site-Data"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for directive := range strings.SplitSeq(line, ",") {
			directive = strings.TrimSpace(directive)
			switch directive {
			case `"executionContexts"`, `"clientHints"`, `"prefetchCache"`, `"prerenderCache"`:
				kept = append(kept, directive)
			case `"storage"`:
				if p.o.ClearStorage {
					kept = append(kept, directive)
				}
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "Clear-Site-Data")
		return
	}
	h["Clear-Site-Data"] = []string{strings.Join(kept, ", ")}
}

var (
	revalidate = []string{"private, no-cache"}
	noStore    = []string{"private, no-store"}
	private    = []string{"private"}
)

// keepPrivate keeps a protected answer out of shared caches, and makes browsers ask
// again for pages and data (RFC 9111 section 5.2.2). Assets keep the lifetimes that
// the app gave them, in the browser alone.
func (p *Proxy) keepPrivate(h http.Header, in *http.Request) {
	if v := h["Surrogate-Control"]; v != nil {
		delete(h, "Surrogate-Control")
	}
	delete(h, "Cdn-Cache-Control")
	said := h["Cache-Control"]
	media := mediaType(h.Get("Content-Type"))
	if p.o.NoStore && isPage(media) {
		h["Cache-Control"] = noStore
		return
	}
	d := directivesOf(said)
	switch {
	case d.noStore, d.private && d.noCache:
	case isPage(media) || isData(media) || (media == "" && !isAsset(in, d)):
		h["Cache-Control"] = revalidate
	case len(said) == 0:
		h["Cache-Control"] = private
	case d.shared || !d.private:
		h["Cache-Control"] = []string{unshared(said)}
	}
}

func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

func isPage(media string) bool { return media == "text/html" || media == "application/xhtml+xml" }

func isData(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// isAsset judges an answer without a type, such as a 304, by what was asked for.
func isAsset(in *http.Request, d directives) bool {
	if d.immutable {
		return true
	}
	switch in.Header.Get("Sec-Fetch-Dest") {
	case "script", "style", "image", "font", "audio", "video", "track", "worker", "sharedworker", "serviceworker", "manifest":
		return true
	}
	return false
}

// directives are the ones of Cache-Control that matter here.
type directives struct{ noStore, noCache, private, shared, immutable bool }

func directivesOf(lines []string) directives {
	var d directives
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			// A "private" or "no-cache" with field names covers those fields only.
			switch part = strings.TrimSpace(part); {
			case strings.EqualFold(part, "no-store"):
				d.noStore = true
			case strings.EqualFold(part, "no-cache"):
				d.noCache = true
			case strings.EqualFold(part, "private"):
				d.private = true
			case strings.EqualFold(part, "immutable"):
				d.immutable = true
			case isShared(part):
				d.shared = true
			}
		}
	}
	return d
}

func isShared(directive string) bool {
	name, _, _ := strings.Cut(directive, "=")
	return strings.EqualFold(name, "public") || strings.EqualFold(name, "s-maxage") || strings.EqualFold(name, "proxy-revalidate")
}

// unshared is Cache-Control without what speaks to shared caches.
func unshared(lines []string) string {
	out := "private"
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			if part != "" && !strings.EqualFold(part, "private") && !isShared(part) {
				out += ", " + part
			}
		}
	}
	return out
}
