package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Elsewhere is a provider of other people's making that runs for one test.
type Elsewhere struct {
	URL string // scheme, host and port

	proc *Process
}

// Registration is what a provider knows of Cardea as its client.
type Registration struct {
	ID, Secret, RedirectURI, PostLogout string
	BackChannel                         string            // where logout tokens are posted; "" for nowhere
	More                                map[string]string // what else providers/serve.mjs reads of its environment
}

// StartElsewhere starts one of those that providers/serve.mjs knows and waits until it
// listens. secure says that it serves https, with a certificate that ca signed.
func (e *Env) StartElsewhere(t testing.TB, kind string, client Registration, ca *CA) *Elsewhere {
	t.Helper()
	home := filepath.Join(e.Cache, "providers-venv")
	script := filepath.Join(home, "share", "providers", "serve.mjs")
	source, err := os.ReadFile(filepath.Join(e.Root, "acceptance", "providers", "serve.mjs"))
	if err == nil {
		// Node looks for packages beside the file.
		err = os.WriteFile(script, source, 0o600)
	}
	if err != nil {
		t.Fatalf("the providers are not installed, run acceptance/install: %v", err)
	}
	port := MustFreePort(t)
	p := &Elsewhere{URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	dir := ShortDir(t)
	if ca != nil {
		p.URL = fmt.Sprintf("https://localhost:%d", port)
		ca.write(t, filepath.Join(dir, ".simulacrum", "certs"), "localhost")
	}
	e.Secret.Add("client_secret", client.Secret)
	environment := []string{
		"HOME=" + dir, fmt.Sprintf("PORT=%d", port), "CLIENT_ID=" + client.ID, "CLIENT_SECRET=" + client.Secret,
		"REDIRECT_URI=" + client.RedirectURI, "POST_LOGOUT_REDIRECT_URI=" + client.PostLogout,
		"BACKCHANNEL_LOGOUT_URI=" + client.BackChannel,
	}
	for name, value := range client.More {
		environment = append(environment, name+"="+value)
	}
	p.proc, err = start(command{
		Path: filepath.Join(home, "bin", "node"), Args: []string{script, kind}, Dir: dir,
		Env: environment, Log: e.logFile(t.Name() + "-" + kind),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.proc.Kill)
	ctx, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	if err := p.proc.awaitPort(ctx, port); err != nil {
		t.Fatal(err)
	}
	return p
}

// Kill ends the provider as a crash does.
func (p *Elsewhere) Kill() { p.proc.Kill() }

// awaitPort waits until something listens at a port. It gives up when the process ends.
func (p *Process) awaitPort(ctx context.Context, port int) error {
	for {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w\n%s", p.cmd.Path, ctx.Err(), Tail(p.Log, 40))
		case <-p.done:
			return fmt.Errorf("%s ended before it listened: %w\n%s", p.cmd.Path, errors.Join(p.err), Tail(p.Log, 40))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Pick chooses the person on a page that offers people to sign in as, one form each.
func (p *Person) Pick(page *Page) (*Page, error) {
	for _, form := range page.Forms() {
		for _, values := range form.Values {
			for _, v := range values {
				if v == p.Name || strings.HasPrefix(v, p.Name+"@") {
					return p.Submit(page, form)
				}
			}
		}
	}
	// Some name people by an id of theirs: then the text beside tells.
	if n := strings.Count(page.Body, `class="user-btn"`); n > 0 {
		for i, part := range strings.SplitAfter(page.Body, "</form>") {
			if strings.Contains(part, p.Name+"@") && i < len(page.Forms()) {
				return p.Submit(page, page.Forms()[i])
			}
		}
	}
	return nil, fmt.Errorf("%s is not offered: %s", p.Name, page)
}
