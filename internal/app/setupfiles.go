package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/setup"
)

const (
	setupRequest = 5 * time.Second
	setupAnswer  = 256 << 10
)

// getter makes the harmless requests of Init.
type getter struct{ http *http.Client }

func newGetter(o InitOptions) (getter, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := o.ReadFile(o.CAFile)
		if err != nil {
			return getter{}, err
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return getter{}, fmt.Errorf("%s holds no certificate", o.CAFile)
		}
		conf.RootCAs = pool
	}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		DialContext: (&net.Dialer{Timeout: setupRequest}).DialContext, MaxResponseHeaderBytes: 128 << 10,
	}
	if socket, ok := strings.CutPrefix(o.App, "unix:"); ok {
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "localhost:80" {
				return (&net.Dialer{Timeout: setupRequest}).DialContext(ctx, "unix", socket)
			}
			return dial(ctx, network, address)
		}
	}
	return getter{&http.Client{
		Transport: t, Timeout: setupRequest,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Get implements setup.Getter.
func (g getter) Get(ctx context.Context, address string) (setup.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return setup.Answer{}, err
	}
	req.Header.Set("User-Agent", "Cardea-init")
	res, err := g.http.Do(req)
	if err != nil {
		return setup.Answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, setupAnswer))
	return setup.Answer{Status: res.StatusCode, Header: res.Header, Body: body}, err
}

func (i *initial) file() string { return filepath.Join(i.Folder, ConfigName) }

// mayWrite says that a file is in the way.
func (i *initial) mayWrite(name string) error {
	if _, err := os.Lstat(name); err != nil || i.Replace {
		return nil //nolint:nilerr // what cannot be seen is found out when it is written
	}
	if i.Ask == nil {
		return fmt.Errorf("%s %w; --force replaces it, --out DIR writes elsewhere", name, ErrExists)
	}
	yes, err := i.Ask.Agree(name + " is there already. Replace it?")
	if err != nil || yes {
		return err
	}
	return fmt.Errorf("%s %w, and stays", name, ErrExists)
}

// write writes the configuration, and the secret where it was pasted, once what they say
// was found to be free of faults.
func (i *initial) write() (*config.Config, error) {
	text := i.plan.File(i.Now())
	secret := filepath.Join(i.Folder, secretName)
	cfg, warnings, err := config.Load(i.file(), i.Env, i.read(text))
	if err != nil {
		return nil, err
	}
	i.heading("The configuration")
	if err := os.MkdirAll(i.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder: %w", err)
	}
	if i.secret != "" {
		if err := i.mayWrite(secret); err != nil {
			return nil, err
		}
		if err := put(secret, i.secret+"\n", 0o600); err != nil {
			return nil, err
		}
		i.paragraph(secret + " holds the client secret; only you can read it.")
	}
	if err := put(i.file(), text, 0o644); err != nil {
		return nil, err
	}
	i.paragraph(i.file() + " is written. It says:")
	fmt.Fprintln(i.Out)
	for line := range strings.Lines(text) {
		fmt.Fprint(i.Out, strings.TrimRight("   | "+line, " "))
	}
	for _, w := range warnings {
		i.paragraph("warning: " + w.String())
	}
	return cfg, nil
}

// read reads files as they will be once they are written.
func (i *initial) read(text string) func(string) ([]byte, error) {
	own := map[string]string{}
	if abs, err := filepath.Abs(i.file()); err == nil {
		own[abs] = text
		if i.secret != "" {
			own[filepath.Join(filepath.Dir(abs), secretName)] = i.secret
		}
	}
	return func(path string) ([]byte, error) {
		if text, ok := own[path]; ok {
			return []byte(text), nil
		}
		return i.ReadFile(path)
	}
}

// put writes a file whole, in place of one of that name; a link is replaced, not followed.
func put(name, text string, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", name, err), os.Remove(f.Name()))
	}
	return nil
}
