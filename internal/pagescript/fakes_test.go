package pagescript

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// somewhere is the page that tests speak of.
func somewhere() Page {
	return Page{Origin: "https://app.example.com", Mark: "Mark_of-a-person", Own: "/.cardea"}
}

func newScript(t testing.TB) (*Script, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	s, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s, &log
}

// closer is a body that knows whether it was closed.
type closer struct {
	io.Reader
	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

func answer(body io.Reader, headers ...string) *http.Response {
	res := &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Request: &http.Request{Method: http.MethodGet}}
	for _, line := range append([]string{"Content-Type: text/html; charset=utf-8"}, headers...) {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Content-Type" {
			res.Header.Del(name)
		}
		if value != "" {
			res.Header.Add(name, value)
		}
	}
	res.Body = &closer{Reader: body}
	return res
}

// added returns what a browser receives.
func added(t testing.TB, res *http.Response) (string, error) {
	t.Helper()
	s, _ := newScript(t)
	if err := s.Add(res, somewhere()); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(res.Body)
	return string(out), err
}

// chunkings are ways for the same bytes to arrive.
func chunkings(text string) map[string]io.Reader {
	return map[string]io.Reader{
		"whole":          strings.NewReader(text),
		"byte by byte":   iotest.OneByteReader(strings.NewReader(text)),
		"halves":         iotest.HalfReader(strings.NewReader(text)),
		"end with bytes": iotest.DataErrReader(strings.NewReader(text)),
		"three by three": &chunks{text: text, size: 3},
	}
}

type chunks struct {
	text string
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := copy(p, c.text[:min(c.size, len(c.text))])
	c.text = c.text[n:]
	return n, nil
}
