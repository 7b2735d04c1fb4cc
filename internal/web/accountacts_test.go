package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
	"github.com/cardea-auth/cardea/internal/guard"
	"github.com/cardea-auth/cardea/internal/oidc"
	"github.com/cardea-auth/cardea/internal/session"
	"github.com/cardea-auth/cardea/internal/signout"
)

func TestHostileFormsGetAClearPageAndDoNothing(t *testing.T) {
	const urlencoded = "application/x-www-form-urlencoded"
	good := func(m *mine) url.Values {
		return url.Values{"token": {m.token("unlink", account.KeyOf(secondIdentity))}, "identity": {account.KeyOf(secondIdentity)}}
	}
	with := func(change func(m *mine, v url.Values)) func(m *mine) string {
		return func(m *mine) string {
			v := good(m)
			change(m, v)
			return v.Encode()
		}
	}
	plain := with(func(*mine, url.Values) {})
	for name, c := range map[string]struct {
		origin, media string
		body          func(m *mine) string
		status        int
		says          string
	}{
		"from another site":        {"https://evil.example", urlencoded, plain, 403, "did not come from a page"},
		"from an app's origin":     {"https://app.example", urlencoded, plain, 403, "did not come from a page"},
		"from http":                {"http://gate.example", urlencoded, plain, 403, "did not come from a page"},
		"without an origin":        {"", urlencoded, plain, 403, "did not come from a page"},
		"with no origin to tell":   {"null", urlencoded, plain, 403, "did not come from a page"},
		"without a token":          {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Del("token") }), 403, "Nothing was changed"},
		"with an empty token":      {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Set("token", "") }), 403, "Nothing was changed"},
		"with a made-up token":     {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Set("token", strings.Repeat("A", 54)) }), 403, "Nothing was changed"},
		"with a token of 12 kB":    {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Set("token", strings.Repeat("A", 12<<10)) }), 403, "Nothing was changed"},
		"with two tokens":          {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Add("token", v.Get("token")) }), 403, "Nothing was changed"},
		"with two objects":         {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Add("identity", account.KeyOf(mainIdentity)) }), 403, "Nothing was changed"},
		"with another object":      {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Set("identity", account.KeyOf(mainIdentity)) }), 403, "Nothing was changed"},
		"with another act's token": {gate, urlencoded, with(func(m *mine, v url.Values) { v.Set("token", m.token("link", account.KeyOf(secondIdentity))) }), 403, "Nothing was changed"},
		"with another session's": {gate, urlencoded, with(func(m *mine, v url.Values) {
			v.Set("token", m.forms().token(now, "phone", "unlink", account.KeyOf(secondIdentity)))
		}), 403, "Nothing was changed"},
		"with another key's": {gate, urlencoded, with(func(_ *mine, v url.Values) {
			v.Set("token", forms{bytes.Repeat([]byte("x"), 32)}.token(now, "live", "unlink", account.KeyOf(secondIdentity)))
		}), 403, "Nothing was changed"},
		"13 hours later": {gate, urlencoded, with(func(m *mine, v url.Values) {
			v.Set("token", m.forms().token(now.Add(-13*time.Hour), "live", "unlink", account.KeyOf(secondIdentity)))
		}), 403, "open for too long"},
		"from the future": {gate, urlencoded, with(func(m *mine, v url.Values) {
			v.Set("token", m.forms().token(now.Add(time.Hour), "live", "unlink", account.KeyOf(secondIdentity)))
		}), 403, "Nothing was changed"},
		"in the query":                   {gate, urlencoded, func(*mine) string { return "" }, 403, "Nothing was changed"},
		"as JSON":                        {gate, "application/json", func(*mine) string { return `{"identity":"x"}` }, 415, "malformed"},
		"as plain text":                  {gate, "text/plain", plain, 415, "malformed"},
		"as multipart":                   {gate, "multipart/form-data; boundary=x", plain, 415, "malformed"},
		"of no type":                     {gate, "", plain, 415, "malformed"},
		"that cannot be parsed":          {gate, urlencoded, func(*mine) string { return "token=%zz" }, 400, "malformed"},
		"larger than is read":            {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Set("x", strings.Repeat("x", 17<<10)) }), 413, "More was sent"},
		"10 MB":                          {gate, urlencoded, func(*mine) string { return strings.Repeat("a=b&", 10<<18) }, 413, "More was sent"},
		"for a session of nobody":        {gate, urlencoded, with(func(_ *mine, v url.Values) { v.Set("identity", "") }), 403, "Nothing was changed"},
		"with separators in a semicolon": {gate, urlencoded, func(*mine) string { return "token=a;identity=b" }, 400, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMine(t, true)
			target := gate + "/.cardea/account/unlink"
			if name == "in the query" {
				target += "?" + good(m).Encode()
			}
			r := m.request("POST", target, strings.NewReader(c.body(m)), navigation(seat(seatLive)...)...)
			if c.media != "" {
				r.Header.Set("Content-Type", c.media)
			}
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			hasAll(t, m.send(r), c.status, c.says)
			m.untouched()
		})
	}
	m := newMine(t, true)
	if w := m.post("unlink", "identity", account.KeyOf(secondIdentity)); noticed(t, w) != "unlinked" {
		t.Error("the form that all these were made of does nothing either")
	}
	if m.people.unlinkedIn != string(m.live.ID) {
		t.Errorf("the trail is told of the session %q", m.people.unlinkedIn)
	}
}

