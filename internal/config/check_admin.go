package config

import (
	"net"
	"net/netip"
	"strings"
)

// minToken is the least length of the administration's credential.
const minToken = 32

// admin checks the administration's listener: a socket has permissions and nothing else,
// an address has a credential, and beyond this machine it has TLS.
func (c *checker) admin() {
	a := &c.cfg.Admin
	if a.Listen.Network == "unix" {
		for _, key := range []string{"url", "token_file", "token_env", "tls"} {
			path := "admin." + key
			c.when(c.positions.Has(path), path, "has no meaning for a unix socket, which only the gateway's own user opens", "remove the key, or write admin.listen as host:port")
		}
		return
	}
	c.adminToken()
	c.when(!a.Listen.Local() && a.TLS == nil, "admin.listen", "is reachable from elsewhere, and what is sent to it could be read and changed on the way",
		"write admin.tls with cert_file and key_file, unix:/path, or an address on 127.0.0.1")
	if a.URL == nil {
		c.adminURL()
		return
	}
	c.when(a.TLS != nil && a.URL.Scheme == "http", "admin.url", "says http, but admin.tls is set", "write it with https://")
	c.when(a.URL.Scheme == "http" && !a.URL.Loopback(), "admin.url", "plain http on a name that is not loopback: the credential could be read on the way",
		"write https:// with admin.tls, or an address on 127.0.0.1")
}

// adminToken reads the credential. Its value is never repeated.
func (c *checker) adminToken() {
	a := &c.cfg.Admin
	path := "admin.token_file"
	switch file, env := c.positions.Has("admin.token_file"), c.positions.Has("admin.token_env"); {
	case file && env:
		c.fault("admin.token_env", "stands beside admin.token_file", "keep one of the two")
		return
	case file:
		a.TokenFile = absolute(c.folder, a.TokenFile)
		a.Token = c.fromFile(path, a.TokenFile)
	case env:
		path = "admin.token_env"
		a.Token = c.fromEnv(path, a.TokenEnv)
	default:
		c.fault("admin.listen", "is an address that every program on this machine reaches, and no credential is asked for",
			"write admin.token_file with a file of 32 random characters or more, or unix:/path")
		return
	}
	if a.Token.IsZero() {
		return // told already
	}
	token := a.Token.Reveal()
	c.when(len(token) < minToken, path, "holds a credential that is too short to be random", "make one by: head -c 32 /dev/urandom | base64")
	c.when(strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }), path,
		"holds a credential with blanks or other characters that no header carries", "make one by: head -c 32 /dev/urandom | base64")
}

// adminURL makes the address that programs use of the one that is listened on.
func (c *checker) adminURL() {
	a := &c.cfg.Admin
	host, port, err := net.SplitHostPort(a.Listen.Address)
	if err != nil {
		return
	}
	ip, err := netip.ParseAddr(host)
	if host == "" || port == "0" || err == nil && ip.IsUnspecified() {
		c.fault("admin.listen", "does not say by which name programs reach it", "write admin.url, such as https://gate.internal:9443")
		return
	}
	a.URL = &Origin{Scheme: "http", Host: strings.ToLower(a.Listen.Address)}
	if a.TLS != nil {
		a.URL.Scheme = "https"
	}
}
