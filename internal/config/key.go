package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/strict"
)

// leastRSABits is what RFC 7518 section 3.3 demands.
const leastRSABits = 2048

// ParsePrivateKey reads a private key from PEM: PKCS #8, SEC 1 or PKCS #1, not encrypted.
// It takes RSA of at least 2048 bits, P-256, P-384, P-521 and Ed25519. Its error quotes
// nothing of the key.
func ParsePrivateKey(text string) (crypto.Signer, error) {
	for rest := []byte(text); ; {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, errors.New("holds no private key in PEM")
		}
		rest = after
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue // EC PARAMETERS, or a certificate
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, errors.New("holds a private key that is encrypted")
		}
		return signerOf(block)
	}
}

func signerOf(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		err = errors.New("not of these kinds")
	}
	if err != nil {
		return nil, errors.New("holds a private key that cannot be read")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < leastRSABits {
			return nil, fmt.Errorf("holds an RSA key of %d bits; at least %d are needed", bits, leastRSABits)
		}
		return k, nil
	case *ecdsa.PrivateKey:
		if k.Curve.Params().BitSize < 256 {
			return nil, errors.New("holds a key on a curve that signs no token")
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errors.New("holds a key that cannot sign")
}

// key checks the client's private key, and that the record has a use for it.
func (c *checker) key(path string, p *Provider, known bool) {
	file, env := strict.Key(path, "client_key_file"), strict.Key(path, "client_key_env")
	hasFile, hasEnv := c.positions.Has(file), c.positions.Has(env)
	at := file
	switch {
	case hasFile && hasEnv:
		c.fault(env, "stands beside client_key_file", "keep one of the two")
		return
	case hasFile:
		p.ClientKeyFile = absolute(c.folder, p.ClientKeyFile)
		p.ClientKey = c.fromFile(file, p.ClientKeyFile)
	case hasEnv:
		at = env
		p.ClientKey = c.fromEnv(env, p.ClientKeyEnv)
	}
	if !p.ClientKey.IsZero() {
		if _, err := ParsePrivateKey(p.ClientKey.Reveal()); err != nil {
			c.fault(at, err.Error(), "name an unencrypted private key in PEM: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519")
		}
	}
	if known {
		c.keyUse(path, at, p, hasFile || hasEnv)
	}
}

// keyUse holds the key against what the record does with one.
func (c *checker) keyUse(path, at string, p *Provider, given bool) {
	auth := p.Record.Client.Auth
	unused := given && !keyMay(auth)
	c.when(unused, at, fmt.Sprintf("is not used: the record authenticates by %s", auth), "remove it, or write record.client.auth: private_key_jwt")
	missing := keyMust(auth) && !given && !c.refusedSecret(path)
	c.when(missing, strict.Key(path, "client_key_file"), fmt.Sprintf("there is no client key, and the record authenticates by %s", auth), "write client_key_file: PATH or client_key_env: NAME")

	if given && auth == record.AuthSignedSecret && p.ClientKeyID == "" {
		c.warn(at, "has no client_key_id, by which providers that take a signed secret find the key")
	}
	id, issuer := strict.Key(path, "client_key_id"), strict.Key(path, "client_key_issuer")
	c.when(p.ClientKeyID != "" && !given, id, "there is no client key that it names", "write client_key_file: PATH, or remove it")
	c.when(!printable(p.ClientKeyID), id, "has blanks or control characters", "write the key's id exactly as the provider shows it")
	c.when(!printable(p.ClientKeyIssuer), issuer, "has blanks or control characters", "write the owner's name exactly as the provider shows it")
	owned := strings.Contains(p.Record.Client.Assertion.Issuer, "{key_issuer}") && keyMay(auth)
	c.when(p.ClientKeyIssuer != "" && !owned, issuer, "is not used: the record's assertion does not name the key's owner", "remove it")
	c.when(p.ClientKeyIssuer == "" && owned && given, issuer, "is missing, and the record's assertion names the key's owner", "write the owner's name at the provider, such as a team id")
}

// keyMay reports whether a client's key can be of use, keyMust whether it is needed.
func keyMay(a record.ClientAuth) bool { return a == record.AuthDiscovery || keyMust(a) }

func keyMust(a record.ClientAuth) bool {
	return a == record.AuthPrivateKeyJWT || a == record.AuthSignedSecret
}