func TestSignOutThereEndsThatSessionAndNoOther(t *testing.T) {
	m := newMine(t, true)
	if got := noticed(t, m.post("sign-out", "session", "phone")); got != "signed-out" {
		t.Errorf("told %q", got)
	}
	if len(m.signOut.ended) != 1 {
		t.Fatalf("ended %v", m.signOut.ended)
	}
	if r := m.signOut.ended[0]; r.Session != "phone" || r.Cause != session.CauseEverywhere || r.By != "person" || r.Here {
		t.Errorf("%+v", r)
	}
	for of, want := range map[string]int{"stranger": 404, "theirs": 404, "nobody": 404} {
		if w := m.post("sign-out", "session", of); w.Code != want {
			t.Errorf("%s: %d", of, w.Code)
		}
	}
	if got := noticed(t, m.post("sign-out", "session", "gone")); got != "already-signed-out" {
		t.Errorf("told %q", got)
	}
	if len(m.signOut.ended) != 1 {
		t.Errorf("more ended: %v", m.signOut.ended)
	}
	m.signOut.err = signout.ErrNotDurable
	if got := noticed(t, m.post("sign-out", "session", "phone")); got != "not-durable" {
		t.Errorf("told %q", got)
	}
	m.signOut.err = session.ErrUnavailable
	if w := m.post("sign-out", "session", "phone"); w.Code != 503 {
		t.Errorf("with the store down: %d", w.Code)
	}
}

func TestSigningOutThisDeviceIsTheOrdinarySignOut(t *testing.T) {
	m := newMine(t, false)
	m.signOut.call = oidc.BrowserCall{URL: "https://idp.example/logout"}
	hasAll(t, m.post("sign-out", "session", "live"), 200, "https://idp.example/logout")
	if r := m.signOut.ended[0]; r.Session != "live" || r.Cause != session.CauseButton || r.From != gate+"/.cardea/account" {
		t.Errorf("%+v", r)
	}
}

