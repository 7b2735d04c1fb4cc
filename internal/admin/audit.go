package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/incident"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/strict"
)

// Trail is the audit trail.
type Trail interface {
	AuditEvents(ctx context.Context, f audit.Filter) ([]audit.Event, error)
	// LastAudit is the place of the event that was written last.
	LastAudit(ctx context.Context) (int64, error)
	// Wait returns nil once there is an event after this place.
	Wait(ctx context.Context, after int64) error
	Record(ctx context.Context, now time.Time, e ...audit.Event) error
}

// AuditPage is a page of the trail.
type AuditPage struct {
	Events []audit.Event `json:"events"`
	// Next goes on from here, as after, or with newest as before; absent at the end.
	Next int64 `json:"next,omitempty"`
	// Last is up to where the trail was looked through: after it comes what happens next.
	Last int64 `json:"last"`
}

// maxWait is how long a request may wait for the next event, in seconds.
const maxWait = 55

func (s server) audit(r *http.Request) (any, error) {
	f, err := s.auditFilter(r)
	if err != nil {
		return nil, err
	}
	wait, err := waitOf(r, f)
	if err != nil {
		return nil, err
	}
	page, err := s.auditPage(r.Context(), f)
	if err != nil || wait == 0 {
		return page, err
	}
	some, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	for len(page.Events) == 0 {
		// A store that was restored may be behind the place that was asked for.
		if f.After > page.Last || s.o.Trail.Wait(some, page.Last) != nil {
			return page, nil
		}
		f.After = max(f.After, page.Last)
		if page, err = s.auditPage(r.Context(), f); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// auditPage reads a page. What is recorded meanwhile comes behind Last.
func (s server) auditPage(ctx context.Context, f audit.Filter) (AuditPage, error) {
	last, err := s.o.Trail.LastAudit(ctx)
	if err != nil {
		return AuditPage{}, err
	}
	list, err := s.o.Trail.AuditEvents(ctx, f)
	if err != nil {
		return AuditPage{}, err
	}
	page := AuditPage{Events: append([]audit.Event{}, list...), Last: last}
	if n := len(list); n > 0 {
		end := list[n-1].Seq
		full := n == f.Limit
		if full {
			page.Next = end
		}
		switch {
		case f.Newest:
			page.Last = max(last, list[0].Seq)
		case full || end > last:
			page.Last = end
		}
	}
	return page, nil
}

func (s server) auditFilter(r *http.Request) (audit.Filter, error) {
	q := r.URL.Query()
	f := audit.Filter{Session: q.Get("session"), Provider: q.Get("provider"), Email: q.Get("email"), Incident: incident.Normal(q.Get("reference"))}
	var errs [7]error
	f.After, errs[0] = placeOf(q, "after")
	f.Before, errs[1] = placeOf(q, "before")
	f.Types, errs[2] = typesOf(q.Get("type"))
	f.Since, errs[3] = momentOf(q, "since", s.o.Now())
	f.Until, errs[4] = momentOf(q, "until", s.o.Now())
	f.Newest, errs[5] = flagOf(r, "newest")
	f.Limit, errs[6] = limitOf(r)
	for _, err := range errs {
		if err != nil {
			return f, err
		}
	}
	if q.Get("reference") != "" && f.Incident == "" {
		return f, badRequest("reference must be one that a page or a problem document showed")
	}
	if name := q.Get("account"); name != "" {
		ref, err := s.account(r.Context(), name)
		if err != nil {
			return f, err
		}
		f.Account = ref.ID
	}
	return f, s.providerOfTrail(r.Context(), f.Provider)
}

// providerOfTrail refuses a provider that is misspelt. One that was withdrawn is in the
// trail.
func (s server) providerOfTrail(ctx context.Context, id string) error {
	if id == "" || s.knownProvider(ctx, id) {
		return nil
	}
	list, err := s.o.Trail.AuditEvents(ctx, audit.Filter{Provider: id, Limit: 1})
	if err == nil && len(list) == 0 {
		err = s.noProvider(ctx)
	}
	return err
}

// placeOf reads a place in the trail.
func placeOf(q url.Values, name string) (int64, error) {
	text := q.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, badRequest(name + " must be the seq of an event: digits and nothing else")
	}
	return n, nil
}

// typesOf reads types, or the words before the dot, each of which names all of its kind.
func typesOf(text string) ([]audit.Type, error) {
	if text == "" {
		return nil, nil
	}
	var list []audit.Type
	for word := range strings.SplitSeq(text, ",") {
		n := len(list)
		var words []string
		for _, d := range audit.Types() {
			kind, _, _ := strings.Cut(string(d.Type), ".")
			if word == string(d.Type) || word == kind {
				list = append(list, d.Type)
			}
			words = append(words, string(d.Type), kind)
		}
		if len(list) > n {
			continue
		}
		hint := "docs/audit.md lists them"
		if near := strict.Nearest(word, words); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, badRequest("there is no type of event " + strconv.Quote(word) + "; " + hint)
	}
	return list, nil
}

// momentOf reads a time, or how long ago it was.
func momentOf(q url.Values, name string, now time.Time) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, badRequest(name + " must be a time such as 2026-11-22T09:30:00Z, or how long ago, such as 24h or 90m")
}

