package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

// noisy is a PNG of about that many bytes.
func noisy(t *testing.T, size int) []byte {
	t.Helper()
	side := 1
	for side*side*3 < size {
		side++
	}
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	seed := uint32(7)
	for y := range side {
		for x := range side {
			seed = seed*1664525 + 1013904223
			img.SetNRGBA(x, y, color.NRGBA{byte(seed >> 24), byte(seed >> 16), byte(seed >> 8), 0xff})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func inDataURL(media string, raw []byte) string {
	return "data:" + media + ";base64," + base64.StdEncoding.EncodeToString(raw)
}

// gallery is a server of pictures on this machine, good ones and others.
func gallery(t *testing.T) *httptest.Server {
	t.Helper()
	good, hold := noisy(t, 30<<10), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("%s was sent a credential", r.URL)
		}
		switch r.URL.Path {
		case "/good":
			_, _ = rw.Write(good)
		case "/large":
			_, _ = rw.Write(make([]byte, 10<<20))
		case "/svg":
			rw.Header().Set("Content-Type", "image/png")
			_, _ = rw.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`))
		case "/cut":
			_, _ = rw.Write(good[:len(good)/2])
		case "/inside":
			http.Redirect(rw, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
		case "/loop":
			http.Redirect(rw, r, "/loop", http.StatusFound)
		case "/slow":
			rw.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(rw).Flush()
			select {
			case <-r.Context().Done():
			case <-hold:
			}
		default:
			http.NotFound(rw, r)
		}
	}))
	t.Cleanup(func() { close(hold); s.Close() })
	return s
}

func TestZ2_NoPictureChangesASignIn(t *testing.T) {
	pictures := gallery(t)
	people := []struct {
		name, picture, source, failure string
	}{
		{"none", "", "", ""},
		{"good", pictures.URL + "/good", account.PictureProvider, ""},
		{"datasvg", inDataURL("image/svg+xml", []byte("<svg onload=alert(1)/>")), "", "not a picture"},
		{"databroken", "data:image/png;base64,*", "", "not a picture"},
		{"ten", pictures.URL + "/large", "", "too many bytes"},
		{"svg", pictures.URL + "/svg", "", "not a picture"},
		{"cut", pictures.URL + "/cut", "", "not a picture"},
		{"inside", pictures.URL + "/inside", "", "plain http"},
		{"loop", pictures.URL + "/loop", "", "redirects"},
		{"missing", pictures.URL + "/missing", "", "404"},
		{"metadata", "https://169.254.169.254/latest/meta-data/", "", "inside a network"},
		{"refused", "https://127.0.0.1:1/x.png", "", "connection failed"},
		{"scheme", "javascript:alert(1)", "", ""},
		{"data", inDataURL("image/png", noisy(t, 300<<10)), account.PictureProvider, ""},
		// 3.7 MB of ID token, which every look at all sessions reads from here on.
		{"datalarge", inDataURL("image/png", noisy(t, 2100<<10)), "", "too many bytes"},
		{"slow", pictures.URL + "/slow", "", ""},
	}
	var cast []devprovider.Person
	for _, p := range people {
		cast = append(cast, devprovider.Person{Username: p.name, Password: "pw", Name: "Person " + p.name, Email: p.name + "@example.com", Picture: p.picture})
	}
	w := newWorld(t, devprovider.Options{People: cast}, "")
	for _, p := range people {
		b := w.browser(p.name, "pw")
		got := b.visit("/")
		if got.status != http.StatusOK || !strings.Contains(got.body, p.name) {
			t.Fatalf("%s: %d at %s\n%.300s", p.name, got.status, got.url, got.body)
		}
		for _, c := range got.header.Values("Set-Cookie") {
			if len(c) > 4<<10 {
				t.Errorf("%s: a cookie of %d bytes", p.name, len(c))
			}
		}
		if again := b.visit("/"); again.status != http.StatusOK || again.url != w.url+"/" {
			t.Errorf("%s: reloading ended at %s", p.name, again.url)
		}
		w.showsNoData(b, p.name)
		if p.name == "slow" {
			continue
		}
		w.settles(b, p.name, p.source, p.failure)
	}
}

// showsNoData demands that no data: picture is where the session is told or kept.
func (w *world) showsNoData(b *browser, name string) {
	w.t.Helper()
	told := b.fetch("/.cardea/session")
	if told.status != http.StatusOK || strings.Contains(told.body, "data:") || len(told.body) > 4<<10 {
		w.t.Errorf("%s: %d %.300s", name, told.status, told.body)
	}
	list, err := w.gateway.app.storage.store.List(w.t.Context(), session.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range list {
		s.Grant.Tokens.IDToken, s.Grant.Tokens.AccessToken = "", "" // the provider's own, signed as a whole
		if text, err := json.Marshal(s); err != nil || bytes.Contains(text, []byte("data:")) || len(text) > 16<<10 {
			w.t.Errorf("%s: a session of %d bytes, %v", name, len(text), err)
		}
	}
}

// settles waits for what becomes of a person's picture.
func (w *world) settles(b *browser, name, source, failure string) {
	w.t.Helper()
	var about struct{ Account, Picture string }
	if err := json.Unmarshal([]byte(b.fetch("/.cardea/session").body), &about); err != nil {
		w.t.Fatal(err)
	}
	pictures := w.gateway.app.avatars
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		_, got, err := pictures.Of(w.t.Context(), about.Account)
		try, terr := pictures.LastTry(w.t.Context(), about.Account)
		if err != nil || terr != nil {
			w.t.Fatal(err, terr)
		}
		if got == source && (failure == "" || strings.Contains(try.Error, failure)) {
			break
		}
		if time.Now().After(deadline) {
			w.t.Errorf("%s: shown is %q, the last attempt was %+v; want %q and %q", name, got, try, source, failure)
			return
		}
	}
	own := b.visit("/.cardea/avatar")
	media := own.header.Get("Content-Type")
	if own.status != http.StatusOK || (source == "") != (media == "image/svg+xml") || own.header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
		w.t.Errorf("%s: %d %s at %s", name, own.status, media, own.url)
	}
}

func TestAPictureIsKeptOverARestartAndGoesWithItsPerson(t *testing.T) {
	pictures := gallery(t)
	w := newWorld(t, devprovider.Options{People: []devprovider.Person{{Username: "ann", Password: "pw", Name: "Ann", Picture: pictures.URL + "/good"}}}, "")
	b := w.browser("ann", "pw")
	b.visit("/")
	w.settles(b, "ann", account.PictureProvider, "")
	before := b.visit("/.cardea/avatar")
	w.stop()
	w.start()
	after := b.visit("/.cardea/avatar")
	if after.url != before.url || after.body != before.body {
		t.Errorf("%s, %s", before.url, after.url)
	}
	if stranger := w.browser("", "").fetch(strings.TrimPrefix(after.url, w.url)); stranger.status != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", stranger.status)
	}
	list, err := w.gateway.app.storage.store.ListAccounts(t.Context(), account.Filter{})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if _, err := w.gateway.app.people.Delete(t.Context(), list[0].ID, "test"); err != nil {
		t.Fatal(err)
	}
	hash := after.url[strings.LastIndexByte(after.url, '/')+1:]
	if p, err := w.gateway.app.avatars.ByHash(t.Context(), hash); err == nil {
		t.Errorf("the picture outlives the person: %s", p.Hash)
	}
}
