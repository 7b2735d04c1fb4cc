package web

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/session"
)

// fakeAvatars knows one picture, and whose it is.
type fakeAvatars struct {
	of      string
	picture account.Picture
	err     error
}

func (f fakeAvatars) Of(_ context.Context, id string) (hash, source string, err error) {
	if id != f.of {
		return "", "", f.err
	}
	return f.picture.Hash, account.PictureUpload, f.err
}

func (f fakeAvatars) ByHash(_ context.Context, hash string) (account.Picture, error) {
	if f.err != nil {
		return account.Picture{}, f.err
	}
	if hash != f.picture.Hash {
		return account.Picture{}, session.ErrNotFound
	}
	return f.picture, nil
}

func pictured(f fakeAvatars) func(*Options) { return func(o *Options) { o.Avatars = f } }

var face1 = fakeAvatars{of: "acc", picture: account.Picture{Hash: strings.Repeat("h", 43), Type: "image/jpeg", Bytes: []byte("\xff\xd8\xff of ada")}}

func TestAPictureIsServedSoThatNothingInItCanAct(t *testing.T) {
	f := newFace(t, pictured(face1))
	for _, origin := range []string{"https://app.example", "https://gate.example"} {
		own := f.ask("GET", origin+"/.cardea/avatar", script(seat(seatLive)...)...)
		if own.Code != 302 || own.Header().Get("Location") != "/.cardea/avatar/"+face1.picture.Hash || own.Header().Get("Cache-Control") != "private, no-cache" {
			t.Errorf("%d %v", own.Code, own.Header())
		}
		w := f.ask("GET", origin+own.Header().Get("Location"), script(seat(seatLive)...)...)
		for name, want := range map[string]string{
			"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "private, max-age=31536000, immutable",
			"Content-Disposition": `inline; filename="avatar.jpg"`, "Content-Length": strconv.Itoa(len(face1.picture.Bytes)),
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if w.Code != 200 || w.Body.String() != string(face1.picture.Bytes) {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	}
	head := f.ask("HEAD", "https://app.example/.cardea/avatar/"+face1.picture.Hash, script(seat(seatLive)...)...)
	if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Length") != strconv.Itoa(len(face1.picture.Bytes)) {
		t.Errorf("%d %v", head.Code, head.Header())
	}
	for _, q := range f.guard.asked {
		if q.Active {
			t.Error("a picture counts as activity")
		}
	}
}

func TestAPictureIsForThoseWhoAreSignedInAndNothingElseIsThere(t *testing.T) {
	hash := "/.cardea/avatar/" + face1.picture.Hash
	for _, tc := range []struct {
		method, path, seat string
		err                error
		want               int
	}{
		{"GET", "/.cardea/avatar", "", nil, 401}, {"GET", hash, "", nil, 401}, {"GET", hash, seatEnded, nil, 401}, {"GET", hash, seatDown, nil, 503},
		{"GET", "/.cardea/avatar", seatExpired, nil, 401}, {"POST", hash, seatLive, nil, 405}, {"PUT", "/.cardea/avatar", seatLive, nil, 405},
		{"DELETE", "/.cardea/avatar", seatLive, nil, 405}, {"GET", "/.cardea/avatar/", seatLive, nil, 404}, {"GET", "/.cardea/avatar/x", seatLive, nil, 404},
		{"GET", hash + "/x", seatLive, nil, 404}, {"GET", "/.cardea/avatar/%2e%2e", seatLive, nil, 404}, {"GET", hash, seatLive, errStore, 503},
		{"GET", "/.cardea/avatar", seatLive, errStore, 200}, // an initial needs no store
		{"GET", hash, seatLive, fmt.Errorf("broken"), 500},
	} {
		given := face1
		given.err = tc.err
		f := newFace(t, pictured(given))
		headers := script()
		if tc.seat != "" {
			headers = script(seat(tc.seat)...)
		}
		if w := f.ask(tc.method, "https://app.example"+tc.path, headers...); w.Code != tc.want {
			t.Errorf("%s %s as %q: %d, want %d", tc.method, tc.path, tc.seat, w.Code, tc.want)
		}
	}
}

func TestTheSessionTellsThePathOfAPictureAndNoOther(t *testing.T) {
	for want, given := range map[string]fakeAvatars{
		"/.cardea/avatar/" + face1.picture.Hash: face1, "": {of: "somebody else", picture: face1.picture},
	} {
		f := newFace(t, pictured(given))
		w := f.ask("GET", "https://app.example/.cardea/session", script(seat(seatLive)...)...)
		var got struct{ Picture *string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if want == "" != (got.Picture == nil) || got.Picture != nil && *got.Picture != want {
			t.Errorf("%s", w.Body)
		}
	}
	broken := face1
	broken.err = errStore
	f := newFace(t, pictured(broken))
	if w := f.ask("GET", "https://app.example/.cardea/session", script(seat(seatLive)...)...); w.Code != 200 || strings.Contains(w.Body.String(), "picture") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhoeverHasNoPictureIsTheirInitial(t *testing.T) {
	f := newFace(t)
	w := f.ask("GET", "https://app.example/.cardea/avatar", script(seat(seatLive)...)...)
	h := w.Header()
	if w.Code != 200 || h.Get("Content-Type") != "image/svg+xml" || h.Get("Cache-Control") != "private, no-cache" ||
		h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Body.String(), ">A</text>") {
		t.Errorf("%d %v %s", w.Code, h, w.Body)
	}
	if again := f.ask("GET", "https://gate.example/.cardea/avatar", script(seat(seatLive)...)...); again.Body.String() != w.Body.String() {
		t.Error("another picture of the same account")
	}
}

func TestAnInitialIsOneCharacterOfAnyName(t *testing.T) {
	for name, want := range map[string]string{
		"ada": "A", "Ärger": "Ä", "éa": "É", "e\u0301a": "E", "ßen": "ß", "李雷": "李", "かな": "か", "한글": "한", "אבג": "א", "شمس": "ش", "नमस्ते": "न", "  bob": "B",
		"\u202egnp.exe": "G", "\u200f\u2067x": "X", "\u0301\u0302": "?", "\u200d": "?", "": "?", "<script>": "S", "&amp;": "A", "\"'>": ">", "7up": "7",
		"👩‍👩‍👧 family": "F", "🙂": "🙂", "👩‍👩‍👧": "👩", "🏳️‍🌈": "🏳", "\xff\xfe": "?", "\x00\x1b": "?", "!?.": "?", "𝒜da": "𝒜", "ǆ": "Ǆ", "<<<": "<",
		strings.Repeat("\u0300", 64<<10) + "z": "Z",
	} {
		if got := firstLetter(name); got != want || utf8.RuneCountInString(got) != 1 {
			t.Errorf("%.20q: %q, want %q", name, got, want)
		}
	}
	if got := firstLetter("", "🙂", "ann"); got != "A" {
		t.Errorf("%q", got)
	}
}

func FuzzInitial(f *testing.F) {
	for _, s := range []string{"ada", "<svg onload=x>", "\u202e\u0301", "🏳️‍🌈", "\xff", "&#0;", "]]>"} {
		f.Add(s, "acc")
	}
	f.Fuzz(func(t *testing.T, name, id string) {
		svg := initial(id, name, name)
		d := xml.NewDecoder(strings.NewReader(string(svg)))
		var elements []string
		for {
			token, err := d.Token()
			if token == nil {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", svg, err)
			}
			if e, ok := token.(xml.StartElement); ok {
				elements = append(elements, e.Name.Local)
			}
		}
		if strings.Join(elements, " ") != "svg rect text" || len(svg) > 1000 {
			t.Errorf("%q", svg)
		}
	})
}

// luminance is WCAG's relative luminance of #rrggbb.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func TestAnInitialCanBeReadOnEveryColour(t *testing.T) {
	used := map[string]bool{}
	for _, colour := range backgrounds {
		if ratio := 1.05 / (luminance(t, colour) + 0.05); ratio < 4.5 {
			t.Errorf("white on %s: %.2f", colour, ratio)
		}
	}
	for i := range 1000 {
		svg := string(initial(fmt.Sprint(i), "x"))
		for _, colour := range backgrounds {
			if strings.Contains(svg, colour) {
				used[colour] = true
			}
		}
	}
	if len(used) != len(backgrounds) {
		t.Errorf("%d of %d colours are used", len(used), len(backgrounds))
	}
}
