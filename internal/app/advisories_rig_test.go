package app

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/session"
)

// remade is a world whose configuration is written once its addresses are known.
func remade(t *testing.T, o devprovider.Options, extra func(*world) string) *world {
	t.Helper()
	w := newWorld(t, o, "")
	w.stop()
	w.extra = extra(w)
	w.start()
	return w
}

// oneApp is a configuration with one app and more of its fields.
func oneApp(more string) func(*world) string {
	return func(w *world) string {
		return fmt.Sprintf("apps: [{id: sample, url: %q, upstream: %q, %s}]\n", w.url, w.upstream.URL, more)
	}
}

// raw sends bytes on a connection of their own and returns all that comes back.
func (w *world) raw(text string) string {
	w.t.Helper()
	c, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		return ""
	}
	answer, _ := io.ReadAll(io.LimitReader(c, 4<<20)) // a cut connection is an answer too
	return string(answer)
}

// get is a request by hand: a target as it stands, and further header lines.
func (w *world) get(target, lines string) string {
	return w.raw("GET " + target + " HTTP/1.1\r\nHost: " + strings.TrimPrefix(w.url, "http://") + "\r\nConnection: close\r\n" + lines + "\r\n")
}

func succeeded(answer string) bool { return strings.HasPrefix(answer, "HTTP/1.1 2") }

func cookiesOf(b *browser) map[string]string {
	u, _ := url.Parse(b.w.url)
	all := map[string]string{}
	for _, c := range b.jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}

func seatName(b *browser) string { return "cardea-" + b.w.url[strings.LastIndexByte(b.w.url, ':')+1:] }

// sessions are the live ones in the store, with their tokens.
func (w *world) sessions() []*session.Session {
	w.t.Helper()
	list, err := w.gateway.app.storage.store.List(w.t.Context(), session.Filter{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}
