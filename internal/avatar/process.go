package avatar

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"time"

	"golang.org/x/image/webp"
)

// Limits bound what is read of a picture. A zero field is DefaultLimits' one.
type Limits struct {
	Bytes  int64
	Side   int           // pixels, the longer one
	Pixels int           // width times height
	Within time.Duration // for decoding
}

// DefaultLimits are what any camera's or provider's picture is within.
func DefaultLimits() Limits {
	return Limits{Bytes: 2 << 20, Side: 4096, Pixels: 12_000_000, Within: 10 * time.Second}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	return Limits{
		Bytes: cmp.Or(l.Bytes, d.Bytes), Side: cmp.Or(l.Side, d.Side),
		Pixels: cmp.Or(l.Pixels, d.Pixels), Within: cmp.Or(l.Within, d.Within),
	}
}

// hashLength is that of a Picture's Hash.
const hashLength = 43

func readAll(r io.Reader, most int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if _, cut := errors.AsType[*http.MaxBytesError](err); cut || int64(len(raw)) > most {
		return nil, fmt.Errorf("%w: more than %d", ErrTooLarge, most)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a picture: %w", err)
	}
	return raw, nil
}

func remake(ctx context.Context, raw []byte, l Limits) (Picture, error) {
	f, ok := formatOf(raw)
	if !ok {
		return Picture{}, ErrFormat
	}
	return f.remake(ctx, raw, l)
}

// remake decodes, crops, scales and encodes. Decoders are written for well-meant files:
// their panics are the file's fault, and their time is bounded.
func (f format) remake(ctx context.Context, raw []byte, l Limits) (p Picture, err error) {
	defer func() {
		if x := recover(); x != nil {
			p, err = Picture{}, fmt.Errorf("%w: it breaks the decoder", ErrFormat)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, l.Within)
	defer cancel()
	if raw, err = f.first(raw); err != nil {
		return Picture{}, fmt.Errorf("%w: %s: %w", ErrFormat, f.name, err)
	}
	conf, err := f.config(bytes.NewReader(raw))
	if err != nil {
		return Picture{}, fmt.Errorf("%w: %s: %w", ErrFormat, f.name, err)
	}
	if err := l.check(conf); err != nil {
		return Picture{}, err
	}
	img, err := f.decode(&timed{ctx, bytes.NewReader(raw)})
	if ctx.Err() != nil {
		return Picture{}, ErrBusy
	}
	if err != nil {
		return Picture{}, fmt.Errorf("%w: %s: %w", ErrFormat, f.name, err)
	}
	// Some decoders believe a second header.
	if err := l.check(image.Config{Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}); err != nil {
		return Picture{}, err
	}
	return encode(oriented(square(img), f.orientation(raw)))
}

func (l Limits) check(c image.Config) error {
	switch {
	case c.Width <= 0 || c.Height <= 0:
		return fmt.Errorf("%w: it has no pixels", ErrFormat)
	case c.Width > l.Side || c.Height > l.Side || c.Width*c.Height > l.Pixels:
		return fmt.Errorf("%w: %d by %d", ErrDimensions, c.Width, c.Height)
	}
	return nil
}

// timed stops a decoder that reads on and on: in a progressive JPEG, some bytes make it
// go over all pixels once more.
type timed struct {
	ctx context.Context
	r   *bytes.Reader
}

func (t *timed) Read(b []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, err
	}
	return t.r.Read(b)
}

// format is how a kind of file is known and read.
type format struct {
	name        string
	config      func(io.Reader) (image.Config, error)
	decode      func(io.Reader) (image.Image, error)
	first       func([]byte) ([]byte, error) // the file, or one of its first frame
	orientation func([]byte) int             // as Exif counts, 1 for upright
}

// formatOf knows a file by its first bytes, whatever it was called.
func formatOf(raw []byte) (format, bool) {
	whole := func(raw []byte) ([]byte, error) { return raw, nil }
	upright := func([]byte) int { return 1 }
	begins := func(magic string) bool { return bytes.HasPrefix(raw, []byte(magic)) }
	switch {
	case begins("\x89PNG\r\n\x1a\n"):
		return format{"PNG", png.DecodeConfig, png.Decode, whole, upright}, true
	case begins("\xff\xd8\xff"):
		return format{"JPEG", jpeg.DecodeConfig, jpeg.Decode, whole, exifOrientation}, true
	case begins("GIF87a"), begins("GIF89a"):
		return format{"GIF", gif.DecodeConfig, gif.Decode, whole, upright}, true
	case begins("RIFF") && len(raw) >= 12 && string(raw[8:12]) == "WEBP":
		return format{"WebP", webp.DecodeConfig, webp.Decode, stillWebP, upright}, true
	}
	return format{}, false
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
