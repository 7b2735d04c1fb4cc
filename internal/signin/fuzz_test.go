package signin

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/oidc"
)

func FuzzForgedCallbacksOpenNothing(f *testing.F) {
	f.Add("state=a&code=b")
	f.Add("state=a&state=b&code=c")
	f.Add("error=access_denied&state=%00")
	f.Add("code=" + "x" + "&iss=y&state=AAAA")
	f.Fuzz(func(t *testing.T, raw string) {
		q, _ := url.ParseQuery(raw)
		w := newWorld(t)
		_, err := w.Finish(t.Context(), w.now, w.callback(newBrowser(), q))
		if !errors.Is(err, ErrAttempt) || len(w.store.sessions) != 0 || w.store.writes != 0 {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

func FuzzSealedPlaintextsDecodeToWhatTheyEncode(f *testing.F) {
	a := newAttempt(start, bindingHash{1}, Start{Target: Target{Origin: gateway, Path: "/x"}, Fresh: true, Session: "abc"})
	f.Add(a.encode())
	a.demand(time.Hour)
	f.Add(a.encode())
	a.classes = "gold urn:x:platinum"
	f.Add(a.encode())
	f.Add([]byte{})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		a, err := decodeAttempt(&reader{b: plaintext})
		if err != nil {
			if !errors.Is(err, ErrAttempt) {
				t.Error(err)
			}
			return
		}
		again, err := decodeAttempt(&reader{b: a.encode()})
		if err != nil || again != a {
			t.Errorf("%+v became %+v: %v", a, again, err)
		}
	})
}

func FuzzErrorCodesAreFitForLogs(f *testing.F) {
	f.Add("access_denied")
	f.Add("a\nb")
	f.Fuzz(func(t *testing.T, raw string) {
		code := (&oidc.Error{Code: plainErrorCode(raw)}).Code
		if code == "" || len(code) > maxErrorCode {
			t.Errorf("%q", code)
		}
		for _, r := range code {
			if r <= ' ' || r > '~' || r == '"' || r == '<' {
				t.Errorf("%q", code)
			}
		}
	})
}