func TestActsThatAnAppAtTheSameOriginCouldForgeWantASignInOfTheLastFiveMinutes(t *testing.T) {
	key := account.KeyOf(secondIdentity)
	acts := []struct{ act, field, of, back string }{
		{"sign-out", "session", "phone", "/.cardea/account?act=sign-out&of=phone"},
		{"unlink", "identity", key, "/.cardea/account?act=unlink&of=" + key},
		{"link", "provider", "second", "/.cardea/account?act=link&of=second"},
		{"sign-out-everywhere", "", "", "/.cardea/account/sign-out-everywhere"},
	}
	for _, a := range acts {
		m := newMine(t, false)
		hasAll(t, m.post(a.act, a.field, a.of), 200, "https://idp.example/authorize?p=main", "and then come back")
		if len(m.signIn.started) != 1 {
			t.Fatalf("%s: %v", a.act, m.signIn.started)
		}
		s := m.signIn.started[0]
		if s.Provider != "main" || s.MaxAge != 5*time.Minute || s.Target.Path != a.back || s.Target.Origin != gate || s.Link != "" || s.Fresh {
			t.Errorf("%s: %+v", a.act, s)
		}
		m.signIn.started = nil
		m.untouched()

		m.signIn.startErr = &oidc.UnreachableError{Err: errors.New("down")}
		if w := m.post(a.act, a.field, a.of); w.Code != 503 {
			t.Errorf("%s with the provider down: %d", a.act, w.Code)
		}

		alone := newMine(t, false, func(o *Options, _ *people) { o.Apps = o.Apps[2:3] })
		alone.post(a.act, a.field, a.of)
		if done := len(alone.signOut.ended) + len(alone.people.unlinked) + len(alone.people.others); done == 0 && (len(alone.signIn.started) != 1 || alone.signIn.started[0].Link != "live") {
			t.Errorf("%s asks for a newer sign-in where no app shares the origin", a.act)
		}
	}
	old := newMine(t, false)
	old.live.AuthTime = now.Add(-5*time.Minute - time.Second)
	old.post("unlink", "identity", key)
	just := newMine(t, false)
	just.live.AuthTime = now.Add(-5 * time.Minute)
	just.post("unlink", "identity", key)
	if len(old.people.unlinked) != 0 || len(just.people.unlinked) == 0 {
		t.Error("five minutes are something else")
	}
	ahead := newMine(t, false) // signed in while the clock was a day ahead
	ahead.live.AuthTime = now.Add(24 * time.Hour)
	ahead.post("unlink", "identity", key)
	if len(ahead.people.unlinked) != 0 {
		t.Error("a clock that was set back makes any sign-in a recent one")
	}
}

func TestLinkingGoesToTheSecondProviderForThisSession(t *testing.T) {
	m := newMine(t, true)
	w := m.post("link", "provider", "second")
	hasAll(t, w, 200, `content="0; url=https://idp.example/authorize?p=second"`)
	if s := m.signIn.started[0]; s.Provider != "second" || s.Link != "live" || s.Target.Path != "/.cardea/account" || len(s.Binding) != 43 {
		t.Errorf("%+v", s)
	}
	if w := m.post("link", "provider", "withdrawn"); w.Code != 404 || len(m.signIn.started) != 1 {
		t.Errorf("an unknown provider: %d", w.Code)
	}
}

func TestUnlinkingSaysWhatItDid(t *testing.T) {
	second, first := account.KeyOf(secondIdentity), account.KeyOf(mainIdentity)
	for name, c := range map[string]struct {
		change func(*Options, *people)
		key    string
		told   string
		acted  bool
	}{
		"another's sessions end":    {nil, second, "unlinked", true},
		"not linked":                {nil, account.KeyOf(oidc.Identity{Issuer: "x", Subject: "y"}), "already-unlinked", false},
		"unlinked meanwhile":        {func(_ *Options, p *people) { p.unlinkErr = account.ErrNotLinked }, second, "already-unlinked", true},
		"the last, by then":         {func(_ *Options, p *people) { p.unlinkErr = account.ErrLast }, second, "last", true},
		"the last":                  {func(_ *Options, p *people) { p.person.Identities = p.person.Identities[:1] }, second, "last", false},
		"the last that can be used": {func(_ *Options, p *people) { p.person.Identities[1].Provider = "withdrawn" }, second, "last", false},
		"one that cannot be used":   {func(_ *Options, p *people) { p.person.Identities[0].Provider = "withdrawn" }, second, "unlinked", true},
		"one of several, none usable": {func(_ *Options, p *people) {
			p.person.Identities[0].Provider, p.person.Identities[1].Provider = "a", "b"
		}, second, "unlinked", true},
		"some of its sessions live yet": {func(_ *Options, p *people) { p.unlinkErr = fmt.Errorf("x: %w", ErrUnfinished) }, second, "unlink-unfinished", true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMine(t, true, func(o *Options, p *people) {
				if c.change != nil {
					c.change(o, p)
				}
			})
			news, stop := m.watch.watch("acc")
			defer stop()
			if got := noticed(t, m.post("unlink", "identity", c.key)); got != c.told {
				t.Errorf("told %q, want %q", got, c.told)
			}
			if acted := len(m.people.unlinked) > 0; acted != c.acted {
				t.Errorf("acted %t", acted)
			}
			if c.acted && (strings.Join(m.people.unlinked, " ") != "acc "+c.key+" person person" || len(news) != 1) {
				t.Errorf("%v, %d told", m.people.unlinked, len(news))
			}
		})
	}
	for _, err := range []error{nil, ErrUnfinished} {
		m := newMine(t, true, func(_ *Options, p *people) { p.unlinkErr = err })
		if u := location(t, m.post("unlink", "identity", first)); u.Path != "/.cardea/signed-out" || u.Query().Get("return") != "/.cardea/account" {
			t.Errorf("unlinking what opened this session leads to %s", u)
		}
	}
	down := newMine(t, true, func(_ *Options, p *people) { p.unlinkErr = session.ErrUnavailable })
	if w := down.post("unlink", "identity", second); w.Code != 503 {
		t.Errorf("with the store down: %d", w.Code)
	}
}

