package vault

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// Request returns the Cookie lines for the app in place of in's, and Set-Cookie lines by
// which the browser forgets what it should no longer carry; these have to stand before
// any Set-Cookie of the app's. origin is the one that the client addressed, in the
// request as the client sent it. Neither result is to be changed in place: lines may be
// in's own. Cardea's own cookies may still be among the lines.
//
// The first use of an app by a session is made durable before Request returns, as far as
// the store lets it. Errors wrap session.ErrUnavailable when the store does not say what
// is kept, *session.EndedError or session.ErrNotFound when there is no such session.
// It does not allocate when nothing is kept and nothing needs a change.
func (a *App) Request(ctx context.Context, id session.ID, origin httpx.Origin, in *http.Request) (lines, drop []string, err error) {
	sent := in.Header["Cookie"]
	if a.mode != On {
		a.observeRequest(sent)
		return sent, nil, nil
	}
	k := key{id, a.name}
	e, err := a.vault.entry(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	host, now := hostname(origin), a.vault.now().UnixMilli()
	j := e.snap.Load()
	if j.gone == nil && !j.uses(host) {
		if j, err = a.firstUse(ctx, k, origin, sent, now); err != nil {
			return nil, nil, err
		}
	}
	if j.gone != nil {
		return nil, nil, j.gone
	}
	if len(j.kept) == 0 && len(sent) == 0 {
		return nil, nil, nil
	}
	unwanted := a.unwanted(j, host, sent, now)
	if unwanted != nil {
		drop = a.expireUnwanted(ctx, id, j, origin, in, unwanted)
	}
	return a.merge(j, origin, in, sent, unwanted, now), drop, nil
}

// firstUse notes that the session uses the app at a host, and what the browser carries
// there from before: all of it may be another person's.
func (a *App) firstUse(ctx context.Context, k key, origin httpx.Origin, sent []string, now int64) (*jar, error) {
	host := hostname(origin)
	var left []leftover
	for p := (pairs{lines: sent}); p.next(); {
		if p.own() || a.keep.match(p.name) || a.elsewhere(ctx, k.id, host, p.name) {
			continue
		}
		if len(left) > maxLeft {
			break
		}
		left = append(left, leftover{host: host, name: p.name, digest: digest(p.value), until: now + leftLife})
	}
	e, err := a.vault.change(ctx, k, now, func(b *batch) {
		b.do(op{verb: opUse, cookie: &cookie{host: host}, origin: origin, left: left})
	})
	if e == nil {
		return nil, err
	}
	if err != nil {
		if gone(err) || ctx.Err() != nil {
			return nil, err
		}
		a.vault.say.failing(err)
	}
	return e.snap.Load(), nil
}

// change looks the jar up, changes it and returns when that is durable. A nil entry
// means that nothing was changed; an error with one, that it is not durable yet.
func (v *Vault) change(ctx context.Context, k key, now int64, fill func(*batch)) (*entry, error) {
	for range maxTries {
		e, err := v.entry(ctx, k)
		if err != nil {
			return nil, err
		}
		want, err := v.mutate(e, now, fill)
		if errors.Is(err, errEvicted) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if want > 0 {
			err = v.flush(ctx, e, want)
		}
		return e, err
	}
	return nil, errBusy
}

// unwanted returns the names of what the browser carries and the app is not to get.
func (a *App) unwanted(j *jar, host string, sent []string, now int64) []string {
	var out []string
	for p := (pairs{lines: sent}); p.next(); {
		if !p.own() && a.refuses(j, host, p.name, p.value, now) && !slices.Contains(out, p.name) {
			out = append(out, p.name)
		}
	}
	return out
}

// refuses tells whether a cookie of the browser's is kept from the app.
func (a *App) refuses(j *jar, host, name, value string, now int64) bool {
	switch {
	case j.holds(host, name, now):
		return true
	case len(j.left) > 0 && !a.keep.match(name) && !j.passes(host, name) && j.isLeft(host, name, value, now):
		return true
	case a.hold.match(name) && !j.passes(host, name):
		return true // no script sets it: it is a copy of what is kept here, or of another session's
	}
	return !a.browser.all && !a.browser.match(name) && !a.keep.match(name) && !j.passes(host, name)
}

// expireUnwanted returns the lines that make the browser forget, but for what belongs to
// another app that shares the browser's cookies.
func (a *App) expireUnwanted(ctx context.Context, id session.ID, j *jar, origin httpx.Origin, in *http.Request, names []string) []string {
	x := newExpiry(origin, mostExpired, roomExpired)
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return a.elsewhere(ctx, id, x.host, name) })
	for _, name := range names {
		x.root(name)
	}
	path := requestPath(in)
	for _, name := range names {
		for _, c := range j.kept {
			if c.name == name && c.host == x.host {
				x.line(name, "", c.path, false, false)
			}
		}
		x.guess(name, path, a.dir)
	}
	return x.lines
}

