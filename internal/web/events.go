package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// beat is how often a page's stream looks at its session and gives a sign of life;
	// front proxies close streams that are quiet for a minute.
	beat = 20 * time.Second
	// warnAtMost is how long before a limit pages say that it is near: that, or a quarter
	// of the limit.
	warnAtMost = 5 * time.Minute
	// writeWithin bounds a write to a browser that does not read.
	writeWithin = 10 * time.Second
)

// stream is the open connection of a browser's pages. Implements live.Conn.
type stream struct {
	once sync.Once
	cut  chan struct{}
	news <-chan struct{} // something about the account changed; nil for pages that do not ask
}

// Close wakes the stream, which then looks at what has become of its session.
func (st *stream) Close(string) { st.once.Do(func() { close(st.cut) }) }

// Aside keeps the stream off the receipt: it is no connection of an app. Implements
// live.Aside.
func (st *stream) Aside() {}

// events tells the pages of one browser, by one stream for all of them, when their
// session ends and before its limits do (HTML Living Standard section 9.2, server-sent
// events). It is nobody's activity.
func (s *Server) events(w http.ResponseWriter, q *request) {
	v := s.check(q, nil, "/")
	if v.Session == nil {
		s.withoutSession(w, q, v)
		return
	}
	news, stop := s.watching(q, v.Session.Account)
	defer stop()
	st := &stream{cut: make(chan struct{}), news: news}
	remove, ok := s.o.Live.Add(string(v.Session.ID), st)
	if !ok {
		s.sessionRequired(w, q, http.StatusUnauthorized, v)
		return
	}
	defer remove()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.WriteHeader(http.StatusOK)
	t := teller{s: s, w: w, q: q}
	if t.send("hello", map[string]any{"mark": v.Session.PageMark()}) != nil {
		return
	}
	t.follow(q.Context(), st, v)
}

// withoutSession answers a script that asks about a session that there is none of.
func (s *Server) withoutSession(w http.ResponseWriter, q *request, v guard.Verdict) {
	if v.Outcome == guard.Unavailable {
		s.fail(w, q, pages.StoreUnavailable, v.Err)
		return
	}
	s.sessionRequired(w, q, http.StatusUnauthorized, v)
}

// teller writes one stream.
type teller struct {
	s    *Server
	w    http.ResponseWriter
	q    *request
	told pages.Limit // the limit that pages were warned of last; "" when they were told to forget it
}

// follow looks at the session at every beat, when a limit comes near, and when it is
// told that the session ended, until it did or the browser is gone.
func (t *teller) follow(ctx context.Context, st *stream, v guard.Verdict) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-st.cut:
			// Closed for another reason than an end, the stream is taken up again by the browser.
			if v = t.look(); v.Ended != nil {
				_ = t.send("ended", nil)
			}
			return
		case <-st.news:
			if t.send("changed", struct{}{}) != nil {
				return
			}
			continue
		case <-timer.C:
		}
		if v = t.look(); v.Ended != nil || v.Session == nil && v.Outcome != guard.Unavailable {
			_ = t.send("ended", nil)
			return
		}
		next := beat
		if v.Session != nil {
			var err error
			if next, err = t.limits(v.Session); err != nil {
				return
			}
		}
		timer.Reset(next)
	}
}

func (t *teller) look() guard.Verdict {
	t.q.now = t.s.o.Now()
	return t.s.check(t.q, nil, "/")
}

// near is a limit that may end a session soon.
type near struct {
	kind  pages.Limit
	until time.Time
	lead  time.Duration // how long before it pages are warned
}

func (s *Server) near(x *session.Session) (n near, ok bool) {
	for _, l := range []near{
		{pages.LimitAbsolute, x.AbsoluteUntil(), min(warnAtMost, x.Limits.Absolute/4)},
		{pages.LimitIdle, s.idleUntil(x), min(warnAtMost, x.Limits.Idle/4)},
	} {
		if !l.until.IsZero() && (!ok || l.until.Before(n.until)) {
			n, ok = l, true
		}
	}
	return n, ok
}

// idleUntil is when a session ends unless somebody does something.
func (s *Server) idleUntil(x *session.Session) time.Time {
	if x.Limits.Idle == 0 {
		return time.Time{}
	}
	if seen := s.o.Seen(x.ID); seen.After(x.SeenAt) {
		return seen.Add(x.Limits.Idle)
	}
	return x.IdleUntil()
}

// limits warns of a limit that has come near, takes a warning back that no longer
// holds, and returns when to look again.
func (t *teller) limits(x *session.Session) (time.Duration, error) {
	n, ok := t.s.near(x)
	if !ok {
		return beat, t.send("", nil)
	}
	left := n.until.Sub(t.q.now)
	if left > n.lead {
		was := t.told
		t.told = ""
		if was != "" {
			return min(beat, left-n.lead), t.send("calm", struct{}{})
		}
		return min(beat, left-n.lead), t.send("", nil)
	}
	t.told = n.kind
	words := t.s.o.Pages.Notice(t.q.Request, n.kind)
	warning := map[string]any{
		"kind": n.kind, "seconds": max(0, int(left/time.Second)), "lang": words.Lang, "text": words.Text, "stay": words.Stay,
	}
	if n.kind == pages.LimitAbsolute {
		warning["url"] = ownPrefix + "/sign-in?renew=1"
	}
	// Somebody's click makes the warning untrue at any moment.
	return max(time.Second, min(left, 2*time.Second)), t.send("warn", warning)
}

// send writes one event, or a sign of life.
func (t *teller) send(event string, data any) error {
	line := ": alive\n\n"
	if event != "" {
		body, err := json.Marshal(data)
		if err != nil {
			return fmt.Errorf("encoding event %s: %w", event, err)
		}
		line = "event: " + event + "\ndata: " + string(body) + "\n\n"
	}
	rc := http.NewResponseController(t.w)
	_ = rc.SetWriteDeadline(time.Now().Add(writeWithin)) // without deadlines the listener's own holds
	if _, err := t.w.Write([]byte(line)); err != nil {
		return err
	}
	if err := rc.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = rc.SetWriteDeadline(time.Time{}) // on HTTP/2 one that passes resets the stream
	return nil
}

// stay counts as activity: somebody answered that they are still there.
func (s *Server) stay(w http.ResponseWriter, q *request) {
	if !httpx.FromOrigin(q.Request, q.origin) {
		s.fail(w, q, pages.OriginRefused, errors.New("a page of another origin asked to stay signed in"))
		return
	}
	v := s.o.Guard.Check(q.Context(), q.now, guard.Query{
		App: s.gateway, Origin: string(q.origin), Seat: q.seat(), RawPath: "/", Active: true,
	})
	if v.Session == nil {
		s.withoutSession(w, q, v)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
