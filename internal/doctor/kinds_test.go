package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/provider"
	"github.com/cardea-auth/cardea/internal/record"
)

// stage examines a provider that behaves as the record of a kind says; change may unsettle
// what is registered there.
func stage(t *testing.T, kind string, change func(*devprovider.Client)) *Report {
	t.Helper()
	rec, ok := record.Lookup(kind)
	if !ok {
		t.Fatalf("no record %q", kind)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := devprovider.Client{
		ID: "cardea", Secret: clientSecret,
		RedirectURIs:           []string{public + "/.cardea/callback/main", public + "/.cardea/signed-out"},
		PostLogoutRedirectURIs: []string{public + "/.cardea/signed-out"},
	}
	signs := rec.Client.Auth == record.AuthPrivateKeyJWT || rec.Client.Auth == record.AuthSignedSecret
	if signs {
		client.Secret, client.Key, client.KeyID, client.KeyIssuer = "", key.Public(), "k1", "team"
	}
	change(&client)
	path := ""
	if rec.Issuer.Default == "" && len(rec.Recognise.Paths) > 0 {
		path = strings.NewReplacer("*", "acme", "?", "s").Replace(rec.Recognise.Paths[0])
	}
	fake, err := devprovider.Start(t.Context(), devprovider.Options{
		Issuer: "http://127.0.0.1:0" + path, Record: &rec, Clients: []devprovider.Client{client}, Key: signer(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fake.Close() })
	placed := devprovider.Placed(rec, fake.Origin())
	issuer := fake.Issuer()
	if placed.Issuer.Default != "" {
		issuer = placed.Issuer.Default
	}
	po := provider.Options{
		ID: "main", Issuer: issuer, ClientID: "cardea", ClientSecret: clientSecret, Record: placed,
		RedirectURI: public + "/.cardea/callback/main", Timeout: 30 * time.Second,
	}
	if signs {
		po.ClientSecret, po.Key, po.KeyID, po.KeyIssuer = "", key, "k1", "team"
	}
	c, err := provider.New(po)
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(app.Close)
	report, err := Examine(t.Context(), Options{PublicURL: public, Providers: []Provider{{
		ID: "main", Issuer: issuer, ClientID: "cardea", Record: placed, RedirectURI: po.RedirectURI, Client: c,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestOfEveryKindWhereAllIsRegisteredNothingKeepsPeopleFromSigningIn(t *testing.T) {
	for _, kind := range record.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			report := stage(t, kind, func(*devprovider.Client) {})
			if report.Failed() {
				t.Errorf("%s", text(t, report))
			}
			if f := finding(t, report, "credentials"); f.Level != OK && f.ID != "credentials-untold" {
				t.Errorf("%+v", f)
			}
			lost := stage(t, kind, func(c *devprovider.Client) { c.RedirectURIs = []string{"http://localhost:1/elsewhere"} })
			f := finding(t, lost, "redirect-uri")
			if f.ID != "redirect-uri" || !slices.ContainsFunc(f.Fix, func(s string) bool { return strings.Contains(s, public) || strings.Contains(s, "redirect") }) {
				t.Errorf("a callback that is not registered: %+v", f)
			}
			if strings.Contains(strings.Join(f.Fix, " "), "{") {
				t.Errorf("a word that nothing fills: %v", f.Fix)
			}
		})
	}
}
