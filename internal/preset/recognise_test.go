package preset

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the applications answered when they were run; Zipline's answers were read.
func answers(app string) map[string]Seen {
	json := func(status int, body string) Seen {
		return Seen{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	}
	page := Seen{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<!doctype html><title>App</title>")}
	return map[string]map[string]Seen{
		"chainlit": {
			"/auth/config": json(200, `{"requireLogin":true,"passwordAuth":false,"headerAuth":true,"oauthProviders":[],"default_theme":"dark"}`),
			"/hub/api":     page, "/_stcore/health": page, "/_stcore/host-config": page, "/api/healthcheck": page, // any other path is the shell
		},
		"streamlit": {
			"/_stcore/health":      {Status: 200, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: []byte("ok")},
			"/_stcore/host-config": json(200, `{"allowedOrigins":["https://share.streamlit.io"],"useExternalAuthToken":false}`),
			"/auth/config":         page, "/hub/api": page, "/api/healthcheck": page,
		},
		"jupyterhub": {"/hub/api": {Status: 200, Header: http.Header{"X-Jupyterhub-Version": {"5.5.1"}}, Body: []byte(`{"version": "5.5.1"}`)}},
		"zipline":    {"/api/healthcheck": json(200, `{"pass":true}`)},
		"anything":   {"/auth/config": page, "/hub/api": page, "/_stcore/health": page, "/_stcore/host-config": page, "/api/healthcheck": json(200, `{"status":"ok"}`)},
	}[app]
}

func TestEveryKnownAppIsRecognisedByItsMarksAndNoOtherIs(t *testing.T) {
	for app, want := range map[string][]string{
		"chainlit": {"chainlit"}, "streamlit": {"streamlit"}, "jupyterhub": {"jupyterhub"}, "zipline": {"zipline"}, "anything": nil,
	} {
		for _, base := range []string{"", "/", "/below"} {
			prefix := base
			if base == "/" {
				prefix = ""
			}
			asked := map[string]int{}
			got := Recognised(base, func(path string) (Seen, bool) {
				asked[path]++
				for p, a := range answers(app) {
					if prefix+p == path {
						return a, true
					}
				}
				return Seen{Status: http.StatusNotFound, Header: http.Header{}}, true
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s at %q (-want +got):\n%s", app, base, diff)
			}
			for path, n := range asked {
				if n > 1 {
					t.Errorf("%s was asked %d times", path, n)
				}
			}
		}
	}
}

func TestAnAppThatDoesNotAnswerIsNotRecognised(t *testing.T) {
	if got := Recognised("/", func(string) (Seen, bool) { return Seen{}, false }); len(got) > 0 {
		t.Error(got)
	}
}

func TestAMarkHoldsOnlyWhereAllOfItDoes(t *testing.T) {
	a := Seen{Status: 200, Header: http.Header{"Server": {"one", "two/3"}}, Body: []byte("hello")}
	for _, c := range []struct {
		mark Mark
		want bool
	}{
		{Mark{Status: 200}, true},
		{Mark{Status: 404}, false},
		{Mark{Header: map[string]string{"server": "two"}}, true},
		{Mark{Header: map[string]string{"Server": ""}}, true},
		{Mark{Header: map[string]string{"Server": "three"}}, false},
		{Mark{Header: map[string]string{"X-Other": ""}}, false},
		{Mark{Body: "ell"}, true},
		{Mark{Body: "Ell"}, false},
		{Mark{Status: 200, Header: map[string]string{"Server": "one"}, Body: "bye"}, false},
	} {
		if got := c.mark.Holds(a); got != c.want {
			t.Errorf("%+v: %v", c.mark, got)
		}
	}
}

func TestGenericIsNeverRecognised(t *testing.T) {
	if n := len(known(t, Generic).Recognise); n > 0 {
		t.Errorf("%d marks", n)
	}
	for _, name := range Names() {
		if name != Generic && len(known(t, name).Recognise) == 0 {
			t.Errorf("%s has no marks", name)
		}
	}
}

// What Chainlit 2.11.1 answered, with its callback and without.
func TestAnAppThatTakesNobodyFromTheGatewayIsTold(t *testing.T) {
	takes := known(t, "chainlit").At("/below").Takes
	for body, want := range map[string]bool{
		`{"requireLogin":true,"passwordAuth":false,"headerAuth":true,"oauthProviders":[]}`:  false,
		`{"requireLogin":null,"passwordAuth":false,"headerAuth":false,"oauthProviders":[]}`: true,
		`{"requireLogin":true,"passwordAuth":true,"headerAuth":false,"oauthProviders":[]}`:  true,
		`<!doctype html>`: true,
	} {
		_, missing := takes.Missing(func(path string) (Seen, bool) {
			if path != "/below/auth/config" {
				t.Errorf("asked for %s", path)
			}
			return Seen{Status: 200, Body: []byte(body)}, true
		})
		if missing != want {
			t.Errorf("%s: %v", body, missing)
		}
	}
	if _, missing := takes.Missing(func(string) (Seen, bool) { return Seen{}, false }); missing {
		t.Error("an app that does not answer is accused")
	}
	if takes.Lacks == "" {
		t.Error("what is missing is not said")
	}
	if _, missing := known(t, Generic).Takes.Missing(func(string) (Seen, bool) { return Seen{}, true }); missing {
		t.Error("something is assumed of an app that nobody knows")
	}
}
