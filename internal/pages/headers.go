package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// policy says in what a page's headers differ from the strictest.
type policy struct {
	// formAction is the target of the page's form, empty without one.
	formAction string
	// keepOrigin is set where the form's receiver is ours and compares Origin.
	keepOrigin bool
	// framed is set for the one page that has to be visible inside a frame.
	framed bool
	// style is the hash of the page's style sheet.
	style string
	// script is the hash of the page's one script, which may call its own origin.
	script string
	// pictures lets the page show pictures of its own origin.
	pictures bool
}

// setHeaders writes the headers that all pages share.
//
// Under Referrer-Policy no-referrer a browser sends "Origin: null" with a form's
// POST (Fetch, "append a request Origin header"), which the receiving handler
// must refuse. Pages whose form comes back to us therefore name the weakest
// policy that keeps Origin: same-origin, or strict-origin when the form goes from
// an app's host to the gateway's.
func (p *Pages) setHeaders(h http.Header, l localizer, pol policy) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", l.Tag)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	addVary(h, "Accept-Language")
	addVary(h, "Cookie")
	h.Set("Referrer-Policy", referrerPolicy(pol))

	ancestors := "'none'"
	if pol.framed {
		// X-Frame-Options or frame-ancestors 'none' would hide the link from the
		// only people it is for. That page has no form, no name and no state.
		ancestors = "*"
		h.Del("X-Frame-Options")
		h.Del("Cross-Origin-Opener-Policy")
		h.Del("Cross-Origin-Resource-Policy")
	} else {
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
	}
	pictures := "data:"
	if pol.pictures {
		pictures = "'self' data:"
	}
	csp := []string{
		"default-src 'none'",
		"style-src " + pol.style,
		"img-src " + pictures,
		"base-uri 'none'",
		"form-action " + formSources(pol.formAction),
		"frame-ancestors " + ancestors,
	}
	if pol.script != "" {
		csp = append(csp, "script-src "+pol.script, "connect-src 'self'")
	}
	h.Set("Content-Security-Policy", strings.Join(csp, "; "))
}

func referrerPolicy(pol policy) string {
	switch {
	case pol.formAction == "" || !pol.keepOrigin:
		return "no-referrer"
	case strings.HasPrefix(pol.formAction, "/"):
		return "same-origin"
	default:
		return "strict-origin"
	}
}

// formSources is the form-action source list for one checked target (CSP3
// section 6.4.1). Host sources cannot spell an IPv6 address, so for one the
// scheme has to do.
func formSources(action string) string {
	switch {
	case action == "":
		return "'none'"
	case strings.HasPrefix(action, "/"):
		return "'self'"
	}
	u, err := url.Parse(action)
	if err != nil {
		return "'none'"
	}
	if strings.HasPrefix(u.Host, "[") {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

func addVary(h http.Header, field string) {
	for _, line := range h.Values("Vary") {
		for v := range strings.SplitSeq(line, ",") {
			if v = strings.TrimSpace(v); v == "*" || strings.EqualFold(v, field) {
				return
			}
		}
	}
	h.Add("Vary", field)
}

// cspHash is the hash-source of an inline element's content (CSP3 section 2.3.1).
func cspHash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

var cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)

// compactCSS drops comments and indentation; it travels with every page.
func compactCSS(css string) string {
	var b strings.Builder
	for line := range strings.Lines(cssComment.ReplaceAllString(css, "")) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
