package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
)

// Credential is what lets a program in that comes over TCP. It is good for one gateway:
// requests must name Host, so that a token that is sent to another one's address, or by a
// name that somebody else made to lead here, opens nothing.
type Credential struct {
	Token string // at least MinToken bytes
	Host  string // host, or host:port where that is not the scheme's own
}

// MinToken is the least length of a token: 128 random bits in hex.
const MinToken = 32

const (
	maxFailures   = 10 // of one address within failureWindow
	failureWindow = time.Minute
	maxAddresses  = 1024
)

// gate keeps out whoever does not bring the credential.
type gate struct {
	token [sha256.Size]byte
	host  string
	log   *slog.Logger
	now   func() time.Time

	mu       sync.Mutex
	failures map[string]failures // by address
}

type failures struct {
	since time.Time
	n     int
}

func newGate(c Credential, log *slog.Logger, now func() time.Time) (*gate, error) {
	if len(c.Token) < MinToken || c.Host == "" {
		return nil, errors.New("admin: a credential needs a host and a token of 32 characters or more")
	}
	return &gate{token: sha256.Sum256([]byte(c.Token)), host: strings.ToLower(c.Host), log: log, now: now, failures: map[string]failures{}}, nil
}

func (g *gate) keep(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := peerOf(r)
		if wait := g.barred(from); wait > 0 {
			httpx.WriteProblem(w, httpx.Problem{Type: "too-many-attempts", Title: "Too many attempts", Status: http.StatusTooManyRequests,
				Detail: "this address brought wrong credentials too often"}, wait)
			return
		}
		if !strings.EqualFold(r.Host, g.host) {
			httpx.WriteProblem(w, httpx.Problem{Type: "misdirected", Title: "Not this gateway", Status: http.StatusMisdirectedRequest,
				Detail: "the credential is good for the address in admin.url only"}, 0)
			return
		}
		if !g.matches(r.Header.Values("Authorization")) {
			g.failed(from)
			w.Header().Set("WWW-Authenticate", `Bearer realm="cardea administration"`)
			httpx.WriteProblem(w, httpx.Problem{Type: "credential-required", Title: "The credential is missing or wrong", Status: http.StatusUnauthorized,
				Detail: "send the token of admin.token_file or admin.token_env as Authorization: Bearer"}, 0)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// matches compares hashes, so that neither content nor length of the token shows in the
// time that it takes.
func (g *gate) matches(headers []string) bool {
	if len(headers) != 1 {
		return false
	}
	scheme, token, ok := strings.Cut(headers[0], " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return ok && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1
}

// barred returns how long an address must wait, zero for most.
func (g *gate) barred(from string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.failures[from]
	if f.n < maxFailures {
		return 0
	}
	return max(0, failureWindow-g.now().Sub(f.since))
}

func (g *gate) failed(from string) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	f, known := g.failures[from]
	if !known && len(g.failures) >= maxAddresses {
		g.forget(now)
	}
	if now.Sub(f.since) >= failureWindow {
		f = failures{since: now}
	}
	f.n++
	g.failures[from] = f
	if f.n == 1 || f.n == maxFailures {
		g.log.Warn("administration refused: the credential is missing or wrong", "address", from, "failures", f.n, "barred", f.n == maxFailures)
	}
}

// forget makes room: what is over goes, and where that is nothing, everything. An address
// that is barred is then let try anew, which is of no use against 128 bits.
func (g *gate) forget(now time.Time) {
	for from, f := range g.failures {
		if now.Sub(f.since) >= failureWindow {
			delete(g.failures, from)
		}
	}
	if len(g.failures) >= maxAddresses {
		clear(g.failures)
	}
}

// peerOf names who is at the other end: an address, or for IPv6 its network, of which one
// machine has all addresses.
func peerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
