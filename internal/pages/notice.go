package pages

import "net/http"

// Limit is a limit that may end a session soon.
type Limit string

// Limits of a session.
const (
	LimitIdle     Limit = "idle"
	LimitAbsolute Limit = "absolute"
)

// Limits lists every limit.
func Limits() []Limit { return []Limit{LimitIdle, LimitAbsolute} }

// Notice is what an app's page says before a limit ends the session.
type Notice struct {
	Lang string // BCP 47 tag
	Text string
	Stay string // on the button
}

// Notice returns the words about a limit in the language of whoever asks.
func (p *Pages) Notice(r *http.Request, limit Limit) Notice {
	l := p.locales.forRequest(r)
	return Notice{Lang: l.Tag, Text: l.Plain("stay."+string(limit), nil), Stay: l.Plain("stay.button", nil)}
}
