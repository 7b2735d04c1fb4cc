package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/outbox"
	"github.com/cardea-auth/cardea/internal/session"
)

// operator is a client of the gateway's admin socket.
func (w *world) operator() *admin.Client {
	return admin.NewClient(admin.Endpoint{Network: "unix", Address: filepath.Join(w.dir, "admin.sock")})
}

func TestADisabledPersonIsOutAndStaysOut(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	alice, phone, bob := w.browser("alice", "wonderland"), w.browser("alice", "wonderland"), w.browser("bob", "builder")
	for _, b := range []*browser{alice, phone, bob} {
		b.visit("/")
	}
	sockets := []*websocket.Conn{alice.open("/ws"), phone.open("/ws")}
	theirs := bob.open("/ws")
	defer theirs.CloseNow()
	op := w.operator()

	shown, err := op.Account(t.Context(), "alice")
	if err != nil || shown.Account == nil || shown.Account.Sessions != 2 || len(shown.Account.Identities) != 1 || shown.Account.Identities[0].Email == "" {
		t.Fatalf("%+v, %v", shown, err)
	}
	act, err := op.Disable(t.Context(), "alice")
	if err != nil || act.State != "disabled" || !act.Changed || !act.Finished || act.Ended != 2 {
		t.Fatalf("%+v, %v", act, err)
	}
	closedOnReceipt := 0
	for _, s := range act.Steps {
		if s.What == "connections" {
			closedOnReceipt = s.Count
		}
	}
	if closedOnReceipt != 2 {
		t.Errorf("the receipts' sum: %+v", act.Steps)
	}
	for _, c := range sockets {
		if _, code := closed(t, c); code != websocket.StatusPolicyViolation {
			t.Errorf("a socket closed with code %d", code)
		}
		c.CloseNow()
	}
	if p := alice.fetch("/api/whoami"); p.status != http.StatusUnauthorized {
		t.Errorf("a script of the disabled person: %d", p.status)
	}
	if err := answers(t, theirs); err != nil {
		t.Errorf("somebody else's socket: %v", err)
	}

	// Every later sign-in is refused, says so, and can be explained.
	anew := w.browser("alice", "wonderland")
	p := anew.visit("/")
	if p.status != http.StatusForbidden || !strings.Contains(p.body, "disabled") {
		t.Errorf("signing in anew: %d\n%s", p.status, p.body)
	}
	why, problem := w.asked(p.reference(t))
	if why.Reason != "account-disabled" || why.Fix == "" {
		t.Errorf("%+v %+v", why, problem)
	}
	if list, err := op.Accounts(t.Context(), admin.AccountQuery{Disabled: true}); err != nil || len(list.Accounts) != 1 || list.Accounts[0].Handle != "alice" || list.Accounts[0].Sessions != 0 {
		t.Errorf("%+v, %v", list, err)
	}

	if act, err = op.Enable(t.Context(), "alice"); err != nil || act.State != "active" {
		t.Fatalf("%+v, %v", act, err)
	}
	back := w.browser("alice", "wonderland")
	if p := back.visit("/api/whoami"); p.status != http.StatusOK || !strings.Contains(p.body, shown.Account.ID) {
		t.Errorf("signing in again: %d %s", p.status, p.body)
	}
}

