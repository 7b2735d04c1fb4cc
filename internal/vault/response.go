package vault

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// Response takes what is kept here out of h["Set-Cookie"], h being the app's answer to in
// as the client sent it, and returns when that is durable. It is called for final answers
// and for 101. A store that does not take it is tried again later: the cookies are kept
// in memory meanwhile, and the error is nil. Those of a session that has ended are lost,
// also without error. An error means that the jar could not be had at all, or that ctx
// ended first; what belongs here is out of h then too.
func (a *App) Response(ctx context.Context, id session.ID, origin httpx.Origin, in *http.Request, h http.Header) error {
	lines := h["Set-Cookie"]
	if len(lines) == 0 || a.mode == Off {
		return nil
	}
	now := a.vault.now()
	src := source{host: hostname(origin), path: requestPath(in), secure: secureOrigin(origin), now: now}
	if a.mode == Observe {
		a.observeResponse(lines, src)
		return nil
	}
	t := &taking{app: a, origin: origin, in: in, site: siteOf(in, src.host), read: a.readAll(lines, src)}
	_, err := a.vault.change(ctx, key{id, a.name}, now.UnixMilli(), t.fill)
	if !t.filled {
		t.withoutJar()
	}
	if len(t.out) == 0 {
		delete(h, "Set-Cookie")
	} else {
		h["Set-Cookie"] = t.out
	}
	switch {
	case err == nil || gone(err):
		return nil
	case !t.filled || ctx.Err() != nil:
		return fmt.Errorf("keeping an app's cookies: %w", err)
	}
	a.vault.say.failing(err)
	return nil
}

// answer is a Set-Cookie line as understood.
type answer struct {
	line    string
	cookie  made
	own     bool // Cardea's: none of our business
	refused refusal
}

// readAll reads the lines; what a browser would refuse is refused here and told.
func (a *App) readAll(lines []string, src source) []answer {
	out := make([]answer, 0, len(lines))
	for _, line := range lines {
		c, refused := parseSetCookie(line)
		r := answer{line: line, refused: refused}
		if refused == "" {
			r.own = ownName(c.name, c.value)
		}
		if refused == "" && !r.own {
			r.cookie, r.refused = c.at(src)
		}
		if r.refused != "" {
			a.vault.say.now(a.name, "app sets a cookie that browsers refuse: "+string(r.refused), 1)
		}
		out = append(out, r)
	}
	return out
}

// taking sorts the lines of one answer into what is kept and what goes on.
type taking struct {
	app    *App
	origin httpx.Origin
	in     *http.Request
	site   site
	read   []answer

	filled bool
	out    []string // the lines that go on
}

// fill runs with the jar locked.
func (t *taking) fill(b *batch) {
	t.filled, t.out = true, nil
	for i := range t.read {
		r := &t.read[i]
		switch {
		case r.own:
			t.out = append(t.out, r.line)
		case r.refused != "":
		case r.cookie.expired:
			t.remove(b, r)
		case t.app.keeps(&r.cookie):
			t.keep(b, r)
		default:
			b.do(op{verb: opPass, cookie: &r.cookie.cookie, origin: t.origin})
			t.out = append(t.out, r.line)
		}
	}
}

// keep takes a cookie in and lets the browser forget one that passed through under its
// name.
func (t *taking) keep(b *batch, r *answer) {
	c := &r.cookie.cookie
	if !t.site.goes(c.sameSite) && t.site == crossSiteOther {
		return // RFC 6265bis section 5.7, step 16
	}
	if !secureOrigin(t.origin) && slices.ContainsFunc(b.jar.kept, func(k *cookie) bool { return k.shadowed(c) }) {
		t.app.vault.say.now(t.app.name, "app sets a cookie that browsers refuse: "+string(refusedShadow), 1)
		return
	}
	x := newExpiry(t.origin, mostExpired, roomExpired)
	for _, p := range b.jar.passed {
		if p.name == c.name && p.host == c.host {
			x.record(p)
		}
	}
	t.out = append(t.out, x.lines...)
	b.do(op{verb: opKeep, cookie: c, origin: t.origin})
}

// shadowed tells whether c would stand in the way of a Secure cookie, set where others
// on the network can (RFC 6265bis section 5.7, step 14).
func (k *cookie) shadowed(c *cookie) bool {
	return k.secure && !c.secure && k.name == c.name && k.host == c.host && pathMatch(c.path, k.path)
}

// remove follows a line that deletes. It goes on where the browser could hold the cookie.
func (t *taking) remove(b *batch, r *answer) {
	c := &r.cookie.cookie
	inBrowser := b.jar.passes(c.host, c.name) || brings(t.in.Header["Cookie"], c.name)
	kept := !r.cookie.beyond && b.do(op{verb: opRemove, cookie: c}) != unchanged
	b.do(op{verb: opUnpass, cookie: c})
	if inBrowser || !kept && !t.app.keeps(&r.cookie) {
		t.out = append(t.out, r.line)
	}
}

// withoutJar lets go on what does not belong here, when nothing can be kept.
func (t *taking) withoutJar() {
	for i := range t.read {
		if r := &t.read[i]; r.own || r.refused == "" && !t.app.keeps(&r.cookie) {
			t.out = append(t.out, r.line)
		}
	}
}
