package pagescript

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyPagesThatBrowsersShowGetTheScript(t *testing.T) {
	for _, row := range []struct {
		name    string
		status  int
		headers string
		want    bool
	}{
		{"a page", 200, "", true},
		{"an error page", 404, "", true},
		{"a failure", 502, "", true},
		{"no content", 204, "", false},
		{"reset", 205, "", false},
		{"a part", 206, "", false},
		{"not modified", 304, "", false},
		{"a redirect", 302, "Location: /x", false},
		{"a redirect to nowhere", 302, "", true},
		{"choices", 300, "", true},
		{"early hints", 103, "", false},
		{"upper case", 200, "Content-Type: Text/HTML;Charset=\"UTF-8\"", true},
		{"XHTML", 200, "Content-Type: application/xhtml+xml", false},
		{"plain text", 200, "Content-Type: text/plain", false},
		{"no type", 200, "Content-Type: ", false},
		{"two types", 200, "Content-Type: text/html, text/plain", false},
		{"saved", 200, "Content-Disposition: attachment; filename=a.html", false},
		{"saved under a name that nobody knows", 200, "Content-Disposition: Form-Data", false},
		{"shown", 200, "Content-Disposition: INLINE; filename=attachment", true},
		{"a bare name", 200, "Content-Disposition: filename=a", true},
		{"sandboxed", 200, "Content-Security-Policy: default-src *; Sandbox allow-scripts", false},
		{"sandboxed by the second", 200, "Content-Security-Policy: default-src *, ; sandbox", false},
		{"sandboxed in a report", 200, "Content-Security-Policy-Report-Only: sandbox", true},
		{"UTF-7", 200, "Content-Type: text/html; charset=utf-7", false},
		{"UTF-32", 200, "Content-Type: text/html; charset=UTF-32LE", false},
		{"EBCDIC", 200, "Content-Type: text/html; charset=IBM037", false},
		{"another EBCDIC", 200, "Content-Type: text/html; charset=cp500", false},
		{"an IBM page with ASCII", 200, "Content-Type: text/html; charset=ibm866", true},
		{"replacement", 200, "Content-Type: text/html; charset=hz-gb-2312", false},
		{"an encoding of its own", 200, "Content-Type: text/html; charset=klingon", true},
		{"brotli", 200, "Content-Encoding: br", false},
		{"twice", 200, "Content-Encoding: gzip, gzip", false},
		{"identity", 200, "Content-Encoding: identity", true},
	} {
		headers := []string{"Etag: x"}
		if row.headers != "" {
			headers = append(headers, row.headers)
		}
		res := answer(strings.NewReader("<p>"), headers...)
		res.StatusCode = row.status
		before := res.Header.Clone()
		got, err := added(t, res)
		if want := map[bool]string{true: snippet(somewhere(), "", "") + "<p>", false: "<p>"}[row.want]; got != want || err != nil {
			t.Errorf("%s: %.40q, %v", row.name, got, err)
		}
		if d := cmp.Diff(before, res.Header); !row.want && d != "" {
			t.Errorf("%s: headers of an answer left alone changed:\n%s", row.name, d)
		}
	}
}

func TestHeadersThatSpeakOfTheAppsBytesGo(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		res := answer(strings.NewReader("<p>"), "Content-Length: 3", "Etag: \"x\"", "Last-Modified: x", "Accept-Ranges: bytes", "Content-Md5: x", "Digest: x",
			"Content-Digest: x", "Repr-Digest: x", "Cache-Control: no-cache", "Content-Security-Policy: default-src *")
		res.ContentLength, res.Request.Method = 3, method
		res.Trailer = http.Header{"Content-Digest": {"x"}, "Other": {"x"}}
		if method == http.MethodHead {
			res.Body = http.NoBody
		}
		got, err := added(t, res)
		if err != nil || res.ContentLength != -1 || (got == "") != (method == http.MethodHead) {
			t.Errorf("%s: %q, %v, length %d", method, got, err, res.ContentLength)
		}
		csp := res.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src *; script-src * 'nonce-") {
			t.Errorf("%s: policy %q", method, csp)
		}
		res.Header.Del("Content-Security-Policy")
		if d := cmp.Diff(http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Cache-Control": {"no-cache"}}, res.Header); d != "" {
			t.Errorf("%s: %s", method, d)
		}
		if d := cmp.Diff(http.Header{"Other": {"x"}}, res.Trailer); d != "" {
			t.Errorf("%s: trailer: %s", method, d)
		}
	}
}

