package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// Remains is what was kept for a session that has ended: enough to call the app's own
// logout. It is not safe for concurrent use, and nothing in it is written back.
type Remains struct{ jar *jar }

// Remains opens what was kept for an ended session; nil where nothing was.
func (a *App) Remains(ctx context.Context, id session.ID) (*Remains, error) {
	j, err := a.ended(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("opening the app cookies of an ended session: %w", err)
	}
	if j == nil || j.origin == "" {
		return nil, nil
	}
	return &Remains{jar: j}, nil
}

// Forget deletes what was kept for an ended session.
func (a *App) Forget(ctx context.Context, id session.ID) error {
	if err := a.vault.store.DropVault(ctx, id, a.name); err != nil {
		return fmt.Errorf("deleting the app cookies of an ended session: %w", err)
	}
	return nil
}

// Origin is where the session last used the app, as far as its cookies tell.
func (r *Remains) Origin() httpx.Origin { return r.jar.origin }

// Cookie returns the Cookie header for a same-site request to a path, as the browser and
// Cardea would have sent it together; "" when there is none.
func (r *Remains) Cookie(now time.Time, path string) string {
	var b strings.Builder
	for _, c := range r.match(now, path) {
		c.write(&b)
	}
	return b.String()
}

// Value returns the last value of a cookie that would be sent to a path, whether it was
// kept or passed through.
func (r *Remains) Value(now time.Time, path, name string) (string, bool) {
	for _, c := range r.match(now, path) {
		if c.name == name {
			return c.value, true
		}
	}
	return "", false
}

func (r *Remains) match(now time.Time, path string) []*cookie {
	q := query{host: hostname(r.jar.origin), path: pathOf(path), secure: secureOrigin(r.jar.origin), now: now.UnixMilli()}
	var out []*cookie
	for _, c := range r.jar.kept {
		if q.takes(c) {
			out = append(out, c)
		}
	}
	for _, c := range r.jar.passed {
		if q.takes(c) && c.value != "" { // a value that was not remembered is none
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *cookie) int { return len(b.path) - len(a.path) })
	return out
}

// Set takes the Set-Cookie lines of an answer to a request to a path during the replay.
func (r *Remains) Set(now time.Time, path string, lines []string) {
	src := source{host: hostname(r.jar.origin), path: pathOf(path), secure: secureOrigin(r.jar.origin), now: now}
	b := begin(r.jar, now.UnixMilli())
	for _, line := range lines {
		c, refused := parseSetCookie(line)
		if refused != "" || ownName(c.name, c.value) {
			continue
		}
		m, refused := c.at(src)
		if refused != "" {
			continue
		}
		b.do(op{verb: opUnpass, cookie: &m.cookie})
		if m.domain == "" {
			bare := m.cookie
			bare.domain = src.host // the same place, said otherwise
			b.do(op{verb: opUnpass, cookie: &bare})
		}
		switch {
		case m.expired:
			b.do(op{verb: opRemove, cookie: &m.cookie})
		case m.beyond:
			b.do(op{verb: opPass, cookie: &m.cookie, origin: r.jar.origin})
		default:
			b.jar.put(&b.jar.kept, &op{at: b.now, cookie: &m.cookie}, sameKept)
		}
	}
	b.jar.finish()
	r.jar = b.jar
}

// pathOf is a path without its query.
func pathOf(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		return "/"
	}
	return path
}
