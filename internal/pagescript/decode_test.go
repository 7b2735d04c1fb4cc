package pagescript

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

type flushWriter interface {
	io.WriteCloser
	Flush() error
}

// coded writes a page in a content coding; pieces are flushed one by one.
func coded(t *testing.T, coding string, to io.Writer, pieces ...string) {
	t.Helper()
	var w flushWriter
	switch coding {
	case "gzip", "x-gzip", "GZip":
		w = gzip.NewWriter(to)
	case "deflate":
		w = zlib.NewWriter(to)
	case "raw":
		w, _ = flate.NewWriter(to, flate.BestSpeed)
	}
	for _, p := range pieces {
		if _, err := w.Write([]byte(p)); err != nil {
			t.Error(err)
		}
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func name(coding string) string {
	if coding == "raw" {
		return "deflate"
	}
	return coding
}

func TestACompressedPageIsDecoded(t *testing.T) {
	for _, coding := range []string{"gzip", "x-gzip", "GZip", "deflate", "raw"} {
		var page bytes.Buffer
		coded(t, coding, &page, "<!doctype html><ti", "tle>a</title>", "<p>", strings.Repeat("text", 10000))
		for how, r := range chunkings(page.String()) {
			res := answer(r, "Content-Encoding: "+name(coding))
			got, err := added(t, res)
			want := "<!doctype html><title>a</title>" + snippet(somewhere(), "", "") + "<p>" + strings.Repeat("text", 10000)
			if got != want || err != nil || res.Header["Content-Encoding"] != nil {
				t.Errorf("%s, %s: %d bytes of %d, %v, %v", coding, how, len(got), len(want), err, res.Header)
			}
		}
		if got, err := added(t, answer(strings.NewReader(""), "Content-Encoding: "+name(coding))); got != "" || err != nil {
			t.Errorf("%s: nothing at all: %q, %v", coding, got, err)
		}
	}
}

func TestFlushesOfACompressedPageArrive(t *testing.T) {
	for _, coding := range []string{"gzip", "deflate", "raw"} {
		r, w := io.Pipe()
		res := answer(r, "Content-Encoding: "+name(coding))
		s, _ := newScript(t)
		if err := s.Add(res, somewhere()); err != nil {
			t.Fatal(err)
		}
		read := make(chan struct{})
		go func() {
			fw := map[string]func() flushWriter{
				"gzip":    func() flushWriter { return gzip.NewWriter(w) },
				"deflate": func() flushWriter { return zlib.NewWriter(w) },
				"raw":     func() flushWriter { f, _ := flate.NewWriter(w, 1); return f },
			}[coding]()
			_, _ = fw.Write([]byte("<p>first"))
			_ = fw.Flush()
			<-read
			_ = w.Close()
		}()
		want := snippet(somewhere(), "", "") + "<p>first"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(res.Body, got); string(got) != want || err != nil {
			t.Errorf("%s: %v", coding, err)
		}
		close(read)
		if _, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: a page that breaks off ends in %v", coding, err)
		}
	}
}

func TestABrokenCodingBreaksThePageOff(t *testing.T) {
	var page bytes.Buffer
	coded(t, "gzip", &page, "<p>", strings.Repeat("text", 100))
	whole := page.String()
	wrongSum := []byte(whole)
	wrongSum[len(wrongSum)-8] ^= byte(crc32.IEEE&0xFF) | 1
	for what, body := range map[string]string{
		"no gzip at all": "<p>text", "cut": whole[:len(whole)-12], "cut in its header": whole[:5], "wrong sum": string(wrongSum), "rubbish behind": whole + "rubbish",
	} {
		if _, err := added(t, answer(strings.NewReader(body), "Content-Encoding: gzip")); err == nil {
			t.Errorf("%s passed", what)
		}
	}
	if _, err := added(t, answer(strings.NewReader("x"), "Content-Encoding: deflate")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("one byte of deflate: %v", err)
	}
}

func TestABombIsNotHeldInMemory(t *testing.T) {
	const size = 24 << 20
	r, w := io.Pipe()
	go func() {
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = 'x'
		}
		_, _ = z.Write([]byte("<p><!--"))
		for range size / len(block) {
			if _, err := z.Write(block); err != nil {
				return
			}
		}
		_ = z.Close()
		_ = w.Close()
	}()
	res := answer(r, "Content-Encoding: gzip")
	s, _ := newScript(t)
	if err := s.Add(res, somewhere()); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n < size {
		t.Errorf("%d bytes, %v", n, err)
	}
	b, ok := res.Body.(*body)
	if !ok || cap(b.held)+cap(b.out)+cap(b.scratch) > most {
		t.Errorf("%d bytes held", cap(b.held)+cap(b.out)+cap(b.scratch))
	}
}

func TestACodingThatIsNotDecodedIsLoggedOnce(t *testing.T) {
	s, log := newScript(t)
	for range 3 {
		for _, coding := range []string{"br", "zstd", strings.Repeat("x", 1000)} {
			res := answer(strings.NewReader("bytes"), "Content-Encoding: "+coding, "Content-Length: 5", "Content-Security-Policy: default-src 'none'")
			if err := s.Add(res, somewhere()); err != nil {
				t.Fatal(err)
			}
			if got, _ := io.ReadAll(res.Body); string(got) != "bytes" || res.Header.Get("Content-Length") != "5" || res.Header.Get("Content-Security-Policy") != "default-src 'none'" {
				t.Errorf("%s: %q %v", coding, got, res.Header)
			}
		}
	}
	if got := strings.Count(log.String(), "\n"); got != 3 || !strings.Contains(log.String(), "coding=br") || log.Len() > 1000 {
		t.Errorf("%d lines: %s", got, log)
	}
	for i := range 100 {
		_ = s.Add(answer(strings.NewReader(""), "Content-Encoding: c"+strings.Repeat("y", i)), somewhere())
	}
	if got := strings.Count(log.String(), "\n"); got > 16 {
		t.Errorf("%d lines for an app's inventions", got)
	}
}
