package provider_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/provider"
	"github.com/cardea-auth/cardea/internal/record"
)

// told is a relying party's address for logout tokens. It answers as Back-Channel Logout 1.0
// section 2.8 says, and keeps what it was told.
type told struct {
	mu     sync.Mutex
	rp     *provider.Provider
	tokens []oidc.LogoutToken
	errs   []error
}

func (h *told) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	token, err := h.rp.VerifyLogoutToken(r.Context(), r.PostFormValue("logout_token"))
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		h.errs = append(h.errs, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.tokens = append(h.tokens, token)
}

func (h *told) take() ([]oidc.LogoutToken, []error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	tokens, errs := h.tokens, h.errs
	h.tokens, h.errs = nil, nil
	return tokens, errs
}

// beginTold is a journey whose relying party hears of sign-outs.
func beginTold(t *testing.T, kind string, sid bool) (*journey, *told) {
	t.Helper()
	h := &told{}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	j := begin(t, kind, func(o *devprovider.Options) {
		o.Clients[0].BackChannelLogoutURI, o.Clients[0].BackChannelLogoutSessionRequired = srv.URL, sid
		o.Clients[0].FrontChannelLogoutURI = srv.URL + "/frame"
	})
	h.rp = j.rp
	return j, h
}

func TestASignOutAtTheProviderNamesTheSessionThatBeganHere(t *testing.T) {
	for _, kind := range []string{"oidc", "keycloak"} {
		for _, sid := range []bool{true, false} {
			j, h := beginTold(t, kind, sid)
			auth, err := j.signIn(oidc.AuthorizationRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := j.op.EndSessionsOf(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
			tokens, errs := h.take()
			if len(tokens) != 1 || len(errs) != 0 {
				t.Fatalf("%s: %v, %v", kind, tokens, errs)
			}
			got := tokens[0]
			want := oidc.LogoutToken{Issuer: auth.Identity.Issuer, Subject: auth.Identity.Subject, ID: got.ID, IssuedAt: got.IssuedAt, Expires: got.Expires}
			if sid {
				want.SID = auth.SID
			}
			if diff := cmp.Diff(want, got); diff != "" || got.ID == "" || auth.SID == "" {
				t.Errorf("%s (-want +got):\n%s", kind, diff)
			}
		}
	}
}

func TestTheFrameOfASignOutNamesThisProviderAndTheSession(t *testing.T) {
	j, _ := beginTold(t, "keycloak", true)
	auth, err := j.signIn(oidc.AuthorizationRequest{})
	if err != nil {
		t.Fatal(err)
	}
	out, ok, err := j.rp.EndSessionByBrowser(t.Context(), oidc.EndSessionRequest{IDToken: auth.Tokens.IDToken, PostLogoutRedirectURI: signedOut, State: "st-1"})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if back, err := j.visitor.Visit(t.Context(), out.URL); err != nil || back.String() != signedOut+"?state=st-1" {
		t.Fatalf("came back to %v, %v", back, err)
	}
	if len(j.visitor.Framed) != 1 {
		t.Fatalf("frames: %v", j.visitor.Framed)
	}
	frame, err := url.Parse(j.visitor.Framed[0])
	if err != nil {
		t.Fatal(err)
	}
	if q := frame.Query(); !j.rp.IsIssuer(q.Get("iss")) || q.Get("sid") != auth.SID {
		t.Errorf("frame %s", frame)
	}
}

func TestForgedSignOutsOfTheDevelopmentProviderAreRefused(t *testing.T) {
	j, h := beginTold(t, "keycloak", true)
	for _, forgery := range devprovider.LogoutForgeries() {
		j.op.SetFaults(devprovider.Faults{})
		if _, err := j.signIn(oidc.AuthorizationRequest{}); err != nil {
			t.Fatal(err)
		}
		j.op.SetFaults(forgery.Faults())
		if _, err := j.op.EndSessionsOf(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		tokens, errs := h.take()
		if forgery.Name == "replay" {
			// The same token twice: only who remembers its ID can tell.
			if len(tokens) != 2 || tokens[0].ID != tokens[1].ID {
				t.Errorf("replay: %v, %v", tokens, errs)
			}
			continue
		}
		if len(tokens) != 0 || len(errs) != 1 || !errors.Is(errs[0], oidc.ErrRefused) {
			t.Errorf("%s: %v, %v", forgery.Name, tokens, errs)
		}
	}
	statuses := map[int]int{}
	for _, d := range j.op.LogoutDeliveries() {
		statuses[d.Status]++
	}
	if n := len(devprovider.LogoutForgeries()); statuses[http.StatusBadRequest] != n-1 || statuses[http.StatusOK] != 2 {
		t.Errorf("answers: %v", statuses)
	}
}

// What Ory Hydra sends is refused unless the operator said that it is such a provider; and then it
// is still no way in for another fault.
func TestTokensAsOryHydraSendsAreTakenWhereTheRecordSaysSo(t *testing.T) {
	j, h := beginTold(t, "oidc", true)
	rec, ok := record.Lookup("oidc")
	if !ok {
		t.Fatal("no record")
	}
	rec.Notices.BackChannelTyp, rec.Notices.BackChannelExp = []record.LogoutTyp{record.LogoutTypJWT}, record.No
	rp, err := provider.New(provider.Options{ID: "main", Issuer: j.op.Issuer(), ClientID: "cardea", ClientSecret: secret, Record: rec, RedirectURI: callback})
	if err != nil {
		t.Fatal(err)
	}
	h.rp = rp
	for name, want := range map[string]bool{"no exp, typ JWT": true, "no exp": false, "nonce present": false} {
		if _, err := j.signIn(oidc.AuthorizationRequest{}); err != nil {
			t.Fatal(err)
		}
		all := devprovider.LogoutForgeries()
		i := slices.IndexFunc(all, func(f devprovider.LogoutForgery) bool { return f.Name == name })
		j.op.SetFaults(all[i].Faults())
		if _, err := j.op.EndSessionsOf(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		if tokens, errs := h.take(); (len(tokens) == 1) != want {
			t.Errorf("%s: %v, %v", name, tokens, errs)
		}
	}
}

// A sign-out right after the provider changed its keys must not be lost.
func TestASignOutSignedWithANewKeyIsBelieved(t *testing.T) {
	j, h := beginTold(t, "keycloak", true)
	if _, err := j.signIn(oidc.AuthorizationRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := j.op.RotateKey(devprovider.ES256); err != nil {
		t.Fatal(err)
	}
	if err := j.op.ForgetOldKeys(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.op.EndSessionsOf(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if tokens, errs := h.take(); len(tokens) != 1 {
		t.Errorf("%v, %v", tokens, errs)
	}
}