func TestADeletedPersonComesBackAsANewOne(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	op := w.operator()
	before, err := op.Account(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Delete(t.Context(), "alice", "bob"); err == nil {
		t.Fatal("deleted under another handle")
	}
	act, err := op.Delete(t.Context(), "alice", "alice")
	if err != nil || act.State != "deleted" || !act.Finished || act.Ended != 1 {
		t.Fatalf("%+v, %v", act, err)
	}
	if act, err = op.Delete(t.Context(), before.Account.ID, "alice"); err != nil || act.Changed || act.State != "deleted" {
		t.Errorf("once more: %+v, %v", act, err)
	}
	gone, err := op.Account(t.Context(), "alice")
	if err != nil || gone.Deleted == nil || gone.Deleted.ID != before.Account.ID || gone.Account != nil {
		t.Errorf("%+v, %v", gone, err)
	}
	if p := alice.fetch("/api/whoami"); p.status != http.StatusUnauthorized {
		t.Errorf("the deleted person's browser: %d", p.status)
	}

	w.browser("alice", "wonderland").visit("/")
	after, err := op.Account(t.Context(), "alice-2")
	if err != nil || after.Account == nil || after.Account.ID == before.Account.ID || after.Account.Identities[0].Subject != before.Account.Identities[0].Subject {
		t.Errorf("signing in anew: %+v, %v", after, err)
	}
	if _, err := op.Account(t.Context(), "alice-3"); !errors.Is(err, admin.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// A gateway that dies between shutting an account and ending its sessions finds an
// account that is shut with sessions that live.
func TestAnInterruptedDeletionIsFinishedAfterTheStart(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	alice, bob := w.browser("alice", "wonderland"), w.browser("bob", "builder")
	alice.visit("/")
	bob.visit("/")
	st := w.gateway.app.storage.store
	ids := map[string]string{}
	for _, s := range w.sessions() {
		ids[s.Handle] = s.Account
	}
	// The keeper may look at any moment: what is written is what a crash leaves, in order.
	if _, err := st.SetDisabled(t.Context(), time.Now(), ids["bob"], true); err != nil {
		t.Fatal(err)
	}
	if err := st.MarkErasing(t.Context(), time.Now(), ids["alice"]); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.start()
	op := w.operator()
	deadline := time.Now().Add(patience)
	for len(w.sessions()) > 0 || func() bool { v, err := op.Account(t.Context(), "alice"); return err != nil || v.Deleted == nil }() {
		if time.Now().After(deadline) {
			t.Fatalf("not finished: %+v", w.sessions())
		}
		time.Sleep(20 * time.Millisecond)
	}
	if v, err := op.Account(t.Context(), "bob"); err != nil || v.Account == nil || v.Account.State != "disabled" {
		t.Errorf("%+v, %v", v, err)
	}
	if p := bob.fetch("/api/whoami"); p.status != http.StatusUnauthorized {
		t.Errorf("bob: %d", p.status)
	}
}

// Sign-ins that run while the account is shut, again and again, leave no session.
func TestNoSignInSlipsPastDisabling(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	w.browser("alice", "wonderland").visit("/")
	op := w.operator()
	for range 3 {
		var work sync.WaitGroup
		for range 4 {
			b := w.browser("alice", "wonderland")
			work.Go(func() { b.visit("/") })
		}
		time.Sleep(10 * time.Millisecond)
		act, err := op.Disable(t.Context(), "alice")
		if err != nil || !act.Finished {
			t.Errorf("%+v, %v", act, err)
		}
		work.Wait()
		if left := w.sessions(); len(left) != 0 {
			t.Fatalf("%d sessions of a disabled account", len(left))
		}
		if _, err := op.Enable(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHundredsOfSessionsEndAndSayHowFar(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	st := w.gateway.app.storage.store
	const n = 450 // several pages of what is read at once
	var work sync.WaitGroup
	for part := range 45 { // the store writes together what comes together
		work.Go(func() {
			for range n / 45 {
				now := time.Now()
				_, hash := session.NewSeatValue()
				s := &session.Session{
					ID: session.NewID(), Account: fmt.Sprint("acc", part), Handle: fmt.Sprint("h", part), Provider: "main", Client: w.gateway.app.gen().clients.Marks()["main"],
					Identity: oidc.Identity{Issuer: w.provider.Issuer(), Subject: fmt.Sprint(part)}, CreatedAt: now, AuthTime: now, SeenAt: now, Version: 1,
				}
				if err := st.OpenSession(t.Context(), now, s, session.Seat{Hash: hash, Origin: w.url, CreatedAt: now}, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	alice := w.browser("alice", "wonderland")
	alice.visit("/")
	socket := alice.open("/ws")
	defer socket.CloseNow()
	op := w.operator()
	if page, err := op.Sessions(t.Context(), admin.SessionQuery{App: "sample", Limit: 10}); err != nil || page.Total != n+1 || len(page.Sessions) != 10 {
		t.Fatalf("%d of %d, %v", len(page.Sessions), page.Total, err)
	}
	reports, last := 0, 0
	began := time.Now()
	got, err := op.End(t.Context(), admin.EndRequest{App: "sample"}, func(ended, of int) {
		reports++
		if ended < last || of < n+1 {
			t.Errorf("%d of %d after %d", ended, of, last)
		}
		last = ended
	})
	if err != nil || got.Ended != n+1 || reports == 0 {
		t.Fatalf("%+v after %v with %d reports, %v", got, time.Since(began), reports, err)
	}
	t.Logf("%d sessions ended in %v, %d reports", got.Ended, time.Since(began), reports)
	if _, code := closed(t, socket); code != websocket.StatusPolicyViolation {
		t.Errorf("socket: %d", code)
	}
	if left := w.sessions(); len(left) != 0 {
		t.Errorf("%d are left", len(left))
	}
}

func TestAnAdminAddressAsksForItsCredential(t *testing.T) {
	token := strings.Repeat("0123456789abcdef", 3)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := freeAddress(t)
	w := newWorld(t, devprovider.Options{}, fmt.Sprintf("admin: {listen: %q, token_file: %q}\n", at, file))
	client := func(host, token string) *admin.Client {
		return admin.NewClient(admin.Endpoint{Network: "tcp", Address: at, Host: host, Token: token})
	}
	if _, err := client(at, token).Sessions(t.Context(), admin.SessionQuery{}); err != nil {
		t.Error(err)
	}
	_, port, _ := net.SplitHostPort(at)
	for name, c := range map[string]*admin.Client{
		"no token": client(at, ""), "wrong token": client(at, strings.Repeat("x", 48)), "another name": client("localhost:"+port, token),
	} {
		if _, err := c.Sessions(t.Context(), admin.SessionQuery{}); err == nil {
			t.Errorf("%s: let in", name)
		}
		if _, err := c.End(t.Context(), admin.EndRequest{All: true}, nil); err == nil {
			t.Errorf("%s: ended everything", name)
		}
	}
	for _, listener := range []string{w.address, w.gateway.app.cfg().Ops.Listen.Address} {
		req, _ := http.NewRequest(http.MethodGet, "http://"+listener+"/v1/sessions", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Errorf("the credential opens %s", listener)
		}
	}
	if strings.Contains(w.log.String(), token) || !strings.Contains(w.log.String(), "administration refused") {
		t.Error("the log has the token, or no line of the refusals")
	}
}

// certificate writes a self-signed certificate for names, and returns a pool that trusts it.
func certificate(t *testing.T, dir string, names ...string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = errors.Join(os.WriteFile(filepath.Join(dir, "cert.pem"), public, 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return pool
}

func TestAnAdminAddressBeyondThisMachineIsServedByTLS(t *testing.T) {
	token, dir, at := strings.Repeat("0123456789abcdef", 3), t.TempDir(), freeAddress(t)
	pool := certificate(t, dir, "gate.internal")
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	newWorld(t, devprovider.Options{}, fmt.Sprintf("admin: {listen: %q, url: %q, token_file: %q, tls: {cert_file: %q, key_file: %q}}\n",
		at, "https://gate.internal", filepath.Join(dir, "token"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")))
	for name, tc := range map[string]struct {
		e  admin.Endpoint
		ok bool
	}{
		"trusted":      {admin.Endpoint{Host: "gate.internal", TLS: &tls.Config{RootCAs: pool}}, true},
		"not trusted":  {admin.Endpoint{Host: "gate.internal", TLS: &tls.Config{}}, false},
		"another name": {admin.Endpoint{Host: "other.internal", TLS: &tls.Config{RootCAs: pool, InsecureSkipVerify: true}}, false},
		"in the open":  {admin.Endpoint{Host: "gate.internal"}, false},
	} {
		tc.e.Network, tc.e.Address, tc.e.Token = "tcp", at, token
		if _, err := admin.NewClient(tc.e).Accounts(t.Context(), admin.AccountQuery{}); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheProvidersAreSeenAsTheGatewaySeesThem(t *testing.T) {
	w := newWorld(t, devprovider.Options{}, "")
	op := w.operator()
	p, err := op.Provider(t.Context(), "main", false)
	if err != nil || p.Kind != "oidc" || p.Issuer != w.provider.Issuer() || !p.Keys.At.IsZero() {
		t.Errorf("before the first sign-in: %+v, %v", p, err)
	}
	w.browser("alice", "wonderland").visit("/")
	if p, err = op.Provider(t.Context(), "main", false); err != nil || p.Sessions != 1 || p.Discovery.At.IsZero() || p.Keys.At.IsZero() || len(p.KeyIDs) == 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = op.Provider(t.Context(), "main", true); err != nil || p.Reachable != "yes" {
		t.Errorf("asked: %+v, %v", p, err)
	}

	// What cannot be told is seen, and tried again when it is asked for.
	if err := w.provider.Close(); err != nil {
		t.Log(err)
	}
	if _, err := op.End(t.Context(), admin.EndRequest{All: true}, nil); err != nil {
		t.Fatal(err)
	}
	var list admin.DeliveryList
	for deadline := time.Now().Add(patience); len(list.Deliveries) == 0; time.Sleep(50 * time.Millisecond) {
		if list, err = op.Outbox(t.Context(), admin.DeliveryQuery{Failing: true, Provider: "main"}); err != nil || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", list, err)
		}
	}
	d := list.Deliveries[0]
	if d.LastError == "" || !d.Retryable || d.State != "pending" {
		t.Errorf("%+v", d)
	}
	st := w.gateway.app.storage.store
	if err := st.Finish(t.Context(), time.Now(), d.ID, outbox.Failed, "refused for good"); err != nil {
		t.Fatal(err)
	}
	if d, err = op.Delivery(t.Context(), d.ID); err != nil || d.State != "failed" || !d.Retryable {
		t.Fatalf("given up: %+v, %v", d, err)
	}
	if _, err := op.Retry(t.Context(), admin.RetryRequest{ID: d.ID}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		again, err := op.Delivery(t.Context(), d.ID)
		if err == nil && again.State == "pending" && again.Attempts > d.Attempts {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not tried again: %+v, %v", again, err)
		}
	}
	if p, err = op.Provider(t.Context(), "main", false); err != nil || p.Failing == 0 || p.DeliveryError == "" {
		t.Errorf("%+v, %v", p, err)
	}
}
