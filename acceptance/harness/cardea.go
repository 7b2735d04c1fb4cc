package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

var build struct {
	once sync.Once
	path string
	err  error
}

// cardeaBinary builds the product once per run. CARDEA_BINARY names another build to
// drive instead, such as one with the race detector.
func (e *Env) cardeaBinary() (string, error) {
	build.once.Do(func() {
		if build.path = os.Getenv("CARDEA_BINARY"); build.path != "" {
			return
		}
		build.path = filepath.Join(e.Cache, "bin", "cardea")
		cmd := exec.Command("go", "build", "-o", build.path, "./cmd/cardea")
		cmd.Dir = e.Root
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("building cardea: %w\n%s", err, out)
		}
	})
	return build.path, build.err
}

// Config is a Cardea configuration; the members are those of the documentation.
// It is written as JSON, which is YAML.
type Config struct {
	PublicURL      string     `json:"public_url"`
	Listen         string     `json:"listen"`
	DataDir        string     `json:"data_dir"`
	InsecureHTTP   bool       `json:"insecure_http,omitempty"`
	TrustedProxies []string   `json:"trusted_proxies,omitempty"`
	Ops            Listener   `json:"ops"`
	Providers      []Provider `json:"providers"`
	Apps           []App      `json:"apps"`

	Access  map[string]any `json:"access,omitempty"`
	Audit   map[string]any `json:"audit,omitempty"`
	Avatars map[string]any `json:"avatars,omitempty"`
}

// Listener is an address to listen on.
type Listener struct {
	Listen string `json:"listen"`
}

// Provider is where people sign in. Record overrides fields of the kind's record.
type Provider struct {
	ID              string         `json:"id"`
	Kind            string         `json:"kind"`
	Issuer          string         `json:"issuer,omitempty"`
	ClientID        string         `json:"client_id"`
	ClientSecretEnv string         `json:"client_secret_env,omitempty"`
	ClientKeyFile   string         `json:"client_key_file,omitempty"`
	ClientKeyID     string         `json:"client_key_id,omitempty"`
	ClientKeyIssuer string         `json:"client_key_issuer,omitempty"`
	Scopes          []string       `json:"scopes,omitempty"`
	Record          map[string]any `json:"record,omitempty"`
	BackchannelURL  string         `json:"backchannel_url,omitempty"`
	CAFile          string         `json:"ca_file,omitempty"`

	LinkVerifiedEmail bool `json:"link_verified_email,omitempty"`
}

// Logout is a request by which people sign out in the app itself.
type Logout struct {
	Method string `json:"method,omitempty"`
	Path   string `json:"path"`
}

// App is what Cardea protects. Access, Session and the like are free-form.
type App struct {
	ID         string           `json:"id"`
	URL        string           `json:"url"`
	Upstream   string           `json:"upstream"`
	Preset     string           `json:"preset,omitempty"`
	Record     map[string]any   `json:"record,omitempty"`
	Vault      string           `json:"vault,omitempty"`
	PageScript *bool            `json:"page_script,omitempty"`
	Logout     []Logout         `json:"logout,omitempty"`
	SignOut    string           `json:"sign_out,omitempty"`
	Access     map[string]any   `json:"access,omitempty"`
	Session    map[string]any   `json:"session,omitempty"`
	Headers    any              `json:"headers,omitempty"`
	CORS       map[string]any   `json:"cors,omitempty"`
	Paths      []map[string]any `json:"paths,omitempty"`
}

// secretEnv is the variable every test's client secret is in.
const secretEnv = "CARDEA_CLIENT_SECRET"

// Cardea is one configured cardea with its data. The process comes and goes; port,
// data and configuration stay.
type Cardea struct {
	URL      string // public_url
	DataDir  string
	ClientID string
	Secret   string

	env     *Env
	name    string
	config  string
	ops     string
	process *Process
	logs    []string
}

// CardeaSetup is what a test wants of a Cardea.
type CardeaSetup struct {
	Config   Config
	ClientID string
	Secret   string
}

// NewCardea writes the configuration; Start runs it.
func (e *Env) NewCardea(t testing.TB, s CardeaSetup) *Cardea {
	t.Helper()
	dir := ShortDir(t)
	c := &Cardea{
		URL: s.Config.PublicURL, DataDir: filepath.Join(dir, "data"), ClientID: s.ClientID, Secret: s.Secret,
		env: e, name: t.Name(), config: filepath.Join(dir, "cardea.yaml"),
	}
	e.Secret.Add("client_secret", s.Secret)
	s.Config.DataDir = c.DataDir
	s.Config.Ops.Listen = fmt.Sprintf("127.0.0.1:%d", MustFreePort(t))
	c.ops = "http://" + s.Config.Ops.Listen
	data, err := json.MarshalIndent(s.Config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.config, data, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.end)
	return c
}

