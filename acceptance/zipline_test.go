package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/cardea-auth/cardea/acceptance/harness"
	"github.com/cardea-auth/cardea/acceptance/realm"
)

// ziplineClient registers a Zipline at an address with Keycloak. The representation to
// start from may be nil.
func ziplineClient(t *testing.T, at string, base []byte) (id, secret string) {
	t.Helper()
	if base == nil {
		base = realm.ChainlitClient // demands nothing that Zipline does not send
	}
	id = fmt.Sprintf("zipline-%d", harness.MustFreePort(t))
	secret = "secret-of-" + id + "-0123456789abcdef"
	keycloak.Admin.Register(t, harness.Client{
		ID: id, Secret: secret, Base: base, RedirectURIs: []string{harness.ZiplineCallback(at)},
	})
	for _, name := range []string{"alice", "bob"} {
		keycloak.Admin.AllowOffline(t, name)
	}
	return id, secret
}

const uploaderPassword = "uploader-pass-4-0123456789"

// onZipline puts a Zipline-shaped server of the test's own behind, with its preset, as a
// client of the same provider. It stands after the edits that move the provider.
func onZipline(t *testing.T, z **harness.Zipline, base []byte) func(*plan) {
	return func(p *plan) {
		app := &p.config.Apps[0]
		id, secret := ziplineClient(t, app.URL, base)
		*z = env.StartZipline(t, harness.ZiplineOptions{
			URL: app.URL, ClientID: id, ClientSecret: secret, Issuer: p.config.Providers[0].Issuer,
			BypassLogin: true, Registration: true, LocalUser: "uploader", LocalPassword: uploaderPassword,
		})
		p.upstream = (*z).Upstream
		app.ID, app.Preset = "files", "zipline"
	}
}

// ziplineWorld is a world with a Zipline-shaped server behind.
func ziplineWorld(t *testing.T, edits ...func(*plan)) (*world, *harness.Zipline) {
	t.Helper()
	var z *harness.Zipline
	w := newWorld(t, append(edits, onZipline(t, &z, nil))...)
	return w, z
}

// inZipline signs a person in to Cardea and, unasked, to the Zipline behind it.
func (w *world) inZipline(t *testing.T, name string) *harness.Person {
	t.Helper()
	p := env.NewPerson(t, name, nil)
	w.demandDashboard(t, p.SignIn(t, w.URL+"/"), name)
	return p
}

// demandDashboard fails unless the page is Zipline's own for a person.
func (w *world) demandDashboard(t *testing.T, page *harness.Page, name string) {
	t.Helper()
	if page.URL.Path != "/dashboard" || !page.Has(`id="who">`+name+"<") {
		t.Fatalf("%s is not in Zipline: %s\n%s", name, page, w.LogTail())
	}
}

// send is a script's request with a JSON body, and what the answer says.
func send(t *testing.T, p *harness.Person, method, target string, body any) (status int, answer map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	page := p.Fetch(t, method, target, func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
		r.Header.Set("Content-Type", "application/json")
	})
	_ = json.Unmarshal([]byte(page.Body), &answer)
	return page.Status, answer
}
