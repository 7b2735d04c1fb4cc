package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/devprovider"
)

func TestReloadsUnderLoadLoseNoRequestAndNoSocket(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	_, other := newEcho(t, "one") // by another address
	first := s.oneAt
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	socket := alice.openAt(s.url, "/ws")
	var over atomic.Bool
	var asked, answered, failed atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			c := &http.Client{Jar: alice.jar, Transport: &http.Transport{}, Timeout: 2 * patience}
			defer c.CloseIdleConnections()
			for !over.Load() {
				req, _ := http.NewRequest(http.MethodPost, s.url+"/", strings.NewReader(strings.Repeat("x", 10_000))) // that nothing repeats by itself
				req.Header.Set("Origin", s.url)
				req.Header.Set("Sec-Fetch-Mode", "cors")
				asked.Add(1)
				resp, err := c.Do(req)
				if err != nil {
					failed.Add(1)
					t.Errorf("request: %v", err)
					return
				}
				var body bytes.Buffer
				_, err = body.ReadFrom(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK || body.String() != "one for alice" {
					failed.Add(1)
					t.Errorf("answer: %v, %d %s", err, resp.StatusCode, body.String())
					return
				}
				answered.Add(1)
			}
		})
	}
	for i := range 20 {
		s.mustReload(func() {
			s.oneAt = []string{other, first}[i%2]
			s.twoMore = fmt.Sprintf(", max_age: %dh", 1+i)
		})
		if got := says(t, socket, fmt.Sprint(i)); got != fmt.Sprint("one ", i) {
			t.Fatalf("the socket after reload %d: %q", i, got)
		}
		upTo := answered.Load() + 5 // requests begin and end under every configuration
		eventually(t, "requests are answered", func() bool { return answered.Load() >= upTo || failed.Load() > 0 })
	}
	over.Store(true)
	clients.Wait()
	t.Logf("%d requests", asked.Load())
	if failed.Load() > 0 || asked.Load() < 100 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
	if e := s.events(audit.ConfigChanged); len(e) != 20 {
		t.Errorf("%d changes in the trail", len(e))
	}
}

func TestManyReloadsLeaveNothingBehind(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	turn := func(i int) {
		s.mustReload(func() { s.twoMore = fmt.Sprintf(", max_age: %dh", 1+i) })
		for range 3 {
			if got := alice.fetch("/"); got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
	}
	for i := range 5 {
		turn(i)
	}
	http.DefaultClient.CloseIdleConnections()
	before, chores := runtime.NumGoroutine(), 5
	for i := range 50 {
		turn(5 + i)
	}
	// Each reload looks once more after what was under way, by a goroutine that waits.
	chores += 50
	eventually(t, "goroutines are few again", func() bool { return runtime.NumGoroutine() <= before+chores+10 })
	eventually(t, "connections to the app are few again", func() bool { return s.one.connections() <= 2 })
	s.stop()
	s.gateway = nil
	eventually(t, "a stop waits for none of them", func() bool { return runtime.NumGoroutine() < before })
}

func TestReloadsThatComeTogetherAreOneAfterAnother(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	s.twoMore = ", max_age: 1h"
	s.extra = s.text()
	s.write()
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() {
			if err := s.gateway.app.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		})
		together.Go(func() { alice.fetch("/") })
	}
	together.Wait()
	if e := s.events(audit.ConfigChanged); len(e) != 1 {
		t.Errorf("%d changes in the trail", len(e))
	}
}

func TestASignalBeforeTheStartIsAnsweredAfterItAndOneDuringTheStopIsNot(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	s.stop()
	s.hangups <- syscall.SIGHUP
	s.start()
	eventually(t, "the file was read anew", func() bool { return strings.Contains(s.log.String(), "nothing changes") })
	s.twoMore = ", max_age: 1h"
	s.extra = s.text()
	s.write()
	s.hangups <- syscall.SIGHUP
	eventually(t, "it was taken", func() bool { return s.gateway.app.cfg().Apps[1].MaxAge == time.Hour })
	app := s.gateway.app
	s.gateway.stop()
	s.hangups <- syscall.SIGHUP
	if err := <-s.gateway.done; err != nil {
		t.Error(err)
	}
	s.gateway = nil
	if err := app.Reload(t.Context()); err == nil {
		t.Error("a gateway that has stopped was reloaded")
	}
}

