package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// hub is the JupyterHub that believes the identity header.
var hub = onDemand(func(ctx context.Context) (*harness.JupyterHub, error) { return env.JupyterHubHeader(ctx) },
	(*harness.JupyterHub).Stop)

// onHub puts the shared JupyterHub behind, with its preset.
func onHub(t *testing.T) func(*plan) {
	t.Helper()
	behind := hub(t)
	return func(p *plan) {
		p.upstream = behind.URL
		p.config.Apps[0].ID, p.config.Apps[0].Preset = "hub", "jupyterhub"
	}
}

// desk is a person at work on their own server: a shell and a kernel, and an open
// WebSocket to each.
type desk struct {
	*harness.Notebook
	t        *testing.T
	terminal *harness.Terminal
	kernel   *harness.Kernel
	shell    string // names of what runs at the server
	python   string
}

// sitDown enters the person's server at the origin, has a shell and a kernel started
// and opens both.
func sitDown(t *testing.T, p *harness.Person, origin string) *desk {
	t.Helper()
	ctx := within(t, 10*time.Minute)
	notebook, err := p.Notebook(ctx, origin)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{Notebook: notebook, t: t}
	if d.shell, err = d.NewTerminal(ctx); err != nil {
		t.Fatal(err)
	}
	if d.python, err = d.NewKernel(ctx); err != nil {
		t.Fatal(err)
	}
	d.open()
	d.demandWorks("at the beginning")
	return d
}

// open opens the two sockets.
func (d *desk) open() {
	d.t.Helper()
	ctx := within(d.t, 5*time.Minute)
	var err error
	if d.terminal, err = d.Terminal(ctx, d.shell); err != nil {
		d.t.Fatalf("opening the terminal: %v", err)
	}
	d.t.Cleanup(d.terminal.Close)
	if d.kernel, err = d.Kernel(ctx, d.python); err != nil {
		d.t.Fatalf("opening the kernel: %v", err)
	}
	d.t.Cleanup(d.kernel.Close)
}

// demandWorks fails unless both sockets still run what they are told and show it.
func (d *desk) demandWorks(when string) {
	d.t.Helper()
	ctx := within(d.t, 5*time.Minute)
	n := time.Now().UnixNano() % 1e9
	shown, err := d.terminal.Run(ctx, fmt.Sprintf("echo sum-$((%d+1))-sum", n))
	if err != nil || !strings.Contains(shown, fmt.Sprintf("sum-%d-sum", n+1)) {
		d.t.Fatalf("the terminal %s: %v, showed %q", when, err, shown)
	}
	shown, err = d.kernel.Execute(ctx, fmt.Sprintf("print(%d+1)", n))
	if err != nil || strings.TrimSpace(shown) != fmt.Sprint(n+1) {
		d.t.Fatalf("the kernel %s: %v, printed %q", when, err, shown)
	}
}

// demandClosedSince waits for the end of both sockets and compares it with its cause's
// moment.
func (d *desk) demandClosedSince(cause func() time.Time, within time.Duration) {
	d.t.Helper()
	for name, socket := range map[string]*harness.JupyterSocket{"terminal": d.terminal.JupyterSocket, "kernel": d.kernel.JupyterSocket} {
		select {
		case <-socket.Closed:
			demandWithin(d.t, "the socket of the "+name+" was closed", cause(), socket.At(), within)
		case <-time.After(patient):
			d.t.Errorf("the socket of the %s is still open", name)
		}
	}
}

// demandNothingRuns tries everything that an open tab would try after a sign-out, and
// fails if any of it is answered or run.
func (d *desk) demandNothingRuns(home string) {
	d.t.Helper()
	ctx := within(d.t, patient)
	trace := filepath.Join(home, fmt.Sprintf("after-%d", time.Now().UnixNano()))
	_ = d.terminal.Type(ctx, "touch "+trace+"\r") // into the void
	_, _ = d.kernel.Begin(ctx, fmt.Sprintf("open(%q, 'w').close()", trace))
	for range 3 { // as its page does, again and again
		d.demandRefusedAs(d.Notebook)
	}
	time.Sleep(2 * time.Second)
	if _, err := os.Stat(trace); !errors.Is(err, os.ErrNotExist) {
		d.t.Errorf("what was typed after the sign-out was run (%v)", err)
	}
}

// demandRefusedAs fails unless everything at the desk is refused to a browser.
func (d *desk) demandRefusedAs(n *harness.Notebook) {
	d.t.Helper()
	ctx := within(d.t, patient)
	_, err := n.Terminal(ctx, d.shell)
	demandRefused(d.t, err)
	_, err = n.Kernel(ctx, d.python)
	demandRefused(d.t, err)
	demandRefused(d.t, n.Call(ctx, http.MethodGet, "api/kernels", nil, nil))
	demandRefused(d.t, n.Call(ctx, http.MethodPost, "api/terminals", nil, nil))
}

// hubHome opens the hub's own page and returns it.
func hubHome(t *testing.T, p *harness.Person, origin string) *harness.Page {
	t.Helper()
	return p.Open(t, origin+"/hub/home")
}

// demandHubKnows fails unless the hub's page is there for a person, without any step at
// the provider.
func demandHubKnows(t *testing.T, page *harness.Page, name string) {
	t.Helper()
	if !onHubHome(page, name) || page.PassedThrough("/protocol/openid-connect/") {
		t.Fatalf("the hub's page of %s: %s", name, page)
	}
}

// onHubHome reports whether the page is the hub's own for a person, as it tells its
// scripts.
func onHubHome(page *harness.Page, name string) bool {
	return page.Status == http.StatusOK && page.URL.Path == "/hub/home" && page.Has(`user: "`+name+`"`)
}

// hubLogout follows the Logout of the hub's own page.
func hubLogout(t *testing.T, p *harness.Person, origin string) *harness.Page {
	t.Helper()
	page, err := p.Navigate(harness.Navigation{URL: origin + "/hub/logout", From: parse(t, origin+"/hub/home")})
	if err != nil {
		t.Fatalf("the hub's Logout: %v", err)
	}
	return page
}
