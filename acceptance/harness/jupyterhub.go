package harness

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// JupyterHub is a running hub with its proxy; people's servers run in its process
// group.
type JupyterHub struct {
	URL   string // of the proxy, which is what people and gateways talk to
	Token string // of a service that may look after users, servers and tokens

	dir        string
	proxy, hub *Process
}

// JupyterHubHeader starts a hub with the published authenticator, which believes the
// identity header.
func (e *Env) JupyterHubHeader(ctx context.Context) (*JupyterHub, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	return e.jupyterHub(ctx, "header", "127.0.0.1", port, nil)
}

// JupyterHubOAuth starts a hub as its own client of Keycloak, at a host name of its
// own. The caller registers client and secret with JupyterHubCallback(port).
func (e *Env) JupyterHubOAuth(ctx context.Context, k *Keycloak, port int, client, secret string) (*JupyterHub, error) {
	e.Secret.Add("client_secret", secret)
	return e.jupyterHub(ctx, "oauth", jupyterHubHost, port, []string{
		"ACCEPTANCE_ISSUER=" + k.Issuer(k.URL), "ACCEPTANCE_CALLBACK=" + JupyterHubCallback(port),
		"ACCEPTANCE_CLIENT_ID=" + client, "ACCEPTANCE_CLIENT_SECRET=" + secret,
	})
}

const jupyterHubHost = "hub.localhost"

// JupyterHubCallback is the redirect URI of a hub in OAuth mode on a port.
func JupyterHubCallback(port int) string {
	return fmt.Sprintf("http://%s:%d/hub/oauth_callback", jupyterHubHost, port)
}

func (e *Env) jupyterHub(ctx context.Context, mode, host string, port int, env []string) (*JupyterHub, error) {
	programs := filepath.Join(e.Cache, "jupyterhub-venv", "bin")
	if _, err := os.Stat(filepath.Join(programs, "configurable-http-proxy")); err != nil {
		return nil, fmt.Errorf("jupyterhub is not installed, run acceptance/install: %w", err)
	}
	dir, err := os.MkdirTemp(e.Work, "jupyterhub-")
	if err != nil {
		return nil, err
	}
	var ports [2]int // of the hub and of the proxy's own API
	for i := range ports {
		if ports[i], err = FreePort(); err != nil {
			return nil, err
		}
	}
	h := &JupyterHub{URL: fmt.Sprintf("http://%s:%d", host, port), Token: rand.Text() + rand.Text(), dir: dir}
	proxyToken := rand.Text() + rand.Text()
	e.Secret.Add("api token", h.Token)
	e.Secret.Add("api token", proxyToken)
	path := "PATH=" + programs + ":" + os.Getenv("PATH")
	h.proxy, err = start(command{
		Path: filepath.Join(programs, "configurable-http-proxy"),
		Args: []string{
			"--ip", "127.0.0.1", "--port", fmt.Sprint(port), "--api-ip", "127.0.0.1", "--api-port", fmt.Sprint(ports[1]),
			"--error-target", fmt.Sprintf("http://127.0.0.1:%d/hub/error", ports[0]),
		},
		Dir: dir, Env: []string{path, "CONFIGPROXY_AUTH_TOKEN=" + proxyToken}, Log: e.logFile("jupyterhub-" + mode + "-proxy"),
	})
	if err != nil {
		return nil, err
	}
	h.hub, err = start(command{
		Path: filepath.Join(programs, "jupyterhub"),
		Args: []string{"--config", filepath.Join(e.Root, "acceptance", "jupyterhub", "jupyterhub_config.py")},
		Dir:  dir,
		Env: append(env, path, "CONFIGPROXY_AUTH_TOKEN="+proxyToken,
			fmt.Sprintf("JUPYTERHUB_PORT=%d", port), "JUPYTERHUB_STATE="+dir,
			"ACCEPTANCE_EXAMPLE="+filepath.Join(e.Root, "examples", "jupyterhub"),
			fmt.Sprintf("ACCEPTANCE_HUB_PORT=%d", ports[0]), fmt.Sprintf("ACCEPTANCE_PROXY_API=http://127.0.0.1:%d", ports[1]),
			"ACCEPTANCE_API_TOKEN="+h.Token, "PYTHONDONTWRITEBYTECODE=1"),
		Log: e.logFile("jupyterhub-" + mode),
	})
	if err != nil {
		h.proxy.Kill()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	if err := h.hub.awaitHTTP(ctx, fmt.Sprintf("http://127.0.0.1:%d/hub/health", port), http.StatusOK); err != nil {
		h.Stop()
		return nil, err
	}
	return h, nil
}

// Stop ends the hub, its proxy and everybody's server, and removes what they kept.
func (h *JupyterHub) Stop() {
	_ = h.hub.Terminate(10 * time.Second)
	h.hub.Kill() // a server that was slower than the hub
	h.proxy.Kill()
	_ = os.RemoveAll(h.dir)
}

// Home is the folder of a person's server.
func (h *JupyterHub) Home(name string) string { return filepath.Join(h.dir, "home", name) }

// Grant is a token that the hub gave to a person's browser session at a server.
type Grant struct {
	ID      string  `json:"id"`
	Session *string `json:"session_id"`
	Client  string  `json:"oauth_client"`
}

// Grants lists, by id, what the hub gave to a person's browser sessions and still
// honours. A user that the hub does not know has none.
func (h *JupyterHub) Grants(t testing.TB, name string) map[string]Grant {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, strings.Replace(h.URL, jupyterHubHost, "127.0.0.1", 1)+"/hub/api/users/"+name+"/tokens", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+h.Token)
	res, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		t.Fatalf("asking the hub of its tokens: %v", err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return nil
	}
	var answer struct {
		Tokens []Grant `json:"api_tokens"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the hub's tokens of %s: status %d, %v", name, res.StatusCode, err)
	}
	grants := map[string]Grant{}
	for _, grant := range answer.Tokens {
		if grant.Session != nil && *grant.Session != "" {
			grants[grant.ID] = grant
		}
	}
	return grants
}
