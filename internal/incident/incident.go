package incident

import (
	"strings"
	"time"
	"unicode"

	"github.com/cardea-auth/cardea/internal/audit"
)

const (
	// MaxKept is how many incidents are kept.
	MaxKept = 10_000
	// KeepFor is how long.
	KeepFor = 7 * 24 * time.Hour
)

// Keep says how many incidents a store keeps, and how long. Where there are more, the
// oldest of the most frequent kinds go: a flood of one kind pushes no other out.
type Keep struct {
	Most int
	For  time.Duration
}

// Kinds beyond the problems that package pages names.
const (
	KindDenied       = "denied"        // rules keep a person out; Reason is an access.Reason
	KindNotSaved     = "not-saved"     // a form was sent without a session
	KindSessionEnded = "session-ended" // the signed-out page, after an end that nobody here asked for
	KindMisdirected  = "misdirected"   // the host is not served here
	KindLogoutToken  = "logout-token"  // a provider's logout token was refused
	KindLink         = "link-refused"  // an identity was not linked, or was unlinked while somebody signed in by it
)

// Steps at which something fails. Access rules name their app and path; see StepOfRule.
const (
	StepRequest        = "request"
	StepSession        = "session"
	StepSignIn         = "sign-in: going to the provider"
	StepInitiated      = "sign-in: asked for by a third party"
	StepAnswer         = "callback: reading the provider's answer"
	StepAttempt        = "callback: recognising the attempt"
	StepProvider       = "callback: the provider's answer"
	StepExchange       = "callback: exchanging the code"
	StepVerify         = "callback: verifying who signed in"
	StepUp             = "callback: how the person signed in"
	StepOpen           = "callback: opening the session"
	StepAdmission      = "admission"
	StepLink           = "callback: linking the identity"
	StepSeat           = "seat: giving the app's host its cookie"
	StepRefresh        = "refresh"
	StepUpstream       = "upstream"
	StepSignOut        = "sign-out"
	StepBackChannel    = "back-channel logout"
	StepFrontChannel   = "front-channel logout"
	StepAdministration = "administration"
)

// Incident is one refusal. What is not known of it is left zero.
type Incident struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"` // a pages.ProblemKind, or one of the kinds above
	Status int       `json:"status"`
	Shown  string    `json:"shown,omitempty"` // the headline, in the person's language
	Step   string    `json:"step,omitempty"`

	App      string `json:"app,omitempty"`
	Provider string `json:"provider,omitempty"`
	Origin   string `json:"origin,omitempty"`
	Path     string `json:"path,omitempty"`

	Reason  string   `json:"reason,omitempty"`  // narrower than Kind: a word of the table of explanations
	Rule    string   `json:"rule,omitempty"`    // where it stands in the configuration
	Wanted  []string `json:"wanted,omitempty"`  // what the rule demands; one of them is enough
	Seen    []Seen   `json:"seen,omitempty"`    // what there was instead
	Setting string   `json:"setting,omitempty"` // another place in the configuration that decides here
	Cause   string   `json:"cause,omitempty"`   // the error, as it was logged
}

// Seen is what a person's provider said under one name. Absent: nothing.
type Seen struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Absent bool   `json:"absent,omitempty"`
}

// Head is an incident without what is sealed.
type Head struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
}

// Head returns i without its details.
func (i Incident) Head() Head { return Head{ID: i.ID, At: i.At, Kind: i.Kind} }

// Names of what was seen of a linking that was refused, that its commands are made of.
const (
	SeenAccount  = "account"  // handle of the account that asked
	SeenOwner    = "owner"    // handle of the account that has the identity
	SeenIdentity = "identity" // its key
)

const (
	maxWord  = 200
	maxPath  = 512
	maxValue = 400
	maxCause = 1500
	maxList  = 24
)

// Clean returns i bounded, printable, and without what has the shape of a secret or
// stands under the name of one: strangers write much of what an incident quotes.
func (i Incident) Clean() Incident {
	for _, f := range []*string{&i.ID, &i.Kind, &i.Shown, &i.Step, &i.App, &i.Provider, &i.Reason} {
		*f = printable(*f, maxWord)
	}
	for _, f := range []*string{&i.Origin, &i.Rule, &i.Setting} {
		*f = printable(*f, maxPath)
	}
	i.Path, i.Cause = clean(i.Path, maxPath), clean(i.Cause, maxCause)
	if len(i.Wanted) > 0 {
		i.Wanted = cleanList(i.Wanted)
	}
	if len(i.Seen) == 0 {
		return i
	}
	seen := make([]Seen, 0, min(len(i.Seen), maxList))
	for _, s := range i.Seen[:min(len(i.Seen), maxList)] {
		s.Name, s.Value = clean(s.Name, maxWord), clean(s.Value, maxValue)
		if s.Value != "" && audit.SecretName(s.Name[strings.LastIndexByte(s.Name, '.')+1:]) {
			s.Value = audit.Redacted
		}
		seen = append(seen, s)
	}
	i.Seen = seen
	return i
}

func cleanList(list []string) []string {
	out := make([]string, 0, min(len(list), maxList+1))
	for n, v := range list {
		if n == maxList {
			return append(out, "…")
		}
		out = append(out, clean(v, maxWord))
	}
	return out
}

// clean masks before it cuts: half a secret has no shape.
func clean(s string, limit int) string {
	if s == "" {
		return s
	}
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	return printable(audit.Mask(s), limit)
}

// printable bounds a text and takes out what a terminal or a page would not show as it is.
func printable(s string, limit int) string {
	if len(s) <= limit && plain(s) {
		return s
	}
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	s = strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// plain tells of a text of visible ASCII characters and blanks.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// StepOfRule names the step at which a rule of the configuration refuses: "admission", or
// "access rule of app chat, path /admin".
func StepOfRule(rule, app string) string {
	rest, ofApp := strings.CutPrefix(rule, "apps["+app+"].")
	switch {
	case !ofApp && strings.HasPrefix(rule, "access."):
		return StepAdmission
	case !ofApp:
		return StepSession
	case strings.HasPrefix(rest, "paths["):
		path, _, _ := strings.Cut(strings.TrimPrefix(rest, "paths["), "]")
		return "access rule of app " + app + ", path " + path
	case rest == "providers":
		return "providers of app " + app
	}
	return "access rule of app " + app
}