// waitOf reads how long to wait for an event where there is none yet.
func waitOf(r *http.Request, f audit.Filter) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.Atoi(text)
	switch {
	case err != nil || seconds < 0 || seconds > maxWait:
		return 0, badRequest("wait must be a number of seconds from 0 to " + strconv.Itoa(maxWait))
	case f.Newest || f.Before > 0 || !f.Until.IsZero():
		return 0, badRequest("wait is for what comes next: without newest, before and until")
	}
	return time.Duration(seconds) * time.Second, nil
}

// endWaits is how long an end waits for the trail.
const endWaits = 500 * time.Millisecond

// asked records that an operator asks for an act, before it is done. Acts that end
// sessions go on while the store is silent, as ends do; others would fail at the store
// all the same.
func (s server) asked(ctx context.Context, verb string, e audit.Event) error {
	e.Type, e.Actor, e.By = audit.AdminActed, audit.ActorOperator, operator(ctx)
	detail := map[string]string{"verb": verb}
	for key, value := range e.Detail {
		detail[key] = value
	}
	e.Detail = detail
	if verb == actEndSessions {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, endWaits)
		defer cancel()
	}
	err := s.o.Trail.Record(ctx, s.o.Now(), e)
	if errors.Is(err, session.ErrUnavailable) && verb == actEndSessions {
		s.o.Logger.Error("an operator ends sessions, and the store does not answer: the trail has the ends only", "by", e.By, "err", err)
		return nil
	}
	return err
}

// Verbs of admin.acted.
const (
	actDisable     = "accounts.disable"
	actEnable      = "accounts.enable"
	actDelete      = "accounts.delete"
	actEndSessions = "sessions.end"
	actRetry       = "outbox.retry"
	actBackup      = "backup"
)

// AuditQuery selects events; empty fields select all.
type AuditQuery struct {
	After, Before              int64
	Types                      []string
	Account, Session, Provider string
	Email                      string // contained in the address
	Reference                  string // as a page showed it
	Since, Until               string // RFC 3339, or how long ago
	Newest                     bool
	Limit                      int
	Wait                       time.Duration // for an event where there is none, in whole seconds
}

// Audit returns a page of the trail.
func (c *Client) Audit(ctx context.Context, q AuditQuery) (AuditPage, error) {
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	var page AuditPage
	err := c.call(ctx, http.MethodGet, "/v1/audit"+query(q.Limit, "after", number(q.After), "before", number(q.Before), "type", strings.Join(q.Types, ","),
		"account", q.Account, "session", q.Session, "provider", q.Provider, "email", q.Email, "reference", q.Reference, "since", q.Since, "until", q.Until,
		"newest", flag(q.Newest), "wait", number(int64(q.Wait/time.Second))), nil, &page)
	return page, err
}
