package signin

import (
	"net/url"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
)

// Callback is a provider's answer as it came with the browser.
type Callback struct {
	Provider string // whose callback address was called
	Binding  string // value of the browser's binding cookie; "" when absent
	Seat     string // value of its seat cookie; "" when absent
	Query    url.Values
	Scheme   string // by which the request arrived, as far as it is known: names the cause of a loop

	UserAgent string
	Address   string
}

// Result is a finished sign-in. Session is what the browser holds now; SeatValue is the
// new value of its seat cookie, "" to keep the one it has. Where SeatFor is not empty
// the way on is OfferSeat, else Target.
type Result struct {
	Session      *session.Session
	SeatValue    string
	Target       Target
	SeatFor      string
	Reauthorized bool    // the session goes on with a new grant
	Created      bool    // the account was made
	Linked       *Linked // of a callback that was a linking; Session is the browser's own then
	// Picture is where the picture of whoever was just proven is, an https address, a data:
	// URL or ""; nil where nobody was proven.
	Picture *string
}

const (
	maxCode      = 8192 // some providers seal a whole session into it
	maxIss       = 1024
	maxErrorCode = 64
	maxUser      = 2 << 10
)

// answer is the authorization response (RFC 6749 section 4.1.2, RFC 9207). user is what a
// provider tells of the person beside the code, unsigned.
type answer struct {
	state, code, iss string
	user             string
	err              *oidc.Error
}

// parseAnswer refuses parameters that occur twice: two parsers could take different
// ones. Unknown parameters are ignored, as RFC 6749 demands. code and user are the names
// under which this provider sends them.
func parseAnswer(q url.Values, code, user string) (answer, error) {
	for _, name := range []string{"state", code, "error", "iss"} {
		if len(q[name]) > 1 {
			return answer{}, ErrAttempt
		}
	}
	a := answer{state: q.Get("state"), code: q.Get(code), iss: q.Get("iss")}
	if told := q[user]; user != "" && len(told) == 1 && len(told[0]) <= maxUser {
		a.user = told[0]
	}
	failed := q.Has("error")
	if a.state == "" || (a.code == "") != failed || len(a.code) > maxCode || len(a.iss) > maxIss {
		return answer{}, ErrAttempt
	}
	if failed {
		a.err = &oidc.Error{Code: plainErrorCode(q.Get("error"))}
	}
	return a, nil
}

// plainErrorCode keeps an error code only when it looks like one: it goes to logs.
func plainErrorCode(code string) string {
	if code == "" || len(code) > maxErrorCode {
		return "unknown_error"
	}
	for i := range len(code) {
		c := code[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return "unknown_error"
		}
	}
	return code
}
