package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/audit"
	"github.com/cardea-auth/cardea/internal/config"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
	"github.com/cardea-auth/cardea/internal/record"
	"github.com/cardea-auth/cardea/internal/session"
)

const (
	// sceneSecret has what a client that does not encode its secret stumbles over.
	sceneSecret = "s3cr:t %+&=é"
	// sceneEarliest is how long tokens are not refreshed where the provider would take it
	// for abuse. The provider goes by its own clock, and allows a tenth less.
	sceneEarliest = 20 * time.Second
	sceneAllows   = sceneEarliest - sceneEarliest/10
	sceneKeyID    = "key-1"
	sceneOwner    = "TEAM123456"
)

// theatre holds what all scenes share.
type theatre struct {
	signer   *ecdsa.PrivateKey // the providers'
	client   *ecdsa.PrivateKey // the gateway's, where the record has it sign
	upstream *httptest.Server
	// hands bounds what is done at once: waiting is free, and a machine that is asked for
	// too much at a time answers late.
	hands chan struct{}
}

// busy does something that takes the machine's time.
func (h *theatre) busy(do func()) {
	h.hands <- struct{}{}
	defer func() { <-h.hands }()
	do()
}

func newTheatre(t *testing.T) *theatre {
	t.Helper()
	h := &theatre{hands: make(chan struct{}, 4)}
	for _, key := range []**ecdsa.PrivateKey{&h.signer, &h.client} {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		*key = made
	}
	// An app that tells what it was told.
	h.upstream = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told := map[string]string{}
		for _, name := range []string{"X-Subject", "X-Email", "X-Groups", "X-Name"} {
			told[name] = r.Header.Get(name)
		}
		_ = json.NewEncoder(w).Encode(told) // the test reads it, or fails
	}))
	t.Cleanup(h.upstream.Close)
	return h
}

// venue is a provider of one kind, as its record has it.
type venue struct {
	*theatre
	kind string
	rec  record.Record // where the provider is, and how it behaves
	fake *devprovider.Server
}

// open starts the provider of a kind.
func (h *theatre) open(ctx context.Context, kind string) (*venue, error) {
	rec, ok := record.Lookup(kind)
	if !ok {
		return nil, fmt.Errorf("no record %q", kind)
	}
	if rec.Refresh.AtEarliest > 0 {
		rec.Refresh.AtEarliest = sceneEarliest // nobody would wait for the real one
	}
	o := devprovider.Options{
		Issuer: "http://127.0.0.1:0" + issuerPath(rec), Record: &rec, SkipConsent: true,
		AccessTokenLife: time.Hour, People: cast(), Key: h.signer,
	}
	if algorithms := rec.Client.IDTokenAlgorithms; len(algorithms) > 0 && algorithms[0] == devprovider.RS256 {
		o.Key, o.SigningAlg = sharedKey(), devprovider.RS256
	}
	fake, err := devprovider.Start(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	return &venue{theatre: h, kind: kind, rec: devprovider.Placed(rec, fake.Origin()), fake: fake}, nil
}

// issuerPath is a path that issuers of this kind have: of the form that the record knows,
// else a lone slash, which has to be kept.
func issuerPath(r record.Record) string {
	if r.Issuer.Default != "" {
		return ""
	}
	if len(r.Recognise.Paths) > 0 {
		return strings.NewReplacer("*", "acme", "?", "s").Replace(r.Recognise.Paths[0])
	}
	return "/"
}

// cast are the people: one for each promise, so that all can be tried at once.
func cast() []devprovider.Person {
	var people []devprovider.Person
	for _, name := range []string{"alice", "uma", "many", "rita", "nora", "sam", "cara", "gwen", "bea", "fred", "will", "wanda", "olga", "sid"} {
		p := devprovider.Person{
			Username: name, Password: "pw-" + name, Name: strings.ToUpper(name[:1]) + name[1:] + " Liddell",
			Email: name + "@example.com", EmailVerified: name != "uma", Groups: []string{"gardeners", "staff"},
			Picture: "https://pictures.example/" + name + ".png", NoRefreshToken: name == "nora" || name == "wanda",
		}
		switch name {
		case "alice":
			p.Picture = "data:image/svg+xml;base64," + strings.Repeat("QUFB", 300)
		case "many":
			p.Groups = []string{"g1", "acme/builders", "g2", "g3", "g4", "g5", "g6", "staff"}
		}
		people = append(people, p)
	}
	return people
}

// scene is a gateway at that provider, with a record of its own, true or falsified.
type scene struct {
	*venue
	given   record.Record // the gateway's
	client  string
	dir     string
	address string
	url     string
	log     *lockedBuffer
	gateway *running
	hasty   bool // promises are to be broken here: nothing is waited for as long as elsewhere
}

// play starts a gateway whose record is given.
func (s *venue) play(client string, given record.Record) (*scene, error) {
	dir, err := os.MkdirTemp("", "records")
	if err != nil {
		return nil, err
	}
	address, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	c := &scene{venue: s, given: given, client: client, dir: dir, address: address, url: "http://localhost:" + port, log: &lockedBuffer{}}
	if err := s.fake.AddClient(c.registration()); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "cardea.db"), migrated(), 0o600); err != nil {
		return nil, err
	}
	if err := c.start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return c, nil
}

