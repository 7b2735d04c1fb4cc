package doctor

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/preset"
	"github.com/cardea-auth/cardea/internal/record"
)

const (
	requestTime = 5 * time.Second
	wholeTime   = 30 * time.Second
)

// Client is the gateway's own client at a provider, so that what is tried is what people's
// browsers will be sent to.
type Client interface {
	AuthorizationURL(context.Context, oidc.AuthorizationRequest) (string, error)
	EndSessionByBrowser(context.Context, oidc.EndSessionRequest) (call oidc.BrowserCall, ok bool, err error)
	Exchange(ctx context.Context, now time.Time, ask oidc.CodeExchange) (oidc.Authentication, error)
}

// Provider is one configured provider.
type Provider struct {
	ID, Issuer, ClientID string
	// Public: there is no client secret.
	Public bool
	// Record is as it takes effect, with the scopes that are asked for.
	Record         record.Record
	RedirectURI    string
	BackchannelURL string // empty: the issuer's own origin
	RootCAs        []byte // PEM, trusted beside the system's
	Client         Client
	// By gives the same client as it would authenticate by another method; nil where
	// there is no other. It is asked once, where the client was refused.
	By func(record.ClientAuth) (Client, error)
	// Groups: an access rule or a header wants groups.
	Groups bool
}

// App is one protected app.
type App struct {
	ID string
	// URL is where people find it.
	URL string
	// Scheme is http, https, h2c or unix; Address is host[:port], or the socket's path.
	Scheme, Address string
	// Host and Path are those of a request to it.
	Host, Path string
	RootCAs    []byte
	// Preset is the name of what is known of it, and Base the path that it lives at.
	Preset, Base string
	// Title is what the app is known as; empty where nothing is known of it.
	Title string
	// Takes says how it shows that the app takes people from the gateway, its paths as the
	// app is asked for them.
	Takes preset.Takes
	// Setup is what to put into the app's own configuration. In an entry of several lines
	// the first is text, and the others are to be copied.
	Setup []string
}

// Gateway is what the configuration says of the gateway itself.
type Gateway struct {
	PublicURL string // an origin
	// Network is tcp or unix; Address is host:port or the socket's path.
	Network, Address string
	// OpsNetwork and OpsAddress are the same of the operators' listener. Empty: it is not
	// looked at.
	OpsNetwork, OpsAddress string
	// Starting: it is about to listen here, so whatever listens already is in its way, a
	// gateway too.
	Starting bool

	TLS            bool // it serves https itself
	TrustedProxies bool // there are proxies whose headers it believes
	InsecureHTTP   bool
	HeaderBytes    int
}

// Options are what is examined.
type Options struct {
	// PublicURL is the gateway's origin.
	PublicURL string
	// Gateway is nil where the gateway itself is not to be examined.
	Gateway   *Gateway
	Providers []Provider
	Apps      []App
	// Recognise gives the kinds of provider that an issuer and its metadata have the marks
	// of, the most telling first. nil: they are not looked at.
	Recognise func(issuer *url.URL, metadata map[string]any) []string
	// Now is the clock that providers' are compared with. Default time.Now.
	Now func() time.Time
}

// Examine makes all checks, side by side for different servers, and returns what was found
// in the order of o. Each request is given 5 s and everything 30 s: what was not answered
// by then is reported so.
func Examine(ctx context.Context, o Options) (*Report, error) {
	if o.PublicURL == "" {
		return nil, errors.New("doctor: PublicURL is required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	var all []func() Group
	if o.Gateway != nil {
		all = append(all, func() Group { return o.gateway(ctx) })
	}
	for _, p := range o.Providers {
		if p.Client == nil {
			return nil, errors.New("doctor: provider " + p.ID + " has no Client")
		}
		all = append(all, func() Group { return o.provider(ctx, p) })
	}
	for _, a := range o.Apps {
		all = append(all, func() Group { return o.app(ctx, a) })
	}
	groups := make([]Group, len(all))
	var wait sync.WaitGroup
	for i, examine := range all {
		wait.Go(func() { groups[i] = examine() })
	}
	wait.Wait()
	return newReport(groups), nil
}
