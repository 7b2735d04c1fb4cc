package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const (
	appCookies   = 12
	appCookieLen = 1750 // 21 kB in all, as was measured of an app's sign-in cookies
)

// loginPath is answered with the app's cookies.
const loginPath = "/login"

// loginAnswer sets cookies that no script reads.
var loginAnswer = func() []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
	for i := range appCookies {
		fmt.Fprintf(&b, "Set-Cookie: app-%02d=%s; Path=/; HttpOnly\r\n", i, strings.Repeat(string(rune('a'+i)), appCookieLen))
	}
	b.WriteString("\r\n")
	return b.Bytes()
}()

// vaultRow: the gateway keeps 21 kB of an app's cookies and puts them on; through a bare
// reverse proxy the client carries them itself.
func vaultRow(ctx context.Context, l *lab) ([]result, error) {
	p, err := l.startProxies(ctx, connections)
	if err != nil {
		return nil, err
	}
	for _, seat := range p.seats {
		got, err := once(p.gateway, nil, p.world.request(loginPath, seat))
		if err != nil {
			return nil, err
		}
		if bytes.Contains(got.answer, []byte("app-00")) {
			return nil, errors.New("the gateway gave the app's cookies to the client")
		}
	}
	small := p.world.requests("/api/items", p.seats)
	kept, err := once(p.gateway, p.app, small[0])
	if err != nil {
		return nil, err
	}
	head, err := requestHeader(kept.upstream)
	if err != nil {
		return nil, err
	}
	large, err := carrying(small[0], head.Get("Cookie"))
	if err != nil {
		return nil, err
	}
	if err := imitate(wire{sent: large, upstream: kept.upstream, answer: kept.answer}, &p.spec); err != nil {
		return nil, err
	}
	bare, err := l.start(ctx, p.spec)
	if err != nil {
		return nil, err
	}
	carried, err := once(bare, p.app, large)
	if err != nil {
		return nil, err
	}
	if err := kept.same(carried); err != nil {
		return nil, fmt.Errorf("not comparable: %w", err)
	}
	list := []*candidate{
		{name: "bare-proxy-client-carries", server: bare, requests: [][]byte{large}}, {name: "gateway-keeps", server: p.gateway, requests: small},
	}
	if err := compare(ctx, l, list, load{leg: l.o.leg}); err != nil {
		return nil, err
	}
	cpu := list[1].ratio(list[0], figures.cpuRate)
	return []result{{
		what:   fmt.Sprintf("proxied small GET with %d app cookies of %d kB, of a bare ReverseProxy's requests per CPU second", appCookies, appCookies*appCookieLen/1000),
		budget: fmt.Sprintf("≥ %.2f", proxyBudget), measured: cpu.text("%.3f", ""), ok: cpu.median >= proxyBudget,
		notes: []string{
			"bytes on the wire to the app compared before measuring: equal; the bare proxy's client sends the cookies, the gateway's one small one",
			"requests per second: " + list[1].ratio(list[0], figures.rate).text("%.3f", ""), list[0].note(), list[1].note(),
		},
	}}, nil
}

// carrying is a request with another Cookie line.
func carrying(request []byte, cookies string) ([]byte, error) {
	if !strings.Contains(cookies, "app-11=") {
		return nil, errors.New("the app did not get its cookies")
	}
	before, rest, ok := bytes.Cut(request, []byte("\r\nCookie: "))
	_, after, ends := bytes.Cut(rest, []byte("\r\n"))
	if !ok || !ends {
		return nil, http.ErrNoCookie
	}
	return bytes.Join([][]byte{before, []byte("\r\nCookie: " + cookies + "\r\n"), after}, nil), nil
}