// registration is what an operator registers at the provider: each address in the list
// that the record says.
func (c *scene) registration() devprovider.Client {
	own := c.url + "/.cardea/"
	out := devprovider.Client{
		ID: c.client, Secret: sceneSecret, RedirectURIs: []string{own + "callback/main"},
		BackChannelLogoutURI: own + "backchannel-logout", BackChannelLogoutSessionRequired: true,
		FrontChannelLogoutURI: own + "frontchannel-logout/main",
	}
	switch c.rec.SignOut.ReturnRegistered {
	case record.RegisteredRedirect:
		out.RedirectURIs = append(out.RedirectURIs, own+"signed-out")
	default:
		out.PostLogoutRedirectURIs = []string{own + "signed-out"}
	}
	switch c.rec.Client.Auth {
	case record.AuthNone:
		out.Secret = ""
	case record.AuthPrivateKeyJWT, record.AuthSignedSecret:
		out.Secret, out.Key, out.KeyID = "", c.theatre.client.Public(), sceneKeyID
		if strings.Contains(c.rec.Client.Assertion.Issuer, "{key_issuer}") {
			out.KeyIssuer = sceneOwner
		}
	}
	return out
}

// config writes the configuration and has the real loader read it.
func (c *scene) config() (*config.Config, error) {
	override, err := asOverride(c.given)
	if err != nil {
		return nil, err
	}
	ops, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	credentials, err := c.credentials()
	if err != nil {
		return nil, err
	}
	issuer := ""
	if c.given.Issuer.Default == "" {
		issuer = fmt.Sprintf("    issuer: %q\n", c.fake.Issuer())
	}
	headers, ruled := "X-Subject: subject, X-Email: email, X-Name: name", ""
	if c.given.Claims.Groups.Source != record.FromNone {
		headers += ", X-Groups: groups"
		ruled = "    paths: [{prefix: /staff, access: {groups: [staff]}}]\n"
	}
	text := fmt.Sprintf(`public_url: %[1]s
listen: %[2]s
data_dir: %[3]s
avatars: {fetch: false}
ops: {listen: %[4]s}
limits: {store_wait: 10s}
apps:
  - id: sample
    url: %[1]s
    upstream: %[5]s
    headers: {%[12]s}
%[6]s  - {id: quiet, url: %[1]s/quiet, upstream: %[5]s, sign_out: gateway}
providers:
  - id: main
    kind: %[7]s
%[8]s    client_id: %[9]s
%[10]s    record:
%[11]s`, c.url, c.address, c.dir, ops, c.upstream.URL, ruled, c.kind, issuer, c.client, credentials,
		"      "+strings.ReplaceAll(strings.TrimSpace(override), "\n", "\n      ")+"\n", headers)
	path := filepath.Join(c.dir, "cardea.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cfg, _, err := config.Load(path, func(string) (string, bool) { return sceneSecret, true }, os.ReadFile)
	if err == nil {
		cfg.Providers[0].Record = c.given // what an override cannot empty again, a false record may lack
	}
	return cfg, err
}

// credentials are the provider's lines about who the gateway is.
func (c *scene) credentials() (string, error) {
	switch c.given.Client.Auth {
	case record.AuthNone:
		return "", nil
	case record.AuthPrivateKeyJWT, record.AuthSignedSecret:
		der, err := x509.MarshalPKCS8PrivateKey(c.theatre.client)
		if err != nil {
			return "", err
		}
		path := filepath.Join(c.dir, "client.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return "", err
		}
		lines := fmt.Sprintf("    client_key_file: %s\n    client_key_id: %s\n", path, sceneKeyID)
		if strings.Contains(c.given.Client.Assertion.Issuer, "{key_issuer}") {
			lines += "    client_key_issuer: " + sceneOwner + "\n"
		}
		return lines, nil
	}
	return "    client_secret_env: SECRET\n", nil
}

func (c *scene) start() (err error) {
	c.busy(func() { err = c.run() })
	return err
}

func (c *scene) run() error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	logger := slog.New(audit.Redact(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	made, err := New(context.Background(), Options{Config: cfg, Logger: logger, Ready: func() { close(ready) }, StoreWithin: patience})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	c.gateway = &running{app: made, stop: stop, done: make(chan error, 1)}
	go func() { c.gateway.done <- made.Run(ctx) }()
	select {
	case <-ready:
		return nil
	case err := <-c.gateway.done:
		c.gateway = nil
		return fmt.Errorf("the gateway did not start: %w", err)
	case <-time.After(2 * patience):
		return fmt.Errorf("the gateway did not start in time")
	}
}

// stop ends the gateway; what it keeps stays for the next start.
func (c *scene) stop() error {
	if c.gateway == nil {
		return nil
	}
	c.gateway.stop()
	defer func() { c.gateway = nil }()
	select {
	case err := <-c.gateway.done:
		return err
	case <-time.After(2 * patience):
		return fmt.Errorf("the gateway did not stop in time")
	}
}

// close ends the gateway for good.
func (c *scene) close() error {
	defer os.RemoveAll(c.dir)
	return c.stop()
}

// subject is how the gateway has to name a person.
func (c *scene) subject(username string) string {
	parts := c.fake.Subject(username)
	if len(parts) == 1 {
		return parts[0]
	}
	for i := range parts {
		parts[i] = url.QueryEscape(parts[i])
	}
	return strings.Join(parts, "|")
}

// sessionsOf are the live sessions of a person, oldest first.
func (c *scene) sessionsOf(v *verdict, username string) []*session.Session {
	list, err := c.gateway.app.storage.store.List(context.Background(), session.Filter{Limit: 100})
	if err != nil {
		v.stopf("reading sessions: %v", err)
	}
	var found []*session.Session
	for _, s := range list {
		if s.Identity.Subject == c.subject(username) {
			found = append(found, s)
		}
	}
	return found
}

// sessionOf is the one live session of a person.
func (c *scene) sessionOf(v *verdict, username string) *session.Session {
	found := c.sessionsOf(v, username)
	if len(found) != 1 {
		v.stopf("%s has %d sessions, want 1", username, len(found))
	}
	return found[0]
}

func (c *scene) byID(v *verdict, id session.ID) *session.Session {
	found, err := c.gateway.app.storage.store.ByID(context.Background(), id)
	if err != nil {
		v.stopf("reading a session: %v", err)
	}
	return found
}

// allowed waits until the provider lets tokens be refreshed that it gave before.
func (c *scene) allowed() {
	if c.rec.Refresh.AtEarliest > 0 {
		time.Sleep(sceneAllows)
	}
}

// age makes a person's sessions look as if the provider had been asked about them so long
// ago, and their access tokens as if they had expired, where these are to.
func (c *scene) age(v *verdict, username string, by time.Duration, expired bool) {
	for _, s := range c.sessionsOf(v, username) {
		for {
			next := *s
			next.Grant.CheckedAt = time.Now().Add(-by)
			if expired {
				next.Grant.Tokens.Expiry = time.Now().Add(-time.Second)
			}
			_, err := c.gateway.app.storage.store.UpdateSession(context.Background(), time.Now(), &next)
			if err == nil {
				break
			}
			if !errors.Is(err, session.ErrConflict) && !errors.Is(err, session.ErrUnavailable) {
				v.stopf("ageing a session: %v", err)
			}
			s = c.byID(v, s.ID) // it was changed meanwhile
		}
		c.gateway.app.guard.Drop(s.ID)
	}
}

// atProvider counts the live sessions of a person there.
func (c *scene) atProvider(username string) int {
	n := 0
	for _, s := range c.fake.Sessions() {
		if s.Username == username {
			n++
		}
	}
	return n
}

// asked lists a person's requests at an endpoint, or those with a grant type.
func (c *scene) asked(e devprovider.Endpoint, username, grantType string) []devprovider.Request {
	var list []devprovider.Request
	for _, q := range c.fake.Requests(e) {
		if q.Client == c.client && q.Username == username && (grantType == "" || q.Params.Get("grant_type") == grantType) {
			list = append(list, q)
		}
	}
	return list
}
