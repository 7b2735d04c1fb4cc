package app

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/proxy"
)

// headers are an app's identity headers: the usual ones or a ready set, and those that
// the app names, in place of any of the same name.
func headers(c config.Headers) []proxy.Header {
	base := proxy.DefaultHeaders()
	if set, ok := proxy.HeaderSet(string(c.Set)); ok {
		base = set
	}
	for _, name := range slices.Sorted(maps.Keys(c.Names)) {
		own := proxy.Header{Name: http.CanonicalHeaderKey(name), Source: proxy.Source(c.Names[name])}
		base = slices.DeleteFunc(base, func(h proxy.Header) bool { return http.CanonicalHeaderKey(h.Name) == own.Name })
		base = append(base, own)
	}
	return base
}

// roots are the system's certificates and those of pem; nil stands for the system's alone.
func roots(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca_file holds no certificate")
	}
	return pool, nil
}
