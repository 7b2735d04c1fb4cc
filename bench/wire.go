package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
)

// wire is what one request looks like on both sides of a proxy.
type wire struct {
	sent     []byte // by the client
	upstream []byte // what the app got; nil without an app
	answer   []byte // what the client got
}

// once sends one request through a server and records all of it.
func once(s, app *child, request []byte) (wire, error) {
	w := wire{sent: request}
	if app != nil {
		if _, err := app.ask(order{Do: "record"}); err != nil { // arms it
			return w, err
		}
	}
	c, err := dial(s.address)
	if err != nil {
		return w, err
	}
	defer c.Close()
	if w.answer, err = c.first(request); err != nil {
		return w, err
	}
	if app != nil {
		r, err := app.ask(order{Do: "record"})
		if err != nil {
			return w, err
		}
		w.upstream = r.Wire
	}
	return w, nil
}

var dateLine = regexp.MustCompile(`\r\nDate: [^\r]*`)

// same tells where two exchanges differ in bytes, but for the time of day.
func (w wire) same(o wire) error {
	if !bytes.Equal(w.upstream, o.upstream) {
		return fmt.Errorf("the app gets different bytes:\n%s\n%s", w.upstream, o.upstream)
	}
	a, b := dateLine.ReplaceAll(w.answer, nil), dateLine.ReplaceAll(o.answer, nil)
	if !bytes.Equal(a, b) || len(w.answer) != len(o.answer) {
		return fmt.Errorf("the client gets different bytes:\n%s\n%s", w.answer, o.answer)
	}
	return nil
}

// imitate makes a plain reverse proxy send what the gateway sent.
func imitate(w wire, s *spec) error {
	sent, err := requestHeader(w.sent)
	if err != nil {
		return err
	}
	got, err := requestHeader(w.upstream)
	if err != nil {
		return err
	}
	plain, err := answerHeader(smallAnswer)
	if err != nil {
		return err
	}
	answer, err := answerHeader(w.answer)
	if err != nil {
		return err
	}
	if s.Set, s.Drop = changes(sent, got); len(s.Set) == 0 {
		return errors.New("the gateway told the app nothing")
	}
	var gone []string
	if s.SetBack, gone = changes(plain, answer); len(gone) > 0 {
		return fmt.Errorf("the gateway takes %v out of answers", gone)
	}
	return nil
}

// changes are the headers to set and to drop that make after of before.
func changes(before, after http.Header) (set map[string][]string, drop []string) {
	set = map[string][]string{}
	for name, values := range after {
		if !slices.Equal(values, before[name]) {
			set[name] = values
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			drop = append(drop, name)
		}
	}
	slices.Sort(drop)
	return set, drop
}

func requestHeader(b []byte) (http.Header, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return nil, err
	}
	return r.Header, nil
}

func answerHeader(b []byte) (http.Header, error) {
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	return r.Header, nil
}
