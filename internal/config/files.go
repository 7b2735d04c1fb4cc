package config

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/cardea-auth/cardea/internal/strict"
)

// maxSecret bounds a secret's length: a private key in PEM is the longest.
const maxSecret = 16 << 10

// fromEnv reads a secret from the environment. A name that is none is not
// repeated: it may be the secret itself, written in the wrong place.
func (c *checker) fromEnv(path, name string) Secret {
	if !envName(name) {
		c.fault(path, "is not the name of an environment variable", "write a name of letters, digits and underscores, such as CARDEA_CLIENT_SECRET")
		return Secret{}
	}
	value, ok := c.env(name)
	switch {
	case !ok:
		c.fault(path, "the environment variable "+name+" is not set", "set it before starting, or write the _file key")
	case strings.TrimSpace(value) == "":
		c.fault(path, "the environment variable "+name+" is empty", "set it to the secret")
	case len(value) > maxSecret:
		c.fault(path, "the environment variable "+name+" is too long for a secret", "set it to the secret itself")
	default:
		return NewSecret(value)
	}
	return Secret{}
}

func envName(name string) bool {
	if name == "" || len(name) > 128 || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return true
}

// read reads a file that the configuration names.
func (c *checker) read(path, file string) ([]byte, bool) {
	if file == "" {
		c.fault(path, "is empty", "write the file's path, or remove the key")
		return nil, false
	}
	data, err := c.readFile(file)
	if err != nil {
		c.fault(path, "the file "+strict.Quote(file)+" "+readTrouble(err), "check the path; it is relative to the configuration's folder")
		return nil, false
	}
	return data, true
}

// fromFile reads a secret from a file; line ends after it are not part of it.
func (c *checker) fromFile(path, file string) Secret {
	data, ok := c.read(path, file)
	if !ok {
		return Secret{}
	}
	value := strings.TrimRight(string(data), "\r\n")
	switch {
	case strings.TrimSpace(value) == "":
		c.fault(path, "the file "+strict.Quote(file)+" is empty", "put the secret into it, and nothing else")
	case len(value) > maxSecret:
		c.fault(path, "the file "+strict.Quote(file)+" is too long for a secret", "put the secret into it, and nothing else")
	default:
		return NewSecret(value)
	}
	return Secret{}
}

// authorities reads certificates to trust in addition to the system's.
func (c *checker) authorities(path string, file *string) []byte {
	if *file == "" && !c.positions.Has(path) {
		return nil
	}
	*file = absolute(c.folder, *file)
	data, ok := c.read(path, *file)
	if !ok {
		return nil
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		c.fault(path, "the file "+strict.Quote(*file)+" holds no certificate", "put PEM certificates (-----BEGIN CERTIFICATE-----) into it")
		return nil
	}
	return data
}

// certificate checks that certificate and key can be read and belong together.
func (c *checker) certificate(at string, t *TLS) {
	if t == nil {
		return
	}
	for path, file := range map[string]*string{at + ".cert_file": &t.CertFile, at + ".key_file": &t.KeyFile} {
		if *file == "" && !c.positions.Has(path) {
			c.fault(path, "is missing", "write the path of the PEM file")
		}
		*file = absolute(c.folder, *file)
	}
	if t.CertFile == "" || t.KeyFile == "" {
		return
	}
	cert, certOK := c.read(at+".cert_file", t.CertFile)
	key, keyOK := c.read(at+".key_file", t.KeyFile)
	if !certOK || !keyOK {
		return
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		c.fault(at+".cert_file", "certificate and key are not a pair: "+strings.TrimPrefix(err.Error(), "tls: "), "name a PEM certificate chain and the key that belongs to it")
		return
	}
	t.Pair = Pair{&pair}
}