func TestSigningOutEverywhereAsksThenEndsTheOthersAndThenThisOne(t *testing.T) {
	m := newMine(t, true)
	w := m.ask("GET", gate+"/.cardea/account/sign-out-everywhere", within(seat(seatLive)...)...)
	hasAll(t, w, 200, "Sign out everywhere?", "Main", `action="/.cardea/account/sign-out-everywhere"`, `href="/.cardea/account"`)
	if strings.Contains(w.Body.String(), "did not clearly come from you") {
		t.Error("the page doubts the person")
	}
	m.untouched()
	m.signOut.call = oidc.BrowserCall{URL: "https://idp.example/logout"}
	hasAll(t, m.post("sign-out-everywhere", "", ""), 200, "https://idp.example/logout")
	if o := m.people.others; len(o) != 1 || o[0].Cause != session.CauseEverywhere || o[0].By != "person" || m.people.but[0] != "live" || m.people.but[1] != "acc" {
		t.Errorf("%+v %v", o, m.people.but)
	}
	if e := m.signOut.ended; len(e) != 1 || e[0].Session != "live" || e[0].Cause != session.CauseEverywhere || !e[0].Here || e[0].Known == nil || e[0].Others != 2 {
		t.Errorf("%+v", e)
	}

	failing := newMine(t, true, func(_ *Options, p *people) { p.othersErr = session.ErrUnavailable })
	if w := failing.post("sign-out-everywhere", "", ""); w.Code != 503 || len(failing.signOut.ended) != 0 {
		t.Errorf("the others go on, and this one: %d %v", w.Code, failing.signOut.ended)
	}
	later := newMine(t, true, func(_ *Options, p *people) { p.othersErr = signout.ErrNotDurable })
	if w := later.post("sign-out-everywhere", "", ""); w.Code != 200 || len(later.signOut.ended) != 1 {
		t.Errorf("the others are refused in memory: %d", w.Code)
	}
}

// upload is a picture's form; parts are names and contents in turn.
func (m *mine) upload(parts ...string) *httptest.ResponseRecorder {
	m.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		var part io.Writer
		if name, file, ok := strings.Cut(parts[i], "="); ok {
			part, _ = w.CreateFormFile(name, file)
		} else {
			part, _ = w.CreateFormField(parts[i])
		}
		_, _ = io.WriteString(part, parts[i+1])
	}
	_ = w.Close()
	r := m.request("POST", gate+"/.cardea/account/avatar", &b, navigation(seat(seatLive)...)...)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Origin", gate)
	return m.send(r)
}