func TestDigestsThatComeBehindThePageGo(t *testing.T) {
	res := answer(strings.NewReader("<p>"))
	res.Trailer = http.Header{}
	inner := res.Body
	res.Body = &closer{Reader: iotest.DataErrReader(readerFunc(func(p []byte) (int, error) {
		n, err := inner.Read(p)
		if err != nil {
			res.Trailer.Set("Repr-Digest", "x")
		}
		return n, err
	}))}
	if _, err := added(t, res); err != nil || len(res.Trailer) != 0 {
		t.Errorf("trailer %v, %v", res.Trailer, err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAnEmptyAnswerKeepsItsLength(t *testing.T) {
	res := answer(strings.NewReader(""), "Content-Length: 0")
	res.ContentLength = 0
	if got, err := added(t, res); got != "" || err != nil || res.Header.Get("Content-Length") != "0" {
		t.Errorf("%q, %v, %v", got, err, res.Header)
	}
}

func TestAskedForPagesCanBeChanged(t *testing.T) {
	s, _ := newScript(t)
	h := http.Header{"Accept-Encoding": {"gzip, br"}, "If-None-Match": {"x"}, "If-Modified-Since": {"x"}, "Range": {"bytes=0-"}, "If-Range": {"x"}, "Accept": {"text/html"}}
	s.Ask(h)
	if d := cmp.Diff(http.Header{"Accept-Encoding": {"identity"}, "Accept": {"text/html"}}, h); d != "" {
		t.Error(d)
	}
}

func TestThePagesBodyIsClosedAndItsErrorsPass(t *testing.T) {
	broken := errors.New("broken off")
	for _, page := range []string{"", "<", "<meta ", "<html>", "<p>", "<!doctype html><p>text"} {
		src := &closer{Reader: io.MultiReader(strings.NewReader(page), iotest.ErrReader(broken))}
		res := answer(nil)
		res.Body = src
		got, err := added(t, res)
		if !errors.Is(err, broken) || strings.Replace(got, snippet(somewhere(), "", ""), "", 1) != page {
			t.Errorf("%q: %q, %v", page, got, err)
		}
		if err := res.Body.Close(); err != nil || src.closed != 1 {
			t.Errorf("%q: closed %d times, %v", page, src.closed, err)
		}
	}
}

func TestWhatWasJudgedGoesOnWithoutWaiting(t *testing.T) {
	for _, row := range []struct{ page, want string }{
		{"<!doctype html><html><head a=", "<!doctype html><html><head a="},
		{"<!-- half a comment", "<!-- half a comment"},
		{"<title>half a title </tit", "<title>half a title </tit"},
		{"<html><meta name=", "<html>"},
		{"<html><", "<html>"},
		{"<html><body>text", "<html>" + snippet(somewhere(), "", "") + "<body>text"},
	} {
		r, w := io.Pipe()
		res := answer(r)
		s, _ := newScript(t)
		if err := s.Add(res, somewhere()); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = w.Write([]byte(row.page)) }() // and nothing more comes
		got := make([]byte, len(row.want))
		if n, err := io.ReadFull(res.Body, got); string(got[:n]) != row.want || err != nil {
			t.Errorf("%q: %.60q, %v", row.page, got[:n], err)
		}
		_ = w.Close()
	}
}

func TestABodyThatGivesNothingIsNotReadForever(t *testing.T) {
	res := answer(readerFunc(func([]byte) (int, error) { return 0, nil }))
	if _, err := added(t, res); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("%v", err)
	}
}

func TestAPageThatCannotBeWrittenIsRefused(t *testing.T) {
	s, _ := newScript(t)
	for _, change := range []func(*Page){
		func(p *Page) { p.Mark = "" }, func(p *Page) { p.Mark = `"><script>` }, func(p *Page) { p.Own = "cardea" }, func(p *Page) { p.Own = "/a b" },
		func(p *Page) { p.Origin = "" }, func(p *Page) { p.Origin = "https://a;b" }, func(p *Page) { p.Mark = strings.Repeat("x", 65) },
	} {
		p := somewhere()
		change(&p)
		if err := s.Add(answer(strings.NewReader("<p>")), p); !errors.Is(err, ErrPage) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a Script without a logger")
	}
}
