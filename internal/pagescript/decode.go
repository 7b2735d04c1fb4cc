package pagescript

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
)

// opener starts to decode a content coding.
type opener func(*bufio.Reader) (io.Reader, error)

// decoderOf returns how to decode, nil for an answer that is not encoded. ok is false for
// what is not decoded here.
func decoderOf(lines []string) (open opener, ok bool) {
	switch strings.ToLower(strings.TrimSpace(strings.Join(lines, ","))) {
	case "", "identity":
		return nil, true
	case "gzip", "x-gzip":
		return func(r *bufio.Reader) (io.Reader, error) { return gzip.NewReader(r) }, true
	case "deflate":
		return inflate, true
	}
	return nil, false
}

// inflate reads zlib's format (RFC 1950), or bare deflate (RFC 1951), which some servers
// send under the same name.
func inflate(r *bufio.Reader) (io.Reader, error) {
	head, err := r.Peek(2)
	switch {
	case len(head) == 0:
		return nil, err
	case len(head) == 2 && head[0]&0x0F == 8 && (int(head[0])<<8|int(head[1]))%31 == 0:
		return zlib.NewReader(r)
	}
	return flate.NewReader(r), nil
}

// decoder decodes while it is read. It keeps a window of the coding, never the page.
type decoder struct {
	src  io.Reader
	open opener
	in   io.Reader
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.in == nil {
		in, err := d.open(bufio.NewReader(d.src))
		if err != nil {
			return 0, decoding(err)
		}
		d.in = in
	}
	n, err := d.in.Read(p)
	return n, decoding(err)
}

func decoding(err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // readers return io.EOF itself
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("decoding the app's answer: %w", err)
}
