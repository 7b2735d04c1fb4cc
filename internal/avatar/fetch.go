package avatar

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	maxHops      = 3 // redirects
	dialTimeout  = 4 * time.Second
	maxHeader    = 64 << 10
	maxAddresses = 8 // of a host that are looked at
	userAgent    = "Cardea (picture of a person who signed in)"
)

// Net is the way to other hosts. A nil field is the system's.
type Net struct {
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

func (n Net) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if n.Lookup != nil {
		return n.Lookup(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func (n Net) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if n.Dial != nil {
		return n.Dial(ctx, network, address)
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
}

// fetcher gets one picture. It sends nothing but the address and who asks.
type fetcher struct {
	net  Net
	from Source
	most int64 // bytes
}

// get returns what is at an address, following at most maxHops redirects. Its error says
// nothing of the address's path and query.
func (f fetcher) get(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, notAnAddress
	}
	h := hop{issuer: f.from.Issuer, to: u}
	for hops := 0; ; hops++ {
		body, next, err := f.ask(ctx, h)
		if err != nil || next == nil {
			return body, err
		}
		if hops == maxHops {
			return nil, tooManyHops
		}
		h.before, h.to = h.to, next
	}
}

// ask makes one request. next is where it redirects to; nil: body is the answer.
func (f fetcher) ask(ctx context.Context, h hop) (body []byte, next *url.URL, err error) {
	if err := h.named(); err != nil {
		return nil, nil, err
	}
	transport, err := f.transport(h)
	if err != nil {
		return nil, nil, err
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.to.String(), nil)
	if err != nil {
		return nil, nil, notAnAddress
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "image/webp, image/png, image/jpeg, image/gif")
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, nil, fmt.Errorf("asking for a picture: %w", err)
	}
	defer res.Body.Close()
	if location := res.Header.Get("Location"); res.StatusCode/100 == 3 && location != "" {
		if next, err = h.to.Parse(location); err != nil {
			return nil, nil, notAnAddress
		}
		return nil, next, nil
	}
	if res.StatusCode != http.StatusOK {
		return nil, nil, refusal(fmt.Sprintf("HTTP status %d", res.StatusCode))
	}
	if res.ContentLength > f.most {
		return nil, nil, fmt.Errorf("%w: %d", ErrTooLarge, res.ContentLength)
	}
	body, err = readAll(res.Body, f.most)
	return body, nil, err
}

// transport makes the transport of one hop. Connections are not shared between hops: each
// has its own rule of where it may lead. There is no proxy: behind one nobody here sees
// which address is reached. Answers are not decompressed.
func (f fetcher) transport(h hop) (*http.Transport, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(f.from.Roots) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(f.from.Roots) {
			return nil, refusal("the provider's ca_file holds no PEM certificate")
		}
		conf.RootCAs = pool
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return f.connect(ctx, h, network, address)
		},
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    5 * time.Second,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
	}, nil
}

// connect resolves a host once, judges what it resolves to, and connects to one of just
// these addresses: a name that changes its mind between two questions gains nothing.
func (f fetcher) connect(ctx context.Context, h hop, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, notAnAddress
	}
	ips, err := f.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, ip := range ips {
		if err := h.reached(ip); err != nil {
			return nil, err
		}
	}
	var failed error
	for _, ip := range ips {
		conn, err := f.net.dial(ctx, network, net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (f fetcher) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ips, err := f.net.lookup(ctx, host)
	if err != nil || len(ips) == 0 {
		return nil, refusal("its host has no address")
	}
	return ips[:min(len(ips), maxAddresses)], nil
}

// reason is what is kept and logged of a failure: what net/http says may hold parts of
// addresses and of answers.
func reason(err error) string {
	var (
		own     refusal
		network net.Error
		op      *net.OpError
		cert    *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &own):
		return own.Error()
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrDimensions), errors.Is(err, ErrFormat), errors.Is(err, ErrBusy):
		return err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timed out"
	case errors.As(err, &cert):
		return "certificate not trusted"
	case errors.As(err, &op):
		return "connection failed: " + op.Op
	}
	return "malformed or broken HTTP exchange"
}
