package config

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardea-auth/cardea/internal/strict"
)

// checker completes a decoded configuration and collects what is wrong with it.
type checker struct {
	cfg       *Config
	positions strict.Positions
	decoded   []Fault
	faults    []Fault
	warnings  []Warning
	env       func(string) (string, bool)
	readFile  func(string) ([]byte, error)
	folder    string
}

// fault adds a fault at path, unless the value there, or one around it, could
// not be read in the first place: one mistake is told once.
func (c *checker) fault(path, message, fix string) {
	if c.unread(path) {
		return
	}
	at := c.positions.At(path)
	c.faults = append(c.faults, Fault{Line: at.Line, Column: at.Column, Path: path, Message: message, Fix: fix})
}

func (c *checker) unread(path string) bool {
	for _, f := range c.decoded {
		rest, ok := strings.CutPrefix(path, f.Path)
		if ok && c.positions.Has(f.Path) && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// whole reports whether everything within path could be read.
func (c *checker) whole(path string) bool {
	for _, f := range c.decoded {
		rest, ok := strings.CutPrefix(f.Path, path)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return false
		}
	}
	return true
}

// when adds the fault if the condition holds.
func (c *checker) when(wrong bool, path, message, fix string) {
	if wrong {
		c.fault(path, message, fix)
	}
}

// problem adds what a parser says.
func (c *checker) problem(path string, err error) {
	var p *strict.Problem
	if errors.As(err, &p) {
		c.fault(path, p.Message, p.Fix)
	} else if err != nil {
		c.fault(path, err.Error(), "")
	}
}

func (c *checker) warn(path, message string) {
	line := 0
	if c.positions.Has(path) {
		line = c.positions.At(path).Line
	}
	c.warnings = append(c.warnings, Warning{Line: line, Path: path, Message: message})
}

// inert refuses a list or mapping that is stated and empty: it looks like a
// rule and would let everyone pass, or nobody.
func (c *checker) inert(path string, n int) {
	c.when(n == 0 && c.positions.Has(path), path, "is empty, so it says nothing", "write at least one entry, or remove the key")
}

// age checks a max_age: whole seconds and never 0, which some providers never
// satisfy and others ignore.
func (c *checker) age(path string, d time.Duration) {
	wrong := c.positions.Has(path) && d < time.Second || d%time.Second != 0
	c.when(wrong, path, "a max_age has whole seconds, and at least one", "write it as 1s, 5m or 12h")
}

func (c *checker) all() {
	c.gateway()
	c.paths()
	c.keys()
	c.network()
	c.admin()
	c.certificate("tls", c.cfg.TLS)
	c.certificate("admin.tls", c.cfg.Admin.TLS)
	c.limits()
	c.audit()
	c.providers()
	c.apps()
	c.access("access", c.cfg.Access, c.cfg.Providers)
}

func (c *checker) gateway() {
	cfg := c.cfg
	if cfg.PublicURL.Host == "" {
		c.fault("public_url", "is missing", "write public_url: https://auth.example.com, where people's browsers reach the gateway")
	}
	c.secure("public_url", cfg.PublicURL)
	if cfg.InsecureHTTP {
		c.warn("insecure_http", "everything that people and this gateway exchange over plain http can be read and changed on the way")
	}
	c.when(cfg.TLS != nil && cfg.PublicURL.Scheme == "http", "tls", "https is served, but public_url says http", "write public_url with https://, or remove tls")
	if cfg.PublicURL.Scheme == "https" && cfg.TLS == nil && len(cfg.TrustedProxies) == 0 {
		c.warn("public_url", "https is promised, but neither tls nor trusted_proxies is set: the proxy that ends TLS must be listed for its headers to be believed")
	}
}

// secure demands https where the network can be listened to.
func (c *checker) secure(path string, o Origin) {
	wrong := o.Scheme == "http" && !o.Loopback() && !c.cfg.InsecureHTTP
	c.when(wrong, path, "plain http on a name that is not loopback", "write https://, or insecure_http: true if you accept that everything can be read on the way")
}

// paths makes every path absolute, and fills those that follow data_dir.
func (c *checker) paths() {
	cfg := c.cfg
	c.when(cfg.DataDir == "", "data_dir", "is empty", "write a folder such as /var/lib/cardea")
	cfg.DataDir = absolute(c.folder, cfg.DataDir)
	fallback := func(path string, p *string, name string) {
		c.when(*p == "" && c.positions.Has(path), path, "is empty", "write a path, or remove the key")
		if *p == "" {
			*p = filepath.Join(cfg.DataDir, name)
		}
		*p = absolute(c.folder, *p)
	}
	fallback("store.sqlite.path", &cfg.Store.SQLite.Path, "cardea.db")
	if cfg.Keys.RootEnv == "" {
		fallback("keys.root_file", &cfg.Keys.RootFile, "root.key")
	}
	if cfg.Admin.Listen.Network == "" {
		cfg.Admin.Listen = Listen{Network: "unix", Address: filepath.Join(cfg.DataDir, "admin.sock")}
	}
	for _, l := range []*Listen{&cfg.Listen, &cfg.Ops.Listen, &cfg.Admin.Listen} {
		if l.Network == "unix" {
			l.Address = absolute(c.folder, l.Address)
		}
	}
}

func (c *checker) keys() {
	k := &c.cfg.Keys
	if k.RootEnv == "" {
		c.when(c.positions.Has("keys.root_env"), "keys.root_env", "is empty", "write the variable's name, or remove the key")
		return
	}
	if c.positions.Has("keys.root_file") {
		c.fault("keys.root_env", "stands beside keys.root_file", "keep one of the two")
		return
	}
	k.Root = c.fromEnv("keys.root_env", k.RootEnv)
}

// maxSocketPath is the least that every supported system takes.
const maxSocketPath = 103

func (c *checker) network() {
	cfg := c.cfg
	seen := map[Listen]string{}
	for _, l := range []struct {
		path   string
		listen Listen
	}{{"listen", cfg.Listen}, {"ops.listen", cfg.Ops.Listen}, {"admin.listen", cfg.Admin.Listen}} {
		first, twice := seen[l.listen]
		c.when(twice && !strings.HasSuffix(l.listen.Address, ":0"), l.path, "is the same address as "+first, "give each listener its own")
		seen[l.listen] = l.path
		c.when(l.listen.Network == "unix" && len(l.listen.Address) > maxSocketPath, l.path,
			"the socket's path is longer than systems take", "write a shorter one, such as unix:/run/cardea/admin.sock")
	}
	if !cfg.Ops.Listen.Local() {
		c.warn("ops.listen", "metrics can be read from elsewhere")
	}
	c.inert("trusted_proxies", len(cfg.TrustedProxies))
	for i, p := range cfg.TrustedProxies {
		c.proxy(strict.Index("trusted_proxies", i), p)
	}
}

func (c *checker) proxy(path string, p netip.Prefix) {
	if !p.IsValid() {
		return
	}
	if p != p.Masked() {
		c.fault(path, p.String()+" has bits beyond its length", "write "+p.Masked().String())
	}
	if p.Bits() == 0 {
		c.warn(path, "everybody is believed about addresses, hosts and schemes")
	}
}

func (c *checker) limits() {
	l := c.cfg.Limits
	if l.HeaderBytes < 8<<10 || l.HeaderBytes > 1<<20 {
		c.fault("limits.header_bytes", fmt.Sprintf("%d is outside 8192 to 1048576", l.HeaderBytes), "write limits.header_bytes: 65536")
	}
	if n := c.cfg.Avatars.MaxBytes; n < 16<<10 || n > 16<<20 {
		c.fault("avatars.max_bytes", fmt.Sprintf("%d is outside 16384 to 16777216", n), "write avatars.max_bytes: 2097152")
	}
	for _, b := range []struct {
		path       string
		value      time.Duration
		least, top time.Duration
	}{
		{"limits.refresh_failing", l.RefreshFailing, time.Minute, 720 * time.Hour},
		{"limits.outbox_retry", l.OutboxRetry, time.Minute, 720 * time.Hour},
		{"limits.store_wait", l.StoreWait, 100 * time.Millisecond, 10 * time.Second},
		{"limits.store_cut_off", l.StoreCutOff, time.Second, 24 * time.Hour},
		{"limits.upstream_connect", l.UpstreamConnect, 100 * time.Millisecond, 5 * time.Minute},
		{"limits.shutdown", l.Shutdown, time.Second, 10 * time.Minute},
	} {
		c.between(b.path, b.value, b.least, b.top)
	}
}

func (c *checker) between(path string, d, least, top time.Duration) {
	if d < least || d > top {
		c.fault(path, fmt.Sprintf("%s is outside %s to %s", d, short(least), short(top)), "write a length of time between them")
	}
}

// short writes a duration without the zeros that Go appends: 72h, not 72h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
