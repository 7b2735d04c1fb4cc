package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

const (
	keycloakVersion = "26.7.3"
	adminUser       = "admin"
	adminPassword   = "acceptance-admin"
)

// Keycloak is one running Keycloak with the realm acme. It keeps port and data
// over Stop and Start.
type Keycloak struct {
	URL   string // http://127.0.0.1:PORT
	Admin *Admin

	env        *Env
	home       string
	port       int
	management int
	process    *Process
}

// StartKeycloak copies the seed database and starts Keycloak on free ports.
func (e *Env) StartKeycloak(ctx context.Context) (*Keycloak, error) {
	home := filepath.Join(e.Cache, "keycloak-"+keycloakVersion)
	seed := filepath.Join(e.Cache, "seed", "h2")
	if _, err := os.Stat(seed); err != nil {
		return nil, fmt.Errorf("keycloak is not installed, run acceptance/install: %w", err)
	}
	data := filepath.Join(home, "data")
	if err := os.RemoveAll(data); err != nil {
		return nil, fmt.Errorf("removing old data of Keycloak: %w", err)
	}
	if err := os.CopyFS(filepath.Join(data, "h2"), os.DirFS(seed)); err != nil {
		return nil, fmt.Errorf("copying the seed of Keycloak: %w", err)
	}
	k := &Keycloak{env: e, home: home}
	for _, port := range []*int{&k.port, &k.management} {
		var err error
		if *port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	k.URL = fmt.Sprintf("http://127.0.0.1:%d", k.port)
	k.Admin = newAdmin(k.URL, "acme")
	return k, k.Start(ctx)
}

// Start starts a stopped Keycloak and waits until it is ready.
func (k *Keycloak) Start(ctx context.Context) error {
	process, err := start(command{
		Path: filepath.Join(k.home, "bin", "kc.sh"),
		Args: []string{
			"start", "--optimized", "--http-enabled=true", "--hostname-strict=false", "--cache=local",
			"--proxy-headers=xforwarded",
			"--http-host=127.0.0.1", fmt.Sprintf("--http-port=%d", k.port),
			"--http-management-host=127.0.0.1", fmt.Sprintf("--http-management-port=%d", k.management),
			"--log-level=INFO,io.smallrye.health:ERROR",
		},
		Dir: k.home,
		Env: []string{
			"KC_BOOTSTRAP_ADMIN_USERNAME=" + adminUser, "KC_BOOTSTRAP_ADMIN_PASSWORD=" + adminPassword,
			"JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1",
		},
		Log: k.env.logFile("keycloak"),
	})
	if err != nil {
		return err
	}
	k.process = process
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	if err := process.awaitHTTP(ctx, fmt.Sprintf("http://127.0.0.1:%d/health/ready", k.management), 200); err != nil {
		process.Kill()
		return err
	}
	return nil
}

// Running reports whether Keycloak runs.
func (k *Keycloak) Running() bool { return k.process != nil && k.process.Alive() }

// Stop ends Keycloak in good order. Sessions and tokens stay in its database.
func (k *Keycloak) Stop() error {
	if k.process == nil || !k.process.Alive() {
		return nil
	}
	k.Admin.forget()
	err := k.process.Terminate(2 * patience)
	if err != nil && k.process.cmd.ProcessState != nil && k.process.cmd.ProcessState.ExitCode() == 143 {
		return nil // the shell's way to say "ended by TERM"
	}
	return err
}

// Kill ends Keycloak at once, children included.
func (k *Keycloak) Kill() {
	if k.process != nil && k.process.Alive() {
		k.Admin.forget()
		k.process.Kill()
	}
}

// Issuer is the realm's issuer as seen at base, which is Keycloak's own URL or
// that of a Front: Keycloak follows the Host header.
func (k *Keycloak) Issuer(base string) string { return base + "/realms/" + k.Admin.Realm }
