package provider

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// Options are the live values of one provider.
type Options struct {
	ID           string // in the configuration; required
	Name         string // as people know it; empty: the record's title, else ID
	Issuer       string // empty: the record's default
	ClientID     string // required
	ClientSecret string // empty: a public client, with PKCE alone, unless there is a Key
	Scopes       []string
	Record       record.Record
	RedirectURI  string // the registered callback; required

	// Key signs what proves who the client is, where the record's client.auth wants that
	// (private_key_jwt, signed_secret), or discovery offers it. RSA of at least 2048 bits,
	// P-256, P-384, P-521 or Ed25519.
	Key crypto.Signer
	// KeyID is the key's name at the provider, the assertion's kid. Empty: none.
	KeyID string
	// KeyIssuer is the name of the key's owner, where the assertion's iss is that.
	KeyIssuer string

	// Groups says that somebody wants to know people's groups: an access rule or a header.
	// The record's scope for them is then asked for, and its lists are read.
	Groups bool
	// UpstreamSignOut asks the provider to sign people out of what is behind it too.
	UpstreamSignOut bool

	// BackchannelURL is the scheme, host and port at which this server reaches what is at
	// the issuer's origin for browsers. Empty: the issuer's own. See addresses.
	BackchannelURL string
	// RootCAs, PEM, are trusted beside the system's.
	RootCAs []byte
	// InsecureHTTP allows plain http beyond loopback.
	InsecureHTTP bool
	// HTTP, if set, lends its Transport; RootCAs is then not used.
	HTTP *http.Client
	// Timeout bounds one request, answer included. Default 10 s.
	Timeout time.Duration
	// ProbeWithin is how long Reachable and Down wait. Default a second.
	ProbeWithin time.Duration

	Logger *slog.Logger     // default: none
	Now    func() time.Time // the clock of the caches and of logout tokens; default time.Now
}

// Provider is one configured OpenID provider. It is safe for concurrent use.
type Provider struct {
	id, name    string
	issuer      string
	clientID    string
	secret      string
	scopes      []string
	record      record.Record
	redirectURI string
	key         *signingKey // nil: none
	groups      bool
	upstream    bool
	log         *slog.Logger
	now         func() time.Time

	call        *caller
	metadata    *cached[*metadata]
	keys        *cached[[]publicKey]
	application applicationToken

	userinfoFails trouble // after refreshes
	emailFails    trouble
	groupsFail    trouble
	noRefresh     atomic.Bool // was told of

	probeWithin time.Duration
	probe       struct {
		sync.Mutex
		at      time.Time
		up      bool
		refused bool // no connection was to be had
		flight  chan struct{}
	}
}

// New returns a provider. It makes no request: a provider that is down does not keep the
// gateway from starting. It refuses no valid record, only one that the options contradict.
func New(o Options) (*Provider, error) {
	if o.Issuer == "" {
		o.Issuer = o.Record.Issuer.Default
	}
	for name, value := range map[string]string{"id": o.ID, "issuer": o.Issuer, "client_id": o.ClientID, "redirect URI": o.RedirectURI} {
		if value == "" {
			return nil, fmt.Errorf("provider %q: %s is not set", o.ID, name)
		}
	}
	key, err := newSigningKey(o)
	if err == nil {
		err = contradiction(o, key)
	}
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.ID, err)
	}
	to, err := newAddresses(o.Issuer, o.BackchannelURL, o.InsecureHTTP)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.ID, err)
	}
	rt, err := transportOf(o)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", o.ID, err)
	}
	p := &Provider{
		id: o.ID, name: o.Name, issuer: o.Issuer, clientID: o.ClientID, secret: o.ClientSecret,
		scopes: slices.Clone(o.Scopes), record: o.Record, redirectURI: o.RedirectURI,
		key: key, groups: o.Groups, upstream: o.UpstreamSignOut,
		log: o.Logger, now: o.Now,
	}
	p.complete(o, to, rt)
	return p, nil
}

func transportOf(o Options) (http.RoundTripper, error) {
	if o.HTTP == nil {
		return newTransport(o.RootCAs)
	}
	if o.HTTP.Transport == nil {
		return http.DefaultTransport, nil
	}
	return o.HTTP.Transport, nil
}

