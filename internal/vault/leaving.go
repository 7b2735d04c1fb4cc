package vault

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// Leaving returns Set-Cookie lines by which the browser forgets, by name, domain and
// path, what passed through to it at this origin during the session, and what in carries
// beyond that; what Rules.Keep names stays. It may be called before the session ends and
// after. A store that does not answer leaves what in carries.
func (a *App) Leaving(ctx context.Context, id session.ID, origin httpx.Origin, in *http.Request) []string {
	if a.mode != On {
		return nil
	}
	x := newExpiry(origin, mostLeaving, roomLeaving)
	j := a.last(ctx, id)
	for _, c := range j.passed {
		if (c.host == x.host || c.domain != "" && domainMatch(x.host, c.domain)) && !a.keep.match(c.name) {
			x.record(c)
		}
	}
	path := requestPath(in)
	if strings.HasPrefix(path, "/.cardea/") {
		path = "/" // where no app sets cookies
	}
	sent := in.Header["Cookie"]
	for p := (pairs{lines: sent}); p.next(); {
		if !p.own() && !a.keep.match(p.name) {
			x.root(p.name)
		}
	}
	for p := (pairs{lines: sent}); p.next(); {
		if !p.own() && !a.keep.match(p.name) && !j.passes(x.host, p.name) {
			x.guess(p.name, path, a.dir)
		}
	}
	return x.lines
}

// last returns the jar of a session that is about to end, or has.
func (a *App) last(ctx context.Context, id session.ID) *jar {
	e, err := a.vault.entry(ctx, key{id, a.name})
	if err == nil {
		j := e.snap.Load()
		if j.gone == nil {
			return j
		}
		err = j.gone
	}
	if gone(err) {
		var j *jar
		if j, err = a.ended(ctx, id); j != nil {
			return j
		}
	}
	if err != nil {
		a.vault.say.now(a.name, "app cookies could not be read at a sign-out; only those that the browser sends are expired", 1)
	}
	return &jar{}
}

// ended reads what was kept for a session that has ended; nil: nothing.
func (a *App) ended(ctx context.Context, id session.ID) (*jar, error) {
	data, err := a.vault.store.EndedVault(ctx, id, a.name)
	if err != nil || data == nil {
		return nil, err
	}
	j, err := decode(data, a.vault.now().UnixMilli())
	if errors.Is(err, errJar) {
		a.vault.say.now(a.name, "app cookies of an ended session could not be read", 1)
		return nil, nil
	}
	return j, err
}
