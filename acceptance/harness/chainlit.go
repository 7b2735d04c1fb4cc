package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Chainlit is a running Chainlit.
type Chainlit struct {
	URL    string
	record string
	proc   *Process
}

// chainlitSecret signs Chainlit's own session tokens.
const chainlitSecret = "acceptance-chainlit-signing-key-0123456789abcdef"

// ChainlitHeader starts the chat that trusts X-Forwarded-User.
func (e *Env) ChainlitHeader(ctx context.Context) (*Chainlit, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	return e.chainlit(ctx, "app.py", "127.0.0.1", port, nil)
}

// ChainlitOAuth starts the chat as its own client of Keycloak, at a host name of
// its own. The caller registers client and secret with CallbackURL(port).
func (e *Env) ChainlitOAuth(ctx context.Context, k *Keycloak, port int, client, secret string) (*Chainlit, error) {
	e.Secret.Add("client_secret", secret)
	return e.chainlit(ctx, "app_oauth.py", chainlitHost, port, []string{
		"OAUTH_KEYCLOAK_BASE_URL=" + k.URL, "OAUTH_KEYCLOAK_REALM=" + k.Admin.Realm,
		"OAUTH_KEYCLOAK_CLIENT_ID=" + client, "OAUTH_KEYCLOAK_CLIENT_SECRET=" + secret,
	})
}

const chainlitHost = "chat.localhost"

// ChainlitCallback is the redirect URI of a Chainlit in OAuth mode on a port.
func ChainlitCallback(port int) string {
	return fmt.Sprintf("http://%s:%d/auth/oauth/keycloak/callback", chainlitHost, port)
}

func (e *Env) chainlit(ctx context.Context, app, host string, port int, env []string) (*Chainlit, error) {
	binary := filepath.Join(e.Cache, "chainlit-venv", "bin", "chainlit")
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("chainlit is not installed, run acceptance/install: %w", err)
	}
	dir, err := os.MkdirTemp(e.Work, "chainlit-")
	if err != nil {
		return nil, err
	}
	source, err := os.ReadFile(filepath.Join(e.Root, "acceptance", "chainlit", app))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "app.py"), source, 0o600); err != nil {
		return nil, err
	}
	c := &Chainlit{URL: fmt.Sprintf("http://%s:%d", host, port), record: filepath.Join(dir, "record.jsonl")}
	e.Secret.Add("client_secret", chainlitSecret)
	c.proc, err = start(command{
		Path: binary,
		Args: []string{"run", "app.py", "--headless", "--host", "127.0.0.1", "--port", fmt.Sprint(port)},
		Dir:  dir,
		Env: append(env, "CHAINLIT_AUTH_SECRET="+chainlitSecret, "CHAINLIT_URL="+c.URL,
			"ACCEPTANCE_RECORD="+c.record, "PYTHONDONTWRITEBYTECODE=1"),
		Log: e.logFile("chainlit-" + strings.TrimSuffix(app, ".py")),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	if err := c.proc.awaitHTTP(ctx, fmt.Sprintf("http://127.0.0.1:%d/health", port), 200); err != nil {
		c.proc.Kill()
		return nil, err
	}
	return c, nil
}

// Stop ends Chainlit and removes its working folder.
func (c *Chainlit) Stop() {
	_ = c.proc.Terminate(10 * time.Second)
	_ = os.RemoveAll(filepath.Dir(c.record))
}

// ChainlitEvent is one thing the chat saw: a header sign-in or a message.
type ChainlitEvent struct {
	Event   string            `json:"event"`
	User    string            `json:"user"`
	Text    string            `json:"text"`
	Headers map[string]string `json:"headers"`
}

// Events returns what the chat has seen so far.
func (c *Chainlit) Events(t testing.TB) []ChainlitEvent {
	t.Helper()
	file, err := os.Open(c.record)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out []ChainlitEvent
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event ChainlitEvent
		if json.Unmarshal(lines.Bytes(), &event) == nil {
			out = append(out, event)
		}
	}
	return out
}

// Heard reports whether a message reached on_message.
func (c *Chainlit) Heard(t testing.TB, text string) bool {
	t.Helper()
	for _, event := range c.Events(t) {
		if event.Event == "message" && event.Text == text {
			return true
		}
	}
	return false
}
