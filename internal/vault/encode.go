package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/session"
)

// format is the version of what is stored.
const format = 1

var (
	errFormat = fmt.Errorf("app cookies were written by a newer release: %w", session.ErrUnavailable)
	errJar    = errors.New("stored app cookies cannot be read")
)

// raw is any bytes as JSON text: each byte is the character of its number. Cookies need
// not be UTF-8.
type raw string

func (r raw) MarshalText() ([]byte, error) {
	out := make([]byte, 0, len(r))
	for i := range len(r) {
		out = utf8.AppendRune(out, rune(r[i]))
	}
	return out, nil
}

func (r *raw) UnmarshalText(text []byte) error {
	var b strings.Builder
	for _, c := range string(text) {
		if c > 0xff {
			return errJar
		}
		b.WriteByte(byte(c))
	}
	*r = raw(b.String())
	return nil
}

type storedJar struct {
	Format int            `json:"v"`
	Next   int64          `json:"next"`
	Origin httpx.Origin   `json:"origin,omitempty"`
	Hosts  []string       `json:"hosts,omitempty"`
	Kept   []storedCookie `json:"kept,omitempty"`
	Passed []storedCookie `json:"passed,omitempty"`
	Left   []storedLeft   `json:"left,omitempty"`
}

type storedCookie struct {
	Name        raw      `json:"n,omitempty"`
	Value       raw      `json:"v,omitempty"`
	Host        string   `json:"h"`
	Domain      string   `json:"d,omitempty"`
	Path        raw      `json:"p"`
	Secure      bool     `json:"s,omitempty"`
	HTTPOnly    bool     `json:"o,omitempty"`
	Partitioned bool     `json:"c,omitempty"`
	SameSite    sameSite `json:"t,omitempty"`
	Expires     int64    `json:"e,omitempty"`
	Born        int64    `json:"b"`
	Set         int64    `json:"w"`
}

type storedLeft struct {
	Host   string `json:"h"`
	Name   raw    `json:"n,omitempty"`
	Digest raw    `json:"x,omitempty"`
	All    bool   `json:"a,omitempty"`
	Until  int64  `json:"u"`
}

// encode returns the jar as it is stored, unsealed.
func (j *jar) encode() ([]byte, error) {
	s := storedJar{Format: format, Next: j.next, Origin: j.origin, Hosts: j.hosts, Kept: storedOf(j.kept), Passed: storedOf(j.passed)}
	for _, l := range j.left {
		s.Left = append(s.Left, storedLeft{Host: l.host, Name: raw(l.name), Digest: raw(l.digest), All: l.all, Until: l.until})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&s); err != nil {
		return nil, fmt.Errorf("encoding app cookies: %w", err)
	}
	return b.Bytes(), nil
}

func storedOf(list []*cookie) []storedCookie {
	out := make([]storedCookie, len(list))
	for i, c := range list {
		out[i] = storedCookie{
			Name: raw(c.name), Value: raw(c.value), Host: c.host, Domain: c.domain, Path: raw(c.path), Secure: c.secure,
			HTTPOnly: c.httpOnly, Partitioned: c.partitioned, SameSite: c.sameSite, Expires: c.expires, Born: c.born, Set: c.set,
		}
	}
	return out
}

// decode reads what encode has made; nil is an empty jar. errFormat: a newer release
// wrote it, and it must not be overwritten. errJar: it cannot be read at all.
func decode(data []byte, now int64) (*jar, error) {
	j := &jar{}
	if data == nil {
		return j, nil
	}
	var version struct {
		Format int `json:"v"`
	}
	if err := json.Unmarshal(data, &version); err != nil || version.Format < 1 {
		return nil, errJar
	}
	if version.Format > format {
		return nil, errFormat
	}
	var s storedJar
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, errJar
	}
	j.next, j.origin, j.hosts = s.Next, s.Origin, s.Hosts[:min(len(s.Hosts), maxHosts)]
	j.kept, j.passed = cookiesOf(s.Kept, now), cookiesOf(s.Passed, now)
	for _, c := range slices.Concat(j.kept, j.passed) {
		j.next = max(j.next, c.born, c.set)
	}
	for _, l := range s.Left[:min(len(s.Left), maxLeft)] {
		j.left = append(j.left, leftover{host: l.Host, name: string(l.Name), digest: string(l.Digest), all: l.All, until: l.Until})
	}
	j.purge(now)
	j.finish()
	return j, nil
}

func cookiesOf(list []storedCookie, now int64) []*cookie {
	out := make([]*cookie, 0, len(list))
	for _, s := range list {
		if s.Host == "" || !strings.HasPrefix(string(s.Path), "/") || !sendable(string(s.Name)) || !sendable(string(s.Value)) {
			continue
		}
		out = append(out, &cookie{
			name: string(s.Name), value: string(s.Value), host: s.Host, domain: s.Domain, path: string(s.Path), secure: s.Secure,
			httpOnly: s.HTTPOnly, partitioned: s.Partitioned, sameSite: s.SameSite, expires: s.Expires, born: s.Born, set: s.Set, firm: now,
		})
	}
	return out
}

// sendable tells whether text can stand in a Cookie or Set-Cookie line as it is.
func sendable(s string) bool {
	for i := range len(s) {
		if b := s[i]; b == ';' || b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
