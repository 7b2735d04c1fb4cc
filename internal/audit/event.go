package audit

import (
	"context"
	"crypto/rand"
	"strings"
	"time"
	"unicode"
)

// Event is one thing that happened, as it is kept and handed out. The JSON names are the
// schema that docs/audit.md describes: names and meanings stay, new ones may come. An
// Event never holds a token, a code, a cookie or a state value.
type Event struct {
	Seq      int64             `json:"seq"`                // place in the trail, set by the store
	ID       string            `json:"id"`                 // random, never reused: tells copies apart after a restore
	At       time.Time         `json:"at"`                 // UTC, to the microsecond
	Type     Type              `json:"type"`               // what happened
	Actor    string            `json:"actor"`              // who did it: one of the Actor constants
	By       string            `json:"by,omitempty"`       // which operator: "uid 1000", "admin token"
	Account  string            `json:"account,omitempty"`  // id
	Handle   string            `json:"handle,omitempty"`   // of the account; never given to anybody else
	Session  string            `json:"session,omitempty"`  // id; opens nothing
	Provider string            `json:"provider,omitempty"` // id in the configuration
	App      string            `json:"app,omitempty"`      // id in the configuration
	Cause    string            `json:"cause,omitempty"`    // a word of the type
	Incident string            `json:"incident,omitempty"` // reference that "cardea why" explains
	Detail   map[string]string `json:"detail,omitempty"`   // small; the keys are the type's
	Personal *Personal         `json:"personal,omitempty"` // what an erasure takes out: nil afterwards
}

// Personal is what an event says of a person beside the account's id and handle.
type Personal struct {
	Issuer    string `json:"issuer,omitempty"`
	Subject   string `json:"subject,omitempty"`
	Email     string `json:"email,omitempty"` // as the provider said it, believed or not
	Name      string `json:"name,omitempty"`
	Address   string `json:"address,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
}

// Who acts.
const (
	ActorPerson   = "person"   // whoever sits at the browser
	ActorOperator = "operator" // over the admin API; By says which
	ActorProvider = "provider" // by a logout notice, or by refusing a refresh
	ActorGateway  = "gateway"  // by its own rules: limits, configuration, retries
	ActorApp      = "app"      // by its own logout
)

// Filter selects events; empty fields select all. The order is that of Seq, or the
// reverse with Newest.
type Filter struct {
	After    int64 // only events with a greater Seq
	Before   int64 // only events with a smaller Seq; 0: no bound
	Types    []Type
	Account  string
	Session  string
	Provider string
	Incident string
	Email    string    // contained in the person's address, whatever the case of ASCII letters
	Since    time.Time // At or later
	Until    time.Time // before
	Newest   bool      // the newest first
	Limit    int       // 100 when zero
}

// NewID returns at least 128 random bits in lower-case base32.
func NewID() string { return strings.ToLower(rand.Text()) }

type actingKey struct{}

// acting is what a context tells of an act.
type acting struct{ actor, by, address, userAgent, session string }

func actingOf(ctx context.Context) acting {
	a, _ := ctx.Value(actingKey{}).(acting)
	return a
}

// WithActor returns a context whose acts are somebody's: one of the Actor constants, and
// which operator it is.
func WithActor(ctx context.Context, actor, by string) context.Context {
	a := actingOf(ctx)
	a.actor, a.by = actor, by
	return context.WithValue(ctx, actingKey{}, a)
}

// ActorOf returns what WithActor was told; empty strings when it was not.
func ActorOf(ctx context.Context) (actor, by string) {
	a := actingOf(ctx)
	return a.actor, a.by
}

// WithClient returns a context whose acts a person asks for from an address, by a browser.
func WithClient(ctx context.Context, address, userAgent string) context.Context {
	a := actingOf(ctx)
	a.address, a.userAgent = address, userAgent
	return context.WithValue(ctx, actingKey{}, a)
}

// ClientOf returns what WithClient was told; empty strings when it was not.
func ClientOf(ctx context.Context) (address, userAgent string) {
	a := actingOf(ctx)
	return a.address, a.userAgent
}

// InSession returns a context whose acts a person asks for in a session.
func InSession(ctx context.Context, id string) context.Context {
	a := actingOf(ctx)
	a.session = id
	return context.WithValue(ctx, actingKey{}, a)
}

// SessionOf returns what InSession was told; "" when it was not.
func SessionOf(ctx context.Context) string { return actingOf(ctx).session }

// Bounds of what is kept of one event, in bytes.
const (
	maxField  = 320 // an e-mail address; nothing else that is worth keeping is longer
	maxDetail = 512
	maxKeys   = 16
)

// Fitted returns e as it is kept: it has an id and a time, everything is bounded, on one
// line, and without what has the shape or the name of a secret. It is for the store.
func Fitted(e Event, now time.Time) Event {
	if e.ID == "" {
		e.ID = NewID()
	}
	if e.At.IsZero() {
		e.At = now
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	if e.Actor == "" {
		e.Actor = ActorGateway
	}
	for _, field := range []*string{&e.ID, &e.By, &e.Account, &e.Handle, &e.Session, &e.Provider, &e.App, &e.Cause, &e.Incident} {
		*field = line(*field, maxField)
	}
	e.Detail = fittedDetail(e.Detail)
	if e.Personal != nil {
		p := *e.Personal
		for _, field := range []*string{&p.Issuer, &p.Subject, &p.Email, &p.Name, &p.Address, &p.UserAgent} {
			*field = line(*field, maxField)
		}
		e.Personal = &p
		if p == (Personal{}) {
			e.Personal = nil
		}
	}
	return e
}

// fittedDetail leaves empty values out.
func fittedDetail(detail map[string]string) map[string]string {
	var kept map[string]string
	for key, value := range detail {
		if value == "" || len(kept) == maxKeys {
			continue
		}
		if kept == nil {
			kept = make(map[string]string, len(detail))
		}
		if SecretName(key) {
			value = Redacted
		}
		kept[line(key, maxField)] = line(value, maxDetail)
	}
	return kept
}

// line makes text fit to be a part of one line: bounded, valid, without control
// characters and without those that turn the direction of what follows, and masked. It
// masks before it cuts: half a secret has no shape.
func line(text string, limit int) string {
	text = text[:min(len(text), 8*limit)]
	if !plain(text) {
		text = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(text, ""))
	}
	text = mask(text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return text
}

func plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