// elsewhere tells whether the session got a cookie of that name from another app that
// the browser sends the same cookies to.
func (a *App) elsewhere(ctx context.Context, id session.ID, host, name string) bool {
	a.vault.namesMu.Lock()
	apps := a.vault.names
	a.vault.namesMu.Unlock()
	for _, app := range apps {
		if app == a.name {
			continue
		}
		// When the store does not tell, the cookie stays: it is dropped all the same.
		e, err := a.vault.entry(ctx, key{id, app})
		if err != nil && !gone(err) || err == nil && e.snap.Load().passes(host, name) {
			return true
		}
	}
	return false
}

// merge puts what is kept before what the browser carries, without what is unwanted.
func (a *App) merge(j *jar, origin httpx.Origin, in *http.Request, sent, unwanted []string, now int64) []string {
	var buf [32]*cookie
	chosen := buf[:0]
	if len(j.kept) > 0 {
		host := hostname(origin)
		q := query{host: host, path: requestPath(in), secure: secureOrigin(origin), site: siteOf(in, host), now: now}
		for _, c := range j.kept {
			if q.takes(c) {
				chosen = append(chosen, c)
			}
		}
	}
	if len(chosen) == 0 && unwanted == nil {
		return sent
	}
	var kept string
	if len(chosen) == len(j.kept) {
		kept = j.wholeLine()
	} else {
		kept = join(chosen)
	}
	size := 0
	for p := (pairs{lines: sent}); p.next(); {
		if !p.own() && !slices.Contains(unwanted, p.name) {
			size += len(p.pair) + len("; ")
		}
	}
	switch {
	case size == 0 && kept == "":
		return nil
	case size == 0:
		return []string{kept}
	}
	var b strings.Builder
	b.Grow(len(kept) + size)
	b.WriteString(kept)
	for p := (pairs{lines: sent}); p.next(); {
		if !p.own() && !slices.Contains(unwanted, p.name) {
			separate(&b)
			b.WriteString(p.pair)
		}
	}
	return []string{b.String()}
}

// wholeLine is all that is kept as one line, made once: most requests carry it all.
func (j *jar) wholeLine() string {
	if s := j.whole.Load(); s != nil {
		return *s
	}
	s := join(j.kept)
	j.whole.Store(&s)
	return s
}

func join(list []*cookie) string {
	size := 0
	for _, c := range list {
		size += c.size() + len("=; ")
	}
	var b strings.Builder
	b.Grow(size)
	for _, c := range list {
		c.write(&b)
	}
	return b.String()
}

func separate(b *strings.Builder) {
	if b.Len() > 0 {
		b.WriteString("; ")
	}
}

// write appends the cookie as a browser would send it.
func (c *cookie) write(b *strings.Builder) {
	separate(b)
	if c.name != "" {
		b.WriteString(c.name)
		b.WriteByte('=')
	}
	b.WriteString(c.value)
}
