package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
)

// leaves signs the person out by the button, who must come back to the signed-out page and
// be out here and at the provider.
func leaves(t *testing.T, r *party) {
	t.Helper()
	idToken := r.mine().Grant.Tokens.IDToken
	out := r.person.signOut()
	if out.status != http.StatusOK || !strings.HasPrefix(out.url, r.url+"/.cardea/signed-out") || !strings.Contains(out.body, "signed out") {
		t.Fatalf("signing out ends with %d at %s\n%s", out.status, out.url, textOf(out.body))
	}
	r.outOfTheApp(t)
	if n := len(r.there()); n != 0 {
		t.Errorf("%d sessions live on at the provider", n)
	}
	asked := r.asked(devprovider.EndSession)
	if len(asked) == 0 {
		t.Fatal("the provider was not asked to end its session")
	}
	p := asked[0].Params
	if p.Get("id_token_hint") != idToken || p.Get("post_logout_redirect_uri") != r.url+"/.cardea/signed-out" || p.Get("state") == "" {
		t.Errorf("the provider was sent %v", p)
	}
}

// sentBack changes the state with which the provider sends people back.
func sentBack(change func(url.Values)) devprovider.Faults {
	return devprovider.Faults{After: func(e devprovider.Endpoint, _ *http.Request, answer *devprovider.Answer) {
		u, err := url.Parse(answer.Header.Get("Location"))
		if e != devprovider.EndSession || err != nil || !strings.Contains(u.Path, "signed-out") {
			return
		}
		query := u.Query()
		change(query)
		u.RawQuery = query.Encode()
		answer.Header.Set("Location", u.String())
	}}
}

func rpLogoutModules() map[string]module {
	return map[string]module{
		"oidcc-client-test-rp-init-logout": {then: leaves},
		"oidcc-client-test-rp-init-logout-other-state": {
			faults: sentBack(func(q url.Values) { q.Set("state", "another-state") }), then: leaves,
		},
		"oidcc-client-test-rp-init-logout-no-state": {
			faults: sentBack(func(q url.Values) { q.Del("state") }), then: leaves,
		},
	}
}

// told is a module whose provider posts a logout token when the person leaves, and
// must be answered want.
func told(want int, change func(*devprovider.LogoutNotice)) module {
	return module{faults: devprovider.Faults{LogoutToken: change}, then: func(t *testing.T, r *party) {
		before := len(r.provider.LogoutDeliveries())
		leaves(t, r)
		eventually(t, "the token is delivered", func() bool { return len(r.provider.LogoutDeliveries()) == before+1 })
		got := r.provider.LogoutDeliveries()[before]
		if got.Err != nil || got.Status != want || got.CacheControl != "no-store" {
			t.Errorf("the token is answered %d, Cache-Control %q, %v", got.Status, got.CacheControl, got.Err)
		}
	}}
}

func backChannelModules(keys *signers) map[string]module {
	const prefix = "oidcc-client-test-rp-backchannel-rpinitlogout"
	modules := map[string]module{prefix: told(http.StatusOK, nil)}
	forgeries := map[string]string{
		"alg-none": "alg none", "no-event": "no event", "with-nonce": "nonce present", "wrong-aud": "wrong aud",
		"wrong-event": "wrong event", "wrong-iss": "wrong iss",
	}
	for _, forged := range devprovider.LogoutForgeries() {
		for name, known := range forgeries {
			if forged.Name == known {
				modules[prefix+"-"+name] = told(http.StatusBadRequest, forged.Change)
			}
		}
	}
	// Signed well, with a published key, by an algorithm that this client is not registered for.
	wrong := told(http.StatusBadRequest, func(n *devprovider.LogoutNotice) {
		n.Sign = func(_ devprovider.SigningKey, typ string, claims map[string]any) (string, error) {
			return signed(jose.ES256, keys.curve, typ, "ES256", claims)
		}
	})
	wrong.client = "id_token_algorithms: [RS256]"
	wrong.faults.Discovery, wrong.faults.Keys = supported("RS256", "ES256"), withKey(publicKey("ES256", keys.curve.Public()))
	modules[prefix+"-wrong-alg"] = wrong
	return modules
}

// frames stands where the provider loads frames, and passes the calls on to the gateway.
type frames struct {
	mu      sync.Mutex
	queries []url.Values
	answers []int
}

// register makes frames the only way by which the provider tells the gateway.
func (f *frames) register(t *testing.T, r *party) {
	t.Helper()
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		on, err := http.NewRequestWithContext(req.Context(), http.MethodGet, r.url+"/.cardea/frontchannel-logout/main?"+req.URL.RawQuery, nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		on.Header = req.Header.Clone()
		resp, err := http.DefaultClient.Do(on)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		_, _ = io.Copy(w, resp.Body)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.queries, f.answers = append(f.queries, req.URL.Query()), append(f.answers, resp.StatusCode)
	}))
	t.Cleanup(relay.Close)
	if err := r.provider.AddClient(devprovider.Client{
		ID: "cardea", Secret: "s3cret", RedirectURIs: []string{r.url + "/.cardea/callback/main"},
		PostLogoutRedirectURIs: []string{r.url + "/.cardea/signed-out"}, FrontChannelLogoutURI: relay.URL,
	}); err != nil {
		t.Fatal(err)
	}
}

// loaded demands one frame, about the person's session, that was answered as it must be.
func (f *frames) loaded(t *testing.T, r *party, sid string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	want := []url.Values{{"iss": {r.provider.Issuer()}, "sid": {sid}}}
	if diff := cmp.Diff(want, f.queries); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{http.StatusOK}, f.answers); diff != "" {
		t.Error(diff)
	}
}

func frontChannelModules(name string) map[string]module {
	all := map[string]func(*testing.T, *party){
		"oidcc-client-test-rp-frontchannel-rpinitlogout": leaves,
		"oidcc-client-test-rp-frontchannel-opinitlogout": func(t *testing.T, r *party) {
			there := devprovider.NewVisitor(r.provider.Issuer(), r.person.jar, nil, r.name, "password")
			if err := there.SignOutThere(t.Context(), r.provider.Issuer()); err != nil {
				t.Fatal(err)
			}
			r.outOfTheApp(t)
		},
	}
	return map[string]module{name: {then: func(t *testing.T, r *party) {
		f := &frames{}
		f.register(t, r)
		sid := r.there()[0]
		all[name](t, r)
		f.loaded(t, r, sid)
	}}}
}