func TestARefreshUnderWayAcrossAReloadIsOneTokenRequest(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	release, begun := make(chan struct{}), make(chan struct{}, 8)
	s.provider.SetFaults(devprovider.Faults{Before: func(e devprovider.Endpoint, r *http.Request) *devprovider.Answer {
		if e == devprovider.Token {
			begun <- struct{}{}
			<-release
		}
		return nil
	}})
	refreshes := func() int { return s.provider.Counters().TokenRequests["refresh_token"] }
	was := refreshes()
	var asking sync.WaitGroup
	ask := func() {
		asking.Go(func() {
			if got := alice.fetch("/"); got.status != http.StatusOK {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	s.expire()
	for range 5 {
		ask()
	}
	select {
	case <-begun:
	case <-time.After(patience):
		t.Fatal("no refresh began")
	}
	// The provider is made anew as well, by another secret that is not asked for again.
	s.mustReload(func() { s.more = ", scopes: [openid, profile, email, offline_access]" })
	for range 10 {
		ask()
	}
	time.Sleep(100 * time.Millisecond)
	close(release)
	asking.Wait()
	if n := refreshes() - was; n != 1 {
		t.Errorf("%d token requests", n)
	}
}

func TestANewClientSecretAloneEndsNothing(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	alice := s.person("alice", "wonderland")
	alice.visit("/")
	socket := alice.openAt(s.url, "/ws")
	s.gateway.app.reloads.source.Env = func(string) (string, bool) { return "an0ther-secret", true }
	s.mustReload(func() {})
	if got := alice.fetch("/"); got.status != http.StatusOK || says(t, socket, "still") != "one still" || s.causes() != "" {
		t.Errorf("%d, ended %q", got.status, s.causes())
	}
	e := s.events(audit.ConfigChanged)
	if len(e) != 1 || e[0].Detail["changes"] != "providers[main].client_secret_env" {
		t.Errorf("%+v", e)
	}
	for _, secret := range []string{"an0ther-secret", "s3cret"} {
		if strings.Contains(s.log.String(), secret) || strings.Contains(fmt.Sprint(e), secret) {
			t.Error("a secret is told")
		}
	}
	if p := s.person("bob", "builder").visit("/"); p.status == http.StatusOK {
		t.Errorf("the new secret, which is wrong, was not used: %d", p.status)
	}
}

func TestACertificateIsReadAnewAtAReloadAndOnlyThen(t *testing.T) {
	s := newSeveral(t, devprovider.Options{})
	dir := t.TempDir()
	first := writePair(t, dir, 1)
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(strings.Repeat("t0", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	at := freeAddress(t)
	s.stop()
	s.access = fmt.Sprintf("admin: {listen: %s, token_file: %s, tls: {cert_file: %s/cert.pem, key_file: %s/key.pem}}\n", at, token, dir, dir)
	s.extra = s.text()
	s.start()
	served := func() []byte {
		c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Raw
	}
	if !bytes.Equal(served(), first) {
		t.Error("not the configured one")
	}
	second := writePair(t, dir, 2)
	if !bytes.Equal(served(), first) {
		t.Error("read without a reload")
	}
	s.mustReload(func() {})
	if !bytes.Equal(served(), second) {
		t.Error("not read at the reload")
	}
	if e := s.events(audit.ConfigChanged); len(e) != 1 || e[0].Detail["changes"] != "admin.tls.cert_file" {
		t.Errorf("%+v", e)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.reload(func() {}); err == nil || !bytes.Equal(served(), second) {
		t.Errorf("a broken pair: %v", err)
	}
}

// writePair writes a certificate with its key, and returns the certificate.
func writePair(t *testing.T, dir string, serial int64) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}
