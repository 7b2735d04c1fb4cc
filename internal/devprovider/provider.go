package devprovider

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cardea-auth/cardea/internal/record"
)

// Provider is an OpenID provider. It is an http.Handler that is safe for concurrent use.
type Provider struct {
	opts      Options
	base      string // Issuer without a trailing slash: what endpoints are relative to
	path      string // base's path
	secure    bool   // https
	port      string // for cookie names
	handler   http.Handler
	pages     *pageSet
	faultsNow atomic.Pointer[Faults]
	crossSite *http.CrossOriginProtection
	rec       record.Record // what it behaves as, placed on its own origin
	strict    bool          // by a record that was given, to the letter
	origin    string
	at        map[Endpoint]string // where endpoints are

	mu           sync.Mutex // guards all below
	people       []Person
	clients      map[string]Client
	keys         []SigningKey
	state        *state
	codes        map[string]*code // by hash
	interactions map[string]*interaction
	logouts      map[string]*pendingLogout
	deliveries   []LogoutDelivery
	counters     Counters
	requests     []Request
	assertions   map[string]bool        // jti of clients' JWTs
	applications map[string]application // by hash
	introduced   map[string]bool        // by consentKey: whose name was told
	notices      int
}

// New makes a provider, with the state of the state file if there is one. It returns an error
// wrapping ErrNotLoopback for an issuer or alternate host that is not this machine's.
func New(opts Options) (*Provider, error) {
	if err := opts.complete(); err != nil {
		return nil, fmt.Errorf("development provider: %w", err)
	}
	pages, err := newPageSet()
	if err != nil {
		return nil, fmt.Errorf("development provider: %w", err)
	}
	st, err := loadState(opts.StateFile)
	if err != nil {
		return nil, fmt.Errorf("development provider: %w", err)
	}
	base := strings.TrimSuffix(opts.Issuer, "/")
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("development provider: parsing the issuer: %w", err)
	}
	p := &Provider{
		opts:         opts,
		base:         base,
		path:         u.Path,
		secure:       u.Scheme == "https",
		port:         portOf(u),
		pages:        pages,
		crossSite:    http.NewCrossOriginProtection(),
		people:       opts.People,
		clients:      map[string]Client{},
		state:        st,
		codes:        map[string]*code{},
		interactions: map[string]*interaction{},
		logouts:      map[string]*pendingLogout{},
		counters:     Counters{TokenRequests: map[string]int{}, TokensGiven: map[string]int{}},
		assertions:   map[string]bool{},
		applications: map[string]application{},
		introduced:   map[string]bool{},
	}
	p.behave()
	p.SetFaults(opts.Faults)
	for _, c := range opts.Clients {
		p.clients[c.ID] = c
	}
	if err := p.setUpKeys(); err != nil {
		return nil, fmt.Errorf("development provider: %w", err)
	}
	p.handler = p.routes()
	return p, nil
}

// ServeHTTP answers requests for the issuer's host, on a loopback address. Any other host is
// answered 421: a page elsewhere whose name was pointed at loopback (DNS rebinding) gets nothing.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && !loopbackAddr(addr) {
		http.Error(w, "This development provider answers on loopback only.", http.StatusForbidden)
		return
	}
	if !slices.ContainsFunc(p.opts.AlternateHosts, func(h string) bool { return strings.EqualFold(h, r.Host) }) {
		http.Error(w, "This development provider answers for its own host name only.", http.StatusMisdirectedRequest)
		return
	}
	if p.path != "" && r.URL.Path == p.path {
		http.Redirect(w, r, p.path+"/", http.StatusFound)
		return
	}
	p.handler.ServeHTTP(w, r)
}

func loopbackAddr(addr net.Addr) bool {
	if addr.Network() == "unix" {
		return true
	}
	ap, err := netip.ParseAddrPort(addr.String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// Issuer is the issuer as configured.
func (p *Provider) Issuer() string { return p.opts.Issuer }

// EndpointURL is the public address of a path of the provider, such as "/authorize".
func (p *Provider) EndpointURL(path string) string { return p.base + path }

// AddClient adds a relying party, or replaces the one with that ID.
func (p *Provider) AddClient(c Client) error {
	if err := c.check(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients[c.ID] = c
	return nil
}

// Counters are what the provider was asked since it started.
type Counters struct {
	// TokenRequests counts requests at the token endpoint by grant type, refused ones included.
	TokenRequests map[string]int
	// TokensGiven counts the good answers among them.
	TokensGiven map[string]int
	// Reuses counts used codes and refresh tokens that were presented again.
	Reuses int
	// Discoveries, Keys and UserInfos count requests.
	Discoveries, Keys, UserInfos int
	// Authorizations counts authorization requests, Logins the passwords that were right.
	Authorizations, Logins int
	// Revocations counts authenticated revocation requests, Logouts the sessions ended by people or
	// clients.
	Revocations, Logouts int
	// LogoutTokens counts logout tokens posted to clients.
	LogoutTokens int
}

// Counters returns a copy.
func (p *Provider) Counters() Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counters
	c.TokenRequests = maps.Clone(c.TokenRequests)
	c.TokensGiven = maps.Clone(c.TokensGiven)
	return c
}

// SessionInfo describes a live sign-in.
type SessionInfo struct{ SID, Username string }

// Sessions lists the live sign-ins, by sid.
func (p *Provider) Sessions() []SessionInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	var live []SessionInfo
	now := p.opts.Now()
	for _, sid := range slices.Sorted(maps.Keys(p.state.Sessions)) {
		sess := p.state.Sessions[sid]
		if person, ok := p.personBySubject(sess.Subject); ok && now.Before(sess.Expires) {
			live = append(live, SessionInfo{SID: sid, Username: person.Username})
		}
	}
	return live
}

// TokenLives reports whether an access or refresh token would be honoured now.
func (p *Provider) TokenLives(value string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opts.Now()
	for _, kind := range []tokenKind{accessToken, refreshToken} {
		if t, g := p.state.liveToken(value, kind, now); t != nil {
			_, known := p.personBySubject(g.Subject)
			return known && t.Used.IsZero()
		}
	}
	return false
}

// LiveGrants counts the grants that still have a token that works.
func (p *Provider) LiveGrants() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := map[string]bool{}
	for _, t := range p.state.Tokens {
		if g := p.state.Grants[t.GrantID]; g != nil && t.Used.IsZero() &&
			p.opts.Now().Before(t.Expires) && p.opts.Now().Before(g.Expires) {
			live[t.GrantID] = true
		}
	}
	return len(live)
}

// EndSession ends a sign-in as an administrator would, with its grants. It reports whether there
// was one. Relying parties are not told, as some providers' consoles do it; EndSessionsOf
// tells them.
func (p *Provider) EndSession(sid string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended := p.state.endSession(sid, p.opts.OfflineOutlivesSession)
	return ended != nil, p.save()
}
