package proxy

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/cardea-auth/cardea/internal/session"
)

// maxValue bounds a list in a header: servers refuse requests whose headers are too long.
const maxValue = 16 << 10

// setHeaders sets what the app is told: where the request came from, as far as that is
// believed, and who the person is.
func (p *Proxy) setHeaders(h http.Header, x *exchange) {
	values := make([]string, 0, len(p.headers)+5) // one allocation for all of them
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	c := x.client
	if c.Chain != "" {
		set("X-Forwarded-For", c.Chain)
	}
	set("X-Forwarded-Proto", c.Scheme)
	if plainValue(c.Host) {
		set("X-Forwarded-Host", c.Host)
	}
	set("Forwarded", forwarded(x))
	if x.session == nil {
		return
	}
	for i := range p.headers {
		if v := p.value(&p.headers[i], x.session); v != "" {
			set(p.headers[i].Name, v)
		}
	}
	if p.tokens == nil {
		return
	}
	token, err := p.tokens.get(p.o.Now(), x.session)
	if err != nil {
		p.once.do(p.o.App+" identity", func() {
			p.o.Logger.Error("signed identity could not be made; requests go without it", "app", p.o.App, "err", err)
		})
		return
	}
	set(identityHeader, token)
}

// forwarded is the one element of RFC 7239 that Cardea vouches for.
func forwarded(x *exchange) string {
	c := x.client
	node := "unknown"
	if c.Addr.IsValid() {
		if node = c.Addr.String(); c.Addr.Is6() {
			node = `"[` + node + `]"`
		}
	}
	if !plainValue(c.Host) {
		return "for=" + node + ";proto=" + c.Scheme
	}
	return "for=" + node + `;host="` + escape(c.Host) + `";proto=` + c.Scheme
}

// escape escapes for a quoted string (RFC 9110 section 5.6.4).
func escape(s string) string {
	if !strings.ContainsAny(s, `"\`) {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

// value returns what a header carries for a session; "" leaves the header out.
func (p *Proxy) value(h *Header, s *session.Session) string {
	switch h.Source {
	case SourceAccount:
		return p.single(h, s.Account)
	case SourceHandle:
		return p.single(h, s.Handle)
	case SourceSubject:
		return p.single(h, s.Identity.Subject)
	case SourceEmail:
		if !s.Profile.EmailBelieved {
			return ""
		}
		return p.single(h, s.Profile.Email)
	case SourceName:
		return p.single(h, s.Profile.Name)
	case SourceGroups:
		return p.list(h, s.Profile.Groups)
	case SourceIDToken:
		return p.single(h, s.Grant.Tokens.IDToken)
	case SourceAccessToken:
		return p.single(h, s.Grant.Tokens.AccessToken)
	}
	claim, _ := s.Claims.At(strings.TrimPrefix(string(h.Source), ClaimPrefix))
	switch v := claim.(type) {
	case string:
		return p.single(h, v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return p.single(h, v.String())
	}
	return p.list(h, s.Claims.Strings(strings.TrimPrefix(string(h.Source), ClaimPrefix)))
}

func (p *Proxy) single(h *Header, v string) string {
	if v == "" {
		return ""
	}
	if !plainValue(v) {
		p.left(h, "value has control characters or is not UTF-8")
		return ""
	}
	return strings.TrimSpace(v)
}

// list joins the members that can stand in a list.
func (p *Proxy) list(h *Header, members []string) string {
	if len(members) == 1 && p.member(h, members[0]) {
		return members[0]
	}
	size := 0
	for _, m := range members {
		size += len(m) + len(h.Separator)
	}
	if size == 0 {
		return ""
	}
	var b strings.Builder
	b.Grow(min(size, maxValue))
	for _, m := range members {
		if !p.member(h, m) {
			continue
		}
		if b.Len()+len(h.Separator)+len(m) > maxValue {
			p.left(h, "list is longer than 16 KiB; what is beyond is not passed on")
			break
		}
		if b.Len() > 0 {
			b.WriteString(h.Separator)
		}
		b.WriteString(m)
	}
	return b.String()
}

func (p *Proxy) member(h *Header, m string) bool {
	switch {
	case m == "" || m != strings.TrimSpace(m):
	case strings.Contains(m, h.Separator):
		p.left(h, "member contains the separator")
		return false
	case plainValue(m):
		return true
	}
	if m != "" {
		p.left(h, "member has control characters or blanks around it, or is not UTF-8")
	}
	return false
}

// plainValue tells whether v can stand in a header: UTF-8 without control characters.
func plainValue(v string) bool {
	ascii := true
	for i := range len(v) {
		c := v[i]
		if c < ' ' || c == 0x7f {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		return v != ""
	}
	return utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool { return r >= 0x80 && r < 0xa0 })
}

// left logs, once per header and reason, that something was not passed on. The value
// itself may be a secret or personal and is not logged.
func (p *Proxy) left(h *Header, why string) {
	p.once.do(h.Name+" "+why, func() {
		p.o.Logger.Warn("identity header left out", "app", p.o.App, "header", h.Name, "why", why)
	})
}

// onceLog runs something once per key. Keys are few: names from the configuration.
type onceLog struct{ done sync.Map }

func (o *onceLog) do(key string, f func()) {
	if _, done := o.done.Load(key); done {
		return
	}
	if _, done := o.done.LoadOrStore(key, true); !done {
		f()
	}
}
