package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Streamlit is one Streamlit server with one app. The process comes and goes; port
// and working folder stay.
type Streamlit struct {
	URL string

	env    *Env
	app    string
	port   int
	dir    string
	record string
	flags  []string
	proc   *Process
}

// streamlitSetup is what tells one app from another.
type streamlitSetup struct {
	app   string            // file below the repository's root, without .py
	host  string            // name in URL
	port  int               // 0 is a free one
	flags []string          // of "streamlit run"
	files map[string]string // path below the working folder -> content
}

// Folders of apps, below the repository's root.
const (
	ownStreamlit       = "acceptance/streamlit/"
	publishedStreamlit = "examples/streamlit-authenticator/"
)

// streamlitHost is the name of a Streamlit that people reach directly.
const streamlitHost = "streamlit.localhost"

// StreamlitHeader starts the app that trusts X-Forwarded-User and X-Forwarded-Email.
func (e *Env) StreamlitHeader(ctx context.Context) (*Streamlit, error) {
	return e.streamlit(ctx, streamlitSetup{app: ownStreamlit + "header", host: "127.0.0.1", flags: []string{
		`--server.trustedUserHeaders={"X-Forwarded-User":"user","X-Forwarded-Email":"email"}`,
	}})
}

// StreamlitNative starts the app that signs people in by itself, with st.login, at
// Keycloak. The caller registers client and secret with StreamlitCallback(port).
func (e *Env) StreamlitNative(ctx context.Context, k *Keycloak, port int, client, secret string) (*Streamlit, error) {
	e.Secret.Add("client_secret", secret)
	const signing = "acceptance-streamlit-cookie-secret-0123456789"
	e.Secret.Add("client_secret", signing)
	// The default prompt, select_account, is refused by strict providers.
	auth := fmt.Sprintf(`[auth]
redirect_uri = %q
cookie_secret = %q
client_id = %q
client_secret = %q
server_metadata_url = %q
client_kwargs = { prompt = "", scope = "openid email profile" }
`, StreamlitCallback(port), signing, client, secret, k.Issuer(k.URL)+"/.well-known/openid-configuration")
	return e.streamlit(ctx, streamlitSetup{
		app: ownStreamlit + "native", host: streamlitHost, port: port, files: map[string]string{".streamlit/secrets.toml": auth},
	})
}

// StreamlitCallback is the redirect URI of a Streamlit on a port. It is also where
// Streamlit asks to come back to after a sign-out.
func StreamlitCallback(port int) string {
	return fmt.Sprintf("http://%s:%d/oauth2callback", streamlitHost, port)
}

// StreamlitAuthenticator starts the page of the examples as it was before the gateway: a
// password login built on Streamlit-Authenticator.
func (e *Env) StreamlitAuthenticator(ctx context.Context) (*Streamlit, error) {
	return e.authenticator(ctx, publishedStreamlit+"app_before")
}

// StreamlitGuest starts the same library's guest login.
func (e *Env) StreamlitGuest(ctx context.Context) (*Streamlit, error) {
	return e.authenticator(ctx, ownStreamlit+"authenticator_guest")
}

func (e *Env) authenticator(ctx context.Context, app string) (*Streamlit, error) {
	config, err := os.ReadFile(filepath.Join(e.Root, "acceptance", "streamlit", "config.yaml"))
	if err != nil {
		return nil, err
	}
	return e.streamlit(ctx, streamlitSetup{
		app: app, host: streamlitHost, files: map[string]string{"config.yaml": string(config)},
	})
}

// StreamlitGateway starts the guest login's app with its sign-in replaced by the
// gateway's.
func (e *Env) StreamlitGateway(ctx context.Context) (*Streamlit, error) {
	return e.streamlit(ctx, streamlitSetup{app: ownStreamlit + "authenticator_gateway", host: "127.0.0.1", flags: []string{
		`--server.trustedUserHeaders={"X-Forwarded-Name":"name","X-Forwarded-Email":"email"}`,
	}})
}

func (e *Env) streamlit(ctx context.Context, o streamlitSetup) (*Streamlit, error) {
	source, err := os.ReadFile(filepath.Join(e.Root, filepath.FromSlash(o.app+".py")))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(e.Work, "streamlit-")
	if err != nil {
		return nil, err
	}
	files := map[string]string{"app.py": string(source)}
	for name, content := range o.files {
		files[name] = content
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	if o.port == 0 {
		if o.port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	s := &Streamlit{
		URL: fmt.Sprintf("http://%s:%d", o.host, o.port), env: e, app: path.Base(o.app), port: o.port,
		dir: dir, record: filepath.Join(dir, "record.jsonl"), flags: o.flags,
	}
	return s, s.Start(ctx)
}

// Start starts a stopped Streamlit on its port and waits until it is ready.
func (s *Streamlit) Start(ctx context.Context) error {
	binary := filepath.Join(s.env.Cache, "streamlit-venv", "bin", "streamlit")
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("streamlit is not installed, run acceptance/install: %w", err)
	}
	proc, err := start(command{
		Path: binary,
		Args: append([]string{
			"run", "app.py", "--server.address=127.0.0.1", fmt.Sprintf("--server.port=%d", s.port),
			"--server.headless=true", "--server.fileWatcherType=none", "--browser.gatherUsageStats=false",
		}, s.flags...),
		Dir: s.dir,
		Env: []string{"HOME=" + s.dir, "ACCEPTANCE_RECORD=" + s.record, "PYTHONDONTWRITEBYTECODE=1"},
		Log: s.env.logFile("streamlit-" + s.app),
	})
	if err != nil {
		return err
	}
	s.proc = proc
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	if err := proc.awaitHTTP(ctx, fmt.Sprintf("http://127.0.0.1:%d/_stcore/health", s.port), 200); err != nil {
		proc.Kill()
		return err
	}
	return nil
}

// Restart ends Streamlit and starts it again, as a new version of an app is put in
// place. Its session state is gone.
func (s *Streamlit) Restart(t testing.TB) {
	t.Helper()
	_ = s.proc.Terminate(20 * time.Second)
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Stop ends Streamlit and removes its working folder.
func (s *Streamlit) Stop() {
	_ = s.proc.Terminate(20 * time.Second)
	_ = os.RemoveAll(s.dir)
}

// Files lists what the working folder holds besides what was put there and what the
// app writes down.
func (s *Streamlit) Files(t testing.TB) map[string]time.Time {
	t.Helper()
	out := map[string]time.Time{}
	err := filepath.WalkDir(s.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == s.record {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			out[strings.TrimPrefix(path, s.dir+"/")] = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// StreamlitEvent is one thing the app saw: a run of its script or a click.
type StreamlitEvent struct {
	Event   string `json:"event"` // run, click
	User    string `json:"user"`
	Email   string `json:"email"`
	Session string `json:"session"` // Streamlit's id of the session the script ran in
	Count   int    `json:"count"`   // clicks in that session
	Owner   string `json:"owner"`   // whom the session state was made for
}

// Events returns what the app has seen so far.
func (s *Streamlit) Events(t testing.TB) []StreamlitEvent {
	t.Helper()
	file, err := os.Open(s.record)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out []StreamlitEvent
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var event StreamlitEvent
		if json.Unmarshal(lines.Bytes(), &event) == nil {
			out = append(out, event)
		}
	}
	return out
}

// PasswordOf returns a person's password, for apps that ask for it themselves.
func PasswordOf(name string) string { return passwords[name] }
