package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cardea-auth/cardea/internal/pages"
)

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return w
}

func TestTheGalleryShowsEveryExampleInBothLanguagesAndNoneMovesOn(t *testing.T) {
	h, err := gallery()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := json.Unmarshal(get(t, h, "/names").Body.Bytes(), &names); err != nil || len(names) != len(pages.Examples())+1 {
		t.Fatalf("%d names: %v", len(names), err)
	}
	moving := 0
	for _, e := range pages.Examples() {
		p, err := pages.New(pages.Options{PublicURL: "https://auth.acme.example"})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		e.Write(p, w, httptest.NewRequest("GET", "/", nil))
		if strings.Contains(w.Body.String(), `http-equiv="refresh"`) {
			moving++
		}
	}
	if moving == 0 {
		t.Error("no example moves on: the check below checks nothing")
	}
	for _, name := range names {
		for lang, tag := range map[string]string{"en": `<html lang="en">`, "zh": `<html lang="zh-Hans">`} {
			w := get(t, h, "/"+name+"?lang="+lang)
			body := w.Body.String()
			if !strings.Contains(body, tag) || strings.Contains(body, `http-equiv="refresh"`) || w.Header().Get("Content-Security-Policy") == "" {
				t.Errorf("%s in %s: %d %.80s", name, lang, w.Code, body)
			}
		}
	}
	if w := get(t, h, "/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("a name that is none: %d", w.Code)
	}
}

func TestTheGalleryIsOnLoopbackAlone(t *testing.T) {
	if err := serve("0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("%v", err)
	}
}
