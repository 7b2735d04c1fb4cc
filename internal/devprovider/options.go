package devprovider

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/record"
)

// ErrNotLoopback is returned where the provider is asked to be reachable from another machine.
var ErrNotLoopback = errors.New("the development provider serves loopback addresses only")

// Signing algorithms of ID tokens.
const (
	RS256 = "RS256"
	ES256 = "ES256"
)

// RefreshPolicy says to which grants a refresh token is given.
type RefreshPolicy int

const (
	// RefreshAlways gives one with every code exchange.
	RefreshAlways RefreshPolicy = iota
	// RefreshOffline gives one where the scope offline_access was granted (OIDC Core 11).
	RefreshOffline
	// RefreshNever gives none.
	RefreshNever
)

// Client is a relying party.
type Client struct {
	// ID is the client_id.
	ID string
	// Secret is the client_secret. Without one the client is public and must use PKCE.
	Secret string
	// Name is shown on the login and consent pages. Default: ID.
	Name string
	// RedirectURIs are compared with redirect_uri as strings, without normalisation.
	RedirectURIs []string
	// PostLogoutRedirectURIs are compared with post_logout_redirect_uri the same way.
	PostLogoutRedirectURIs []string
	// BackChannelLogoutURI takes a logout token when a sign-in ends in which this client redeemed a
	// code. Its host must be loopback: this server calls it.
	BackChannelLogoutURI string
	// BackChannelLogoutSessionRequired puts sid into the logout tokens, beside sub. Without it they
	// name the person alone.
	BackChannelLogoutSessionRequired bool
	// FrontChannelLogoutURI is loaded in a hidden frame of the page that ends such a sign-in, with
	// iss and sid.
	FrontChannelLogoutURI string
	// AuthMethod is client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt or
	// signed_secret. Empty takes Basic and post, or what Options.Record says.
	AuthMethod string
	// Key verifies the client's JWTs (private_key_jwt, signed_secret). KeyID, if set, is demanded as
	// their kid; KeyIssuer is the name of the key's owner, where the record has it in their iss.
	Key              crypto.PublicKey
	KeyID, KeyIssuer string
}

