package harness

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

// secretMin is the shortest value that counts: shorter ones occur by chance.
const secretMin = 16

// Secrets remembers every value seen during a run that no log may hold: tokens,
// codes, states, nonces, verifiers, client secrets, passwords, cookie values.
type Secrets struct {
	mu     sync.Mutex
	kind   map[string]string   // value -> what it was
	prefix map[string][]string // first secretMin bytes -> values
}

// NewSecrets returns an empty collection.
func NewSecrets() *Secrets {
	return &Secrets{kind: map[string]string{}, prefix: map[string][]string{}}
}

// Add remembers a value and, where it differs, its URL-encoded form.
func (s *Secrets) Add(kind, value string) {
	s.add(kind, value)
	if enc := url.QueryEscape(value); enc != value {
		s.add(kind+" (encoded)", enc)
	}
}

func (s *Secrets) add(kind, value string) {
	if len(value) < secretMin {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, seen := s.kind[value]; seen {
		return
	}
	s.kind[value] = kind
	s.prefix[value[:secretMin]] = append(s.prefix[value[:secretMin]], value)
}

// AddCookies remembers the values a response sets.
func (s *Secrets) AddCookies(h http.Header) {
	for _, line := range h.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil {
			s.Add("cookie "+c.Name, c.Value)
		}
	}
}

// AddParams remembers the secret ones of a query or form.
func (s *Secrets) AddParams(v url.Values) {
	for _, name := range []string{
		"code", "state", "nonce", "code_verifier", "client_secret", "refresh_token",
		"access_token", "id_token", "id_token_hint", "token", "password", "logout_token", "ticket", "seat",
	} {
		for _, value := range v[name] {
			s.Add(name, value)
		}
	}
}

// Count says how many values are known, so that a test can refuse to pass on none.
func (s *Secrets) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kind)
}

// Kinds counts the known values by what they were, cookies taken together.
func (s *Secrets) Kinds() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	kinds := map[string]int{}
	for _, kind := range s.kind {
		kinds[strings.SplitN(kind, " ", 2)[0]]++
	}
	return kinds
}

// FindIn returns one line per secret that a file holds: what it was and the text
// around it, never the value.
func (s *Secrets) FindIn(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text := string(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]bool{}
	var report []string
	for i := 0; i+secretMin <= len(text); i++ {
		for _, value := range s.prefix[text[i:i+secretMin]] {
			if !strings.HasPrefix(text[i:], value) || found[value] {
				continue
			}
			found[value] = true
			line := text[strings.LastIndexByte(text[:i], '\n')+1 : i]
			if len(line) > 120 {
				line = line[len(line)-120:]
			}
			report = append(report, s.kind[value]+" after: "+line)
		}
	}
	return report, nil
}
