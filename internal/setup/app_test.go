package setup

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestAnAppIsFoundByItsAddressAndToldByItsMarks(t *testing.T) {
	chainlit := func(w *web, at string) {
		w.say(at, "/", Answer{Status: 200, Body: []byte("<!doctype html>")})
		w.say(at, "/auth/config", Answer{Status: 200, Body: []byte(`{"requireLogin":true}`)})
	}
	hub := func(w *web, at, base string) {
		w.say(at, base+"/", Answer{Status: 302})
		w.say(at, base+"/hub/api", Answer{Status: 200, Header: http.Header{"X-Jupyterhub-Version": {"5.5.1"}}})
	}
	for _, c := range []struct {
		name, given, preset    string
		set                    func(*web)
		upstream, base, chosen string
		answers                bool
		note                   string
	}{
		{name: "an address", given: "http://127.0.0.1:8000", set: func(w *web) { chainlit(w, "http://127.0.0.1:8000") }, upstream: "http://127.0.0.1:8000", chosen: "chainlit", answers: true},
		{name: "no scheme", given: "localhost:8000", set: func(w *web) { chainlit(w, "http://localhost:8000") }, upstream: "http://localhost:8000", chosen: "chainlit", answers: true},
		{name: "https for http", given: "https://127.0.0.1:8000", set: func(w *web) { chainlit(w, "http://127.0.0.1:8000") }, upstream: "http://127.0.0.1:8000", chosen: "chainlit", answers: true, note: "speaks http"},
		{name: "every address", given: "0.0.0.0:8000", set: func(w *web) { chainlit(w, "http://127.0.0.1:8000") }, upstream: "http://127.0.0.1:8000", chosen: "chainlit", answers: true, note: "every address"},
		{name: "every address of IPv6", given: "[::]:8000", set: func(w *web) { chainlit(w, "http://[::1]:8000") }, upstream: "http://[::1]:8000", chosen: "chainlit", answers: true, note: "every address"},
		{name: "below a path", given: "http://127.0.0.1:8000/lab/", set: func(w *web) { hub(w, "http://127.0.0.1:8000", "/lab") }, upstream: "http://127.0.0.1:8000", base: "/lab", chosen: "jupyterhub", answers: true},
		{name: "one of its pages", given: "http://127.0.0.1:8000/hub/login?next=/", set: func(w *web) {
			hub(w, "http://127.0.0.1:8000", "")
			w.say("http://127.0.0.1:8000", "/hub/login/", Answer{Status: 404})
		}, upstream: "http://127.0.0.1:8000", chosen: "jupyterhub", answers: true, note: "at the root"},
		{name: "nobody known", given: "http://127.0.0.1:9", set: func(w *web) { w.say("http://127.0.0.1:9", "/", Answer{Status: 200}) }, upstream: "http://127.0.0.1:9", chosen: "generic", answers: true},
		{name: "not running", given: "http://127.0.0.1:9", set: func(*web) {}, upstream: "http://127.0.0.1:9", chosen: "generic"},
		{name: "not running, as said", given: "http://127.0.0.1:9", preset: "zipline", set: func(*web) {}, upstream: "http://127.0.0.1:9", chosen: "zipline"},
		{name: "a socket", given: "unix:/run/app.sock", set: func(w *web) { chainlit(w, "http://localhost") }, upstream: "unix:/run/app.sock", chosen: "chainlit", answers: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWeb()
			c.set(w)
			a, err := w.search().App(t.Context(), c.given, c.preset)
			if err != nil {
				t.Fatal(err)
			}
			if a.Upstream != c.upstream || a.Base != c.base || a.Preset.Name != c.chosen || a.Answers != c.answers {
				t.Errorf("%s %q %s %v", a.Upstream, a.Base, a.Preset.Name, a.Answers)
			}
			if a.Recognised != (c.chosen != "generic" && c.preset == "") {
				t.Errorf("recognised: %v", a.Recognised)
			}
			if !strings.Contains(strings.Join(a.Notes, " "), c.note) {
				t.Errorf("notes %v, want …%s…", a.Notes, c.note)
			}
		})
	}
}

func TestWhatIsNoAppsAddressIsRefused(t *testing.T) {
	for _, given := range []string{"", "unix:", "ftp://x", "http://user@host", "http://h/a%2fb", "h2c://127.0.0.1:1"} {
		if _, err := newWeb().search().App(t.Context(), given, ""); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", given, err)
		}
	}
	if _, err := newWeb().search().App(t.Context(), "http://127.0.0.1:1", "chainlid"); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), `"chainlit"`) {
		t.Error(err)
	}
}
