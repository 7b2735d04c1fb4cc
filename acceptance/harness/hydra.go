package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Hydra is an Ory Hydra for one test, with the pages for signing in, consent and signing
// out that it leaves to others. It keeps people signed in.
type Hydra struct {
	URL string // the issuer, with the slash at its end

	admin  string
	client *http.Client
}

// StartHydra starts it with Cardea as its one client.
func (e *Env) StartHydra(t testing.TB, client Registration) *Hydra {
	t.Helper()
	binary := filepath.Join(e.Cache, "hydra", "hydra")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("hydra is not installed, run acceptance/install: %v", err)
	}
	public, admin := MustFreePort(t), MustFreePort(t)
	h := &Hydra{
		URL: fmt.Sprintf("http://127.0.0.1:%d/", public), admin: fmt.Sprintf("http://127.0.0.1:%d/admin", admin),
		client: &http.Client{Timeout: patience},
	}
	pages := h.servePages(t)
	dir := ShortDir(t)
	config := object{
		"dsn": "memory", "log": object{"level": "warn"},
		"serve": object{
			"public": object{"host": "127.0.0.1", "port": public}, "admin": object{"host": "127.0.0.1", "port": admin},
			"cookies": object{"same_site_mode": "Lax"},
		},
		"urls": object{
			"self":  object{"issuer": h.URL},
			"login": pages + "/login", "consent": pages + "/consent", "logout": pages + "/logout",
		},
		"secrets": object{"system": []string{"of these tests and of nothing else"}},
		"ttl":     object{"access_token": "1h"},
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "hydra.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	process, err := start(command{
		Path: binary, Args: []string{"serve", "all", "--dev", "-c", file}, Dir: dir,
		Env: []string{"SQA_OPT_OUT=true"}, Log: e.logFile(t.Name() + "-hydra"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	if err := process.awaitHTTP(ctx, fmt.Sprintf("http://127.0.0.1:%d/health/ready", admin), http.StatusOK); err != nil {
		t.Fatal(err)
	}
	e.Secret.Add("client_secret", client.Secret)
	h.register(t, client)
	return h
}

type object = map[string]any

func (h *Hydra) register(t testing.TB, c Registration) {
	t.Helper()
	rep := object{
		"client_id": c.ID, "client_secret": c.Secret, "redirect_uris": []string{c.RedirectURI},
		"post_logout_redirect_uris": []string{c.PostLogout}, "grant_types": []string{"authorization_code", "refresh_token"},
		"response_types": []string{"code"}, "scope": "openid offline_access profile email",
		"token_endpoint_auth_method": "client_secret_basic", "skip_consent": true,
	}
	if c.BackChannel != "" {
		rep["backchannel_logout_uri"], rep["backchannel_logout_session_required"] = c.BackChannel, true
	}
	if err := h.call(http.MethodPost, "/clients", rep, nil); err != nil {
		t.Fatalf("registering the client: %v", err)
	}
}

// call asks the admin API.
func (h *Hydra) call(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, h.admin+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: status %d: %s", method, path, res.StatusCode, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// hydraPage asks for a name, or for a yes to a sign-out.
var hydraPage = template.Must(template.New("").Parse(`<!doctype html><title>{{.Title}}</title>
<form method="post"><input type="hidden" name="challenge" value="{{.Challenge}}">
{{if .Login}}<input name="login"><input type="password" name="password">{{end}}<button>Go on</button></form>`))

// servePages stands in for the pages that Hydra redirects to.
func (h *Hydra) servePages(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(h.page), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}

func (h *Hydra) page(w http.ResponseWriter, r *http.Request) {
	flow := strings.TrimPrefix(r.URL.Path, "/")
	challenge := r.FormValue(flow + "_challenge")
	if r.Method == http.MethodPost {
		challenge = r.PostFormValue("challenge")
	}
	var asked struct {
		Skip    bool     `json:"skip"`
		Subject string   `json:"subject"`
		Scope   []string `json:"requested_scope"`
	}
	path := "/oauth2/auth/requests/" + flow
	query := "?" + url.Values{flow + "_challenge": {challenge}}.Encode()
	if err := h.call(http.MethodGet, path+query, nil, &asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if r.Method == http.MethodGet && (flow == "login" && !asked.Skip || flow == "logout") {
		_ = hydraPage.Execute(w, object{"Title": flow, "Challenge": challenge, "Login": flow == "login"})
		return
	}
	accept := object{"remember": true, "remember_for": 3600}
	switch flow {
	case "login":
		accept["subject"] = asked.Subject
		if !asked.Skip {
			accept["subject"] = r.PostFormValue("login")
		}
	case "consent":
		accept["grant_scope"] = asked.Scope
		accept["session"] = object{"id_token": object{"preferred_username": asked.Subject, "email": asked.Subject + "@example.com", "email_verified": true}}
	case "logout":
		accept = object{}
	}
	var next struct {
		RedirectTo string `json:"redirect_to"`
	}
	if err := h.call(http.MethodPut, path+"/accept"+query, accept, &next); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, next.RedirectTo, http.StatusFound)
}
