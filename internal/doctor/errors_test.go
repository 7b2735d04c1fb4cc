package doctor

import (
	"context"
	"crypto/x509"
	"net"
	"net/url"
	"syscall"
)

// Errors as package net/http wraps them.

func wrapped(err error) error {
	return &url.Error{Op: "Get", URL: "https://id.example.com/?secret", Err: err}
}

func dnsError() error {
	return wrapped(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "id.example.com", IsNotFound: true}})
}

func refusedError() error { return wrapped(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}) }
func timeoutError() error { return wrapped(context.DeadlineExceeded) }

func expiredError() error {
	return wrapped(x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired})
}

func wrongHostError() error {
	return wrapped(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "id.example.com"})
}
