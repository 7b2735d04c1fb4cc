package acceptance

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// square is a picture of one colour.
func square(side int, c color.Color) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		m.Set(i%side, i/side, c)
	}
	var out bytes.Buffer
	_ = png.Encode(&out, m)
	return out.Bytes()
}

// bomb is a small file that says it is a picture of a side, and is empty inside.
func bomb(side uint32) []byte {
	var header [13]byte
	binary.BigEndian.PutUint32(header[:], side)
	binary.BigEndian.PutUint32(header[4:], side)
	header[8], header[9] = 8, 2
	var data bytes.Buffer
	z := zlib.NewWriter(&data)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	out := []byte("\x89PNG\r\n\x1a\n")
	for _, chunk := range []struct {
		kind string
		data []byte
	}{{"IHDR", header[:]}, {"IDAT", data.Bytes()}, {"IEND", nil}} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(chunk.data)))
		body := append([]byte(chunk.kind), chunk.data...)
		out = append(out, body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	}
	return out
}

// hostilePictures is what a picture's address may lead to.
func hostilePictures() map[string]http.HandlerFunc {
	serve := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		}
	}
	red := square(64, color.NRGBA{200, 0, 0, 255})
	return map[string]http.HandlerFunc{
		"/10-MB":     serve("image/png", append(red, make([]byte, 10<<20)...)),
		"/bomb":      serve("image/png", bomb(50_000)),
		"/polyglot":  serve("image/png", append([]byte("<html><script>alert(1)</script>"), red...)),
		"/svg":       serve("image/svg+xml", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)),
		"/truncated": serve("image/png", red[:len(red)/2]),
		"/page":      serve("text/html", []byte("<h1>no picture</h1>")),
		"/missing":   http.NotFound,
		"/to-internal": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		},
		"/round": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) },
		"/slow": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			for i := range red {
				if _, err := w.Write(red[i : i+1]); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(300 * time.Millisecond):
				}
			}
		},
	}
}

// TestAvatars_Z2_NoPictureDisturbsASignIn: pictures from claims, each of another kind of
// bad, and a good one.
func TestAvatars_Z2_NoPictureDisturbsASignIn(t *testing.T) {
	mux := http.NewServeMux()
	for path, serve := range hostilePictures() {
		mux.HandleFunc(path, serve)
	}
	good := square(300, color.NRGBA{0, 120, 0, 255})
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) })
	pictures := httptest.NewServer(mux)
	t.Cleanup(pictures.Close)

	cases := map[string]string{"data-300-kB": "data:image/png;base64," + strings.Repeat("iVBORw0K", 300<<10/8), "script": "javascript:alert(1)", "file": "file:///etc/passwd"}
	for path := range hostilePictures() {
		cases[path[1:]] = pictures.URL + path
	}
	for name, address := range cases {
		t.Run(name, func(t *testing.T) {
			w := newTwofold(t, object{"picture": address})
			began := time.Now()
			alice := w.byOther(t, "alice")
			demandWithin(t, "the sign-in was done", began, time.Now(), 5*time.Second)
			w.demandSmallCookies(t, alice)
			if w.user(t, alice) != "alice" {
				t.Error("the session does not survive a reload of the page")
			}
			picture := alice.Resource(t, w.URL+"/.cardea/avatar")
			if picture.Status != http.StatusOK && picture.Status != http.StatusFound {
				t.Errorf("the picture: %s", picture)
			}
			if w.accountPage(t, alice).Status != http.StatusOK {
				t.Error("no account page")
			}
		})
	}

	w := newTwofold(t, object{"picture": pictures.URL + "/good"})
	alice := w.byOther(t, "alice")
	harness.Eventually(t, patient, "the good picture", func() bool {
		page := alice.Open(t, w.URL+"/.cardea/avatar")
		return strings.HasPrefix(page.Header.Get("Content-Type"), "image/") && !strings.Contains(page.Header.Get("Content-Type"), "svg")
	})
}

// demandSmallCookies fails when a cookie weighs more than browsers keep.
func (w *world) demandSmallCookies(t *testing.T, p *harness.Person) {
	t.Helper()
	at, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Jar.Cookies(at) {
		if len(c.Name)+len(c.Value) > 4096 {
			t.Errorf("the cookie %s has %d bytes", c.Name, len(c.Value))
		}
	}
}

// TestAvatars_UploadOnThePage: in Chromium, without a script's help.
func TestAvatars_UploadOnThePage(t *testing.T) {
	w := newWorld(t)
	tab := chromium.Person(t)
	tab.Go(w.URL + "/")
	tab.Password("alice")
	tab.Wait("#who")
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		data []byte
		ok   bool
	}{
		"a good one.png": {square(500, color.NRGBA{0, 0, 200, 255}), true},
		"bomb.png":       {bomb(50_000), false},
		"10 MB.png":      {append(square(10, color.Black), make([]byte, 10<<20)...), false},
		"script.svg":     {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), false},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, tc.data, 0o600); err != nil {
			t.Fatal(err)
		}
		tab.Go(w.URL + "/.cardea/account")
		form := `form[action$="/account/avatar"]`
		tab.Upload(form+` input[type=file]`, file)
		tab.Click(form + ` button`)
		tab.Until(patient, "an answer to "+name, func() bool {
			return strings.Contains(tab.URL(), "done=") || strings.Contains(tab.URL(), "/account/avatar") && tab.Has("h1")
		})
		if got := strings.HasSuffix(tab.URL(), "done=picture"); got != tc.ok {
			t.Errorf("%s: at %s: %s", name, tab.URL(), tab.Text())
		}
	}
	tab.Go(w.URL + "/.cardea/account")
	if !tab.Has(`img[src*="/.cardea/avatar/"]`) {
		t.Errorf("the page does not show the picture: %s", tab.Text())
	}
	if _, err := w.Command("accounts", "show", "alice"); err != nil {
		t.Error(err)
	}
}