func TestAPictureIsTakenAfterItsTokenAndWithinBounds(t *testing.T) {
	big := strings.Repeat("P", 33<<20)
	for name, c := range map[string]struct {
		err    error
		parts  func(token string) []string
		status int
		told   string
		read   bool
	}{
		"a picture":            {nil, func(k string) []string { return []string{"token", k, "picture=a.png", "PNG"} }, 303, "picture", true},
		"too many bytes":       {account.ErrPictureTooLarge, func(k string) []string { return []string{"token", k, "picture=a.png", "PNG"} }, 303, "picture-too-large", true},
		"too many pixels":      {account.ErrPictureDimensions, func(k string) []string { return []string{"token", k, "picture=a.png", "PNG"} }, 303, "picture-dimensions", true},
		"no picture":           {account.ErrPictureFormat, func(k string) []string { return []string{"token", k, "picture=a.exe", "MZ"} }, 303, "picture-unfit", true},
		"too busy":             {account.ErrPictureBusy, func(k string) []string { return []string{"token", k, "picture=a.png", "PNG"} }, 303, "picture-busy", true},
		"store down":           {session.ErrUnavailable, func(k string) []string { return []string{"token", k, "picture=a.png", "PNG"} }, 503, "", true},
		"no file":              {nil, func(k string) []string { return []string{"token", k} }, 303, "picture-missing", false},
		"nothing chosen":       {nil, func(k string) []string { return []string{"token", k, "picture=", ""} }, 303, "picture-missing", false},
		"a field, not a file":  {nil, func(k string) []string { return []string{"token", k, "picture", "PNG"} }, 303, "picture-missing", false},
		"another file":         {nil, func(k string) []string { return []string{"token", k, "other=a.png", "PNG"} }, 303, "picture-missing", false},
		"the token last":       {nil, func(k string) []string { return []string{"picture=a.png", "PNG", "token", k} }, 403, "", false},
		"no token":             {nil, func(string) []string { return []string{"picture=a.png", "PNG"} }, 403, "", false},
		"a long token":         {nil, func(k string) []string { return []string{"token", strings.Repeat(k, 1000), "picture=a.png", "PNG"} }, 403, "", false},
		"nothing at all":       {nil, func(string) []string { return nil }, 400, "", false},
		"more than is drained": {nil, func(k string) []string { return []string{"token", k, "picture=a.png", big} }, 413, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMine(t, false, func(_ *Options, p *people) { p.pictErr = c.err })
			w := m.upload(c.parts(m.token("avatar", ""))...)
			if w.Code != c.status {
				t.Fatalf("%d\n%s", w.Code, w.Body)
			}
			if c.told != "" && noticed(t, w) != c.told {
				t.Errorf("told %s", w.Header().Get("Location"))
			}
			if read := len(m.people.pictures) > 0; read != c.read {
				t.Errorf("read %t: %v", read, m.people.pictures)
			}
		})
	}
	m := newMine(t, false)
	w := m.form(gate+"/.cardea/account/avatar", gate, url.Values{"token": {m.token("avatar", "")}}, seat(seatLive)...)
	hasAll(t, w, 415, "Nothing was changed")
	if got := noticed(t, m.post("avatar-remove", "", "")); got != "picture-removed" || m.people.cleared != 1 {
		t.Errorf("told %q, cleared %d", got, m.people.cleared)
	}
	none := newMine(t, false, func(o *Options, _ *people) { o.Account.Pictures = nil })
	if a, b := none.upload("token", none.token("avatar", "")), none.post("avatar-remove", "", ""); a.Code != 404 || b.Code != 404 {
		t.Errorf("without pictures: %d, %d", a.Code, b.Code)
	}
}

// An upload without a length is read no further than the bound.
func TestAnEndlessUploadIsReadNoFurtherThanItsBound(t *testing.T) {
	m := newMine(t, false)
	head := "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n" + m.token("avatar", "") +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a\"\r\n\r\n"
	endless := &counting{r: io.MultiReader(strings.NewReader(head), zeros{})}
	r := m.request("POST", gate+"/.cardea/account/avatar", endless, navigation(seat(seatLive)...)...)
	r.ContentLength = -1
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	r.Header.Set("Origin", gate)
	hasAll(t, m.send(r), 413, "More was sent")
	if endless.n > drained+64<<10 {
		t.Errorf("%d bytes were read", endless.n)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += n
	return n, err
}

func FuzzFormToken(f *testing.F) {
	key := forms{bytes.Repeat([]byte("k"), 32)}
	f.Add(key.token(now, "live", "unlink", "a"), "live", "unlink", "a")
	f.Add(key.token(now, "live", "link", ""), "live", "lin", "k")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, token, id, act, of string) {
		own := key.token(now, session.ID(id), act, of)
		if err := key.check(now, own, session.ID(id), act, of); err != nil {
			t.Errorf("our own token: %v", err)
		}
		if token == own {
			return
		}
		// The seeds apart, nobody can make one.
		if key.check(now, token, session.ID(id), act, of) == nil && !(id == "live" && act == "unlink" && of == "a" || id == "live" && act == "link" && of == "") {
			t.Errorf("%q holds for %q %q %q", token, id, act, of)
		}
	})
}

func TestAPersonsPageNamesWhatItLacks(t *testing.T) {
	f := newFace(t)
	o := f.o
	o.Account = &PersonalPage{}
	if _, err := New(o); err == nil {
		t.Error("a page that lives on nothing was made")
	}
	if v := f.guard.bySeat[seatLive]; v.Outcome != guard.Allow {
		t.Error("the fixture has changed")
	}
}