// Options are the provider's settings. Issuer is required, all else has a default.
type Options struct {
	// Record makes the provider behave as a provider of this record does, to the letter, and the
	// nastier way where the record does not know: endpoints at its paths (see Placed), prompts, what
	// forces a sign-in, refresh, sign-out, notices, revocation, client authentication, the shapes of
	// requests and answers. An Issuer without a path gives way to the record's default issuer. Of
	// the options below, those about refresh (but RefreshNever and RefreshOmitsIDToken), prompts,
	// max_age, thin ID tokens and the logout's confirmation are then the record's to say.
	Record *record.Record
	// ACRs are the authentication classes that can be asked for by acr_values, weakest first. A
	// sign-in is of the first asked-for class that is among them, and of the first of ACRs where
	// none is asked for; a session of another class than asked for must sign in again. Empty: there
	// are none, and acr_values is ignored.
	ACRs []string

	// Issuer is the issuer as it appears in tokens, byte for byte: a trailing slash given here is
	// kept. Its host must be loopback. A path is served as a prefix of all endpoints.
	Issuer string
	// AlternateHosts are further Host values ("127.0.0.1:9000") under which requests are answered,
	// for a relying party whose server reaches the provider at another address than browsers do.
	AlternateHosts []string
	// Clients are the relying parties. More can be added with AddClient.
	Clients []Client
	// People can sign in. Default: DefaultPeople.
	People []Person

	// Key signs ID tokens. Default: a new key for SigningAlg.
	Key crypto.Signer
	// SigningAlg is RS256 (default) or ES256. With Key set it follows from the key.
	SigningAlg string
	// ExtraKeys are put into the published key set beside the provider's own, as they are. See
	// Secp256k1Key for one that many libraries cannot parse.
	ExtraKeys []json.RawMessage

	// AccessTokenLife defaults to 5 minutes. The demo makes it short.
	AccessTokenLife time.Duration
	// IDTokenLife defaults to 5 minutes.
	IDTokenLife time.Duration
	// RefreshTokenLife defaults to 12 hours.
	RefreshTokenLife time.Duration
	// SessionLife is the absolute life of a sign-in at the provider. Default 10 hours.
	SessionLife time.Duration
	// CodeLife defaults to 1 minute.
	CodeLife time.Duration

	// RefreshTokens says who gets a refresh token. Default RefreshAlways.
	RefreshTokens RefreshPolicy
	// RefreshRotation makes refresh tokens single use: every refresh gives a new one, and a used
	// one presented again ends the whole family.
	RefreshRotation bool
	// RefreshReuseGrace is for how long after its use a rotated refresh token still works.
	RefreshReuseGrace time.Duration
	// RefreshOmitsIDToken leaves id_token out of refresh answers.
	RefreshOmitsIDToken bool
	// RefreshOmitsRefreshToken leaves refresh_token out of refresh answers where the presented one
	// stays valid (that is, without rotation).
	RefreshOmitsRefreshToken bool
	// OfflineOutlivesSession keeps grants with the scope offline_access when the sign-in session
	// that gave them ends.
	OfflineOutlivesSession bool
	// RevocationEndsSession ends the sign-in session when its last grant was revoked.
	RevocationEndsSession bool

	// RequirePKCE refuses authorization requests without a code_challenge.
	RequirePKCE bool
	// SkipConsent gives every client every scope unasked, unless prompt=consent asks.
	SkipConsent bool
	// ThinIDToken leaves profile, e-mail and groups to UserInfo.
	ThinIDToken bool
	// Prompts are the values of prompt that are honoured. Default: none, login, consent,
	// select_account. Others are ignored, or refused with RefuseOtherPrompts.
	Prompts []string
	// RefuseOtherPrompts answers invalid_request to a prompt that Prompts does not name.
	RefuseOtherPrompts bool
	// IgnoreMaxAge takes no notice of max_age.
	IgnoreMaxAge bool
	// AlwaysConfirmLogout shows the confirmation page at end-session even with a good hint.
	AlwaysConfirmLogout bool

	// BackChannel posts logout tokens. Default: a client that reaches loopback addresses only, waits
	// five seconds and follows no redirect.
	BackChannel *http.Client

	// StateFile, if set, keeps keys, sign-ins, consents and tokens over restarts. Mode 0600.
	StateFile string
	// Faults are what goes wrong on purpose. See SetFaults.
	Faults Faults
	// Logger gets one line per sign-in, sign-out and refused token request. Default: none.
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// complete fills defaults in and reports what cannot be served.
func (o *Options) complete() error {
	o.byRecord()
	base, err := parseIssuer(o.Issuer)
	if err != nil {
		return err
	}
	for _, host := range o.AlternateHosts {
		if !LoopbackHost(host) {
			return fmt.Errorf("alternate host %q: %w", host, ErrNotLoopback)
		}
	}
	for _, c := range o.Clients {
		if err := c.check(); err != nil {
			return err
		}
	}
	if len(o.People) == 0 {
		o.People = DefaultPeople()
	}
	if err := checkPeople(o.People); err != nil {
		return err
	}
	o.People = slices.Clone(o.People)
	for i := range o.People {
		o.People[i].Subject = o.People[i].subject()
	}
	defaultTo(&o.AccessTokenLife, 5*time.Minute)
	defaultTo(&o.IDTokenLife, 5*time.Minute)
	defaultTo(&o.RefreshTokenLife, 12*time.Hour)
	defaultTo(&o.SessionLife, 10*time.Hour)
	defaultTo(&o.CodeLife, time.Minute)
	if o.SigningAlg == "" {
		o.SigningAlg = RS256
	}
	if o.SigningAlg != RS256 && o.SigningAlg != ES256 {
		return fmt.Errorf("signing algorithm %q: want %s or %s", o.SigningAlg, RS256, ES256)
	}
	if o.Prompts == nil {
		o.Prompts = []string{"none", "login", "consent", "select_account"}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BackChannel == nil {
		o.BackChannel = newBackChannel()
	}
	o.AlternateHosts = append(slices.Clone(o.AlternateHosts), base.Host)
	return nil
}

func defaultTo(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// parseIssuer checks the issuer's form (OIDC Discovery 3: no query, no fragment) and its host.
func parseIssuer(issuer string) (*url.URL, error) {
	if issuer == "" {
		return nil, errors.New("the issuer is not set")
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("parsing the issuer: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("issuer %q: want http or https", issuer)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(issuer, "?#") {
		return nil, fmt.Errorf("issuer %q: want no user, query or fragment", issuer)
	}
	if !LoopbackHost(u.Host) {
		return nil, fmt.Errorf("issuer %q: %w", issuer, ErrNotLoopback)
	}
	return u, nil
}

// LoopbackHost reports whether a Host value (with or without a port) can only name this machine: a
// loopback address, "localhost", or a name under it, which RFC 6761 section 6.3 keeps for loopback.
func LoopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

func (c Client) check() error {
	if c.ID == "" {
		return errors.New("a client has no ID")
	}
	all := append(slices.Clone(c.RedirectURIs), c.PostLogoutRedirectURIs...)
	for _, raw := range []string{c.BackChannelLogoutURI, c.FrontChannelLogoutURI} {
		if raw != "" {
			all = append(all, raw)
		}
	}
	for _, raw := range all {
		u, err := url.Parse(raw)
		if err != nil || !u.IsAbs() || u.Host == "" || u.Fragment != "" {
			return fmt.Errorf("client %q: %q is not an absolute URL without a fragment", c.ID, raw)
		}
		// Only web addresses: these become links and redirects on the provider's pages.
		if u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("client %q: %q: want http or https", c.ID, raw)
		}
		if raw == c.BackChannelLogoutURI && !LoopbackHost(u.Host) {
			return fmt.Errorf("client %q: back-channel logout at %q: %w", c.ID, raw, ErrNotLoopback)
		}
	}
	switch c.AuthMethod {
	case "":
	case authBasic, authPost, authSecretJWT:
		if c.Secret == "" {
			return fmt.Errorf("client %q: %s needs a secret", c.ID, c.AuthMethod)
		}
	case authPrivateKey, authSigned:
		if c.Key == nil {
			return fmt.Errorf("client %q: %s needs a key", c.ID, c.AuthMethod)
		}
	default:
		return fmt.Errorf("client %q: unknown authentication method %q", c.ID, c.AuthMethod)
	}
	return nil
}

func (c Client) public() bool { return c.Secret == "" && c.Key == nil }

func (c Client) title() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}