// complete fills defaults in and makes the caches.
func (p *Provider) complete(o Options, to addresses, rt http.RoundTripper) {
	if p.name == "" {
		p.name = p.record.Title
	}
	if p.name == "" {
		p.name = p.id
	}
	if len(p.scopes) == 0 {
		p.scopes = slices.Clone(p.record.Scopes)
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.log = p.log.With("provider", p.id)
	if p.now == nil {
		p.now = time.Now
	}
	p.probeWithin = cmp.Or(o.ProbeWithin, probeTimeout)
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	p.call = newCaller(rt, to, p.record.Client.Headers, timeout)
	p.metadata = &cached[*metadata]{
		what: "discovery", load: p.discover, now: p.now, log: p.log, timeout: 2 * timeout,
		ttl: metadataTTL, retry: metadataRetry, stale: metadataStale,
	}
	p.keys = &cached[[]publicKey]{
		what: "keys", load: p.fetchKeys, now: p.now, log: p.log, timeout: 4 * timeout,
		ttl: keysTTL, retry: keysRetry, stale: keysStale,
	}
}

// contradiction says where a record asks for what the configuration does not have. A
// provider that would fail at its first sign-in fails at the start instead.
func contradiction(o Options, key *signingKey) error {
	auth := o.Record.Client.Auth
	switch {
	case len(o.Record.Claims.SubjectKey) == 0:
		return errors.New("record: claims.subject_key is empty")
	case (auth == record.AuthPrivateKeyJWT || auth == record.AuthSignedSecret) && key == nil:
		return fmt.Errorf("record: client.auth is %s and there is no key", auth)
	case auth == record.AuthSecretJWT && o.ClientSecret == "":
		return fmt.Errorf("record: client.auth is %s and there is no client secret", auth)
	case o.Record.Client.PKCE == record.PKCEOff && o.ClientSecret == "" && key == nil:
		return errors.New("record: client.pkce is off and there is no client secret: nothing would bind the code to this client")
	}
	return nil
}

// ID returns the provider's id in the configuration.
func (p *Provider) ID() string { return p.id }

// Name returns the provider's name as people know it.
func (p *Provider) Name() string { return p.name }

// Issuer returns the configured issuer.
func (p *Provider) Issuer() string { return p.issuer }

// Record returns what is known of providers of this kind. It is not to be changed.
func (p *Provider) Record() record.Record { return p.record }

// RedirectURI returns the callback that is registered at the provider.
func (p *Provider) RedirectURI() string { return p.redirectURI }

// AnswerParams are the names of the authorization response's parameters that carry the
// code, and what the provider tells of the person beside it; user is "" where it does not.
func (p *Provider) AnswerParams() (code, user string) {
	return cmp.Or(p.record.Client.CodeParam, "code"), p.record.Client.UserParam
}

// sendsIDToken tells whether sign-ins must answer with an ID token: where the record does
// not rule it out, asking for openid entitles to one.
func (p *Provider) sendsIDToken() bool {
	return p.record.Claims.IDToken == record.Yes ||
		p.record.Claims.IDToken != record.No && slices.Contains(p.scopes, "openid")
}

// checksAuthTime tells whether the record trusts auth_time.
func (p *Provider) checksAuthTime() bool {
	return p.record.FreshLogin.AuthTime == record.AuthTimeChecked && p.sendsIDToken()
}

// promptForcesLogin tells whether a prompt alone makes the provider ask for credentials.
func (p *Provider) promptForcesLogin() bool {
	by := p.record.FreshLogin.By
	return (by == record.FreshByPrompt || by == record.FreshByPromptAndMaxAge) &&
		slices.Contains(p.record.Prompt.OK, p.record.FreshLogin.Prompt)
}

// forcedByMaxAge tells whether max_age takes part in forcing a sign-in.
func (p *Provider) forcedByMaxAge() bool {
	by := p.record.FreshLogin.By
	return by == record.FreshByMaxAge || by == record.FreshByPromptAndMaxAge
}

// printable tells whether a token can stand in a header (RFC 6749 appendix A.12).
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

// meta returns the metadata, with an error that says that nothing was sent.
func (p *Provider) meta(ctx context.Context) (*metadata, error) {
	m, err := p.metadata.get(ctx)
	if err != nil {
		return nil, notSent(err)
	}
	return m, nil
}