// Edit changes the configuration that the next start reads.
func (c *Cardea) Edit(t testing.TB, edit func(*Config)) {
	t.Helper()
	data, err := os.ReadFile(c.config)
	if err != nil {
		t.Fatal(err)
	}
	var config Config
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	edit(&config)
	if data, err = json.MarshalIndent(config, "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.config, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Start runs cardea serve and waits until it is ready.
func (c *Cardea) Start(t testing.TB) {
	t.Helper()
	if err := c.TryStart(); err != nil {
		t.Fatal(err)
	}
}

// TryStart is Start for tests of configurations that must not start.
func (c *Cardea) TryStart() error {
	binary, err := c.env.cardeaBinary()
	if err != nil {
		return err
	}
	log := c.env.logFile(c.name + "-cardea")
	c.logs = append(c.logs, log)
	process, err := start(command{
		Path: binary, Args: []string{"serve", "--config", c.config},
		Env: []string{secretEnv + "=" + c.Secret}, Log: log,
	})
	if err != nil {
		return err
	}
	c.process = process
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	if err := process.awaitHTTP(ctx, c.ops+"/readyz", http.StatusOK); err != nil {
		if process.Alive() {
			process.Kill()
		}
		return err
	}
	return nil
}

// Stop ends cardea with TERM and demands a clean exit.
func (c *Cardea) Stop(t testing.TB) {
	t.Helper()
	if err := c.process.Terminate(patience); err != nil {
		t.Fatalf("stopping cardea: %v\n%s", err, c.LogTail())
	}
}

// Kill is kill -9.
func (c *Cardea) Kill() { c.process.Kill() }

// reloadEnds are the lines by which a reload ends, whatever came of it.
var reloadEnds = regexp.MustCompile(`msg="(configuration reloaded|configuration not reloaded|the configuration is the one that holds)`)

// Reload sends SIGHUP and waits until the log says what came of it. It returns that line's
// message and whether the configuration on disk is the one that counts now.
func (c *Cardea) Reload(t testing.TB) (message string, counts bool) {
	t.Helper()
	before := len(reloadEnds.FindAllString(c.Log(), -1))
	if err := c.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	var ends [][]string
	Eventually(t, patience, "the end of a reload", func() bool {
		ends = reloadEnds.FindAllStringSubmatch(c.Log(), -1)
		return len(ends) > before
	})
	message = ends[len(ends)-1][1]
	return message, message != "configuration not reloaded"
}

// LogTail returns the end of the newest log, for failure messages.
func (c *Cardea) LogTail() string { return Tail(c.logs[len(c.logs)-1], 40) }

// Log returns everything logged so far.
func (c *Cardea) Log() string {
	var all strings.Builder
	for _, path := range c.logs {
		data, _ := os.ReadFile(path)
		all.Write(data)
	}
	return all.String()
}

// Command runs another cardea command with this configuration and returns its
// standard output; a failure carries the error output.
func (c *Cardea) Command(args ...string) (string, error) {
	return c.env.RunCardea(c.Secret, append(args, "--config", c.config)...)
}

// RunCardea runs a cardea command with the client secret in the usual variable.
func (e *Env) RunCardea(secret string, args ...string) (string, error) {
	binary, err := e.cardeaBinary()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), secretEnv+"="+secret)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("cardea %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// opsAddress finds where a written configuration lets operators look.
var opsAddress = regexp.MustCompile(`(?s)\nops:.*?listen: "?([^"\s}]+)`)

// CardeaAt is a Cardea whose configuration is there already.
func (e *Env) CardeaAt(t testing.TB, config, public, client, secret string) *Cardea {
	t.Helper()
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	ops := "127.0.0.1:4181"
	if m := opsAddress.FindSubmatch(data); m != nil {
		ops = string(m[1])
	}
	e.Secret.Add("client_secret", secret)
	c := &Cardea{URL: public, DataDir: filepath.Join(filepath.Dir(config), "data"), ClientID: client, Secret: secret, env: e, name: t.Name(), config: config, ops: "http://" + ops}
	t.Cleanup(c.end)
	return c
}

func (c *Cardea) end() {
	if c.process != nil && c.process.Alive() {
		_ = c.process.Terminate(patience)
	}
}

// SessionIDs lists, with cardea sessions list, the sessions of a person: the first
// column of the lines that name the handle.
func (c *Cardea) SessionIDs(t testing.TB, handle string) []string {
	t.Helper()
	out, err := c.Command("sessions", "list")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		for _, field := range fields {
			if field == handle {
				ids = append(ids, fields[0])
				break
			}
		}
	}
	return ids
}

// CookieName is the session cookie's name at this Cardea, and the binding's.
func (c *Cardea) CookieName() (session, browser string) {
	host := strings.TrimPrefix(c.URL, "http://")
	if i := strings.LastIndexByte(host, ':'); i >= 0 && host != c.URL {
		return "cardea-" + host[i+1:], "cardea-browser-" + host[i+1:]
	}
	return "__Host-cardea", "__Host-cardea-browser"
}
