package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/cardea-auth/cardea/internal/httpx"
	"github.com/cardea-auth/cardea/internal/pages"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:4190", "address, on loopback")
	flag.Parse()
	if err := serve(*listen); err != nil {
		slog.Error("gallery", "err", err)
		os.Exit(1)
	}
}

func serve(listen string) error {
	handler, err := gallery()
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return err
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsLoopback() {
		_ = l.Close()
		return fmt.Errorf("%s is not a loopback address", l.Addr())
	}
	fmt.Printf("http://%s/\n", addr)
	return (&http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}).Serve(l)
}

// gallery answers at / with a list of links, at /names with the names as JSON, and at
// /NAME with that example. lang=en or lang=zh takes the place of Accept-Language.
func gallery() (http.Handler, error) {
	p, err := pages.New(pages.Options{PublicURL: "https://auth.acme.example"})
	if err != nil {
		return nil, err
	}
	insecure, err := pages.New(pages.Options{PublicURL: "http://auth.acme.example", Insecure: true})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	var names []string
	show := func(name string, p *pages.Pages, write func(*pages.Pages, http.ResponseWriter, *http.Request)) {
		names = append(names, name)
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { still(w, inLanguage(r), p, write) })
	}
	examples := pages.Examples()
	for _, e := range examples {
		show(e.Name, p, e.Write)
	}
	show("insecure", insecure, examples[0].Write)
	list, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /.cardea/avatar/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(portrait))
	})
	mux.HandleFunc("GET /names", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(list)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for _, name := range names {
			name = html.EscapeString(name)
			_, _ = fmt.Fprintf(w, "<p>%s <a href=\"/%s?lang=en\">English</a> <a href=\"/%s?lang=zh\">中文</a>\n", name, name, name)
		}
	})
	return mux, nil
}

// portrait stands for the picture of whoever an example is about.
const portrait = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><path d="M0 0h64v64H0z" fill="#c9d9d3"/>` +
	`<circle cx="32" cy="25" r="12" fill="#8a5a3c"/><path d="M10 64c0-15 9-23 22-23s22 8 22 23z" fill="#0f6355"/>` +
	`<path d="M19 24c0-9 6-14 13-14s13 5 13 14c-4-5-8-7-13-7s-9 2-13 7z" fill="#2b1d14"/></svg>`

func inLanguage(r *http.Request) *http.Request {
	lang := r.URL.Query().Get("lang")
	if lang == "" {
		return r
	}
	ctx := pages.InLanguage(r.Context(), lang)
	return r.WithContext(httpx.WithClient(ctx, httpx.Client{}.At("https://auth.acme.example")))
}

var refresh = regexp.MustCompile(`<meta http-equiv="refresh"[^>]*>\n`)

// still writes a page that stays: one that moves on by itself could not be looked at.
func still(w http.ResponseWriter, r *http.Request, p *pages.Pages, write func(*pages.Pages, http.ResponseWriter, *http.Request)) {
	kept := httptest.NewRecorder()
	write(p, kept, r)
	body := refresh.ReplaceAll(kept.Body.Bytes(), nil)
	for name, values := range kept.Header() {
		w.Header()[name] = values
	}
	if !bytes.Equal(body, kept.Body.Bytes()) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(kept.Code)
	_, _ = w.Write(body)
}
