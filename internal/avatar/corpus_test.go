package avatar

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"
)

// The corpus is made here, so that each file says what is wrong with it.

var (
	red  = color.NRGBA{0xd0, 0x10, 0x10, 0xff}
	blue = color.NRGBA{0x10, 0x10, 0xd0, 0xff}
)

// halves is red on the left and blue on the right.
func halves(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := red
			if x >= w/2 {
				c = blue
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// asGIF is an animation: red, then many frames of blue.
func asGIF(t testing.TB, w, h, frames int) []byte {
	t.Helper()
	g := &gif.GIF{}
	for i := range frames {
		frame := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{red, blue})
		if i > 0 {
			for p := range frame.Pix {
				frame.Pix[p] = 1
			}
		}
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngChunk(name string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(append(out, name...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// rawPNG is a PNG of 8 bit RGB with that data, whatever the size says.
func rawPNG(w, h uint32, between, data []byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, w)
	head = binary.BigEndian.AppendUint32(head, h)
	out := append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(head, 8, 2, 0, 0, 0))...)
	out = append(out, between...)
	return append(append(out, pngChunk("IDAT", data)...), pngChunk("IEND", nil)...)
}

func deflated(t testing.TB, r io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := io.Copy(z, r); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// bits writes the least significant bit first, as VP8L does (RFC 9649 section 3.2).
type bits struct {
	out  []byte
	n    int
	last byte
}

func (b *bits) put(value uint32, n int) {
	for i := range n {
		b.last |= byte(value>>i&1) << b.n
		if b.n++; b.n == 8 {
			b.out, b.last, b.n = append(b.out, b.last), 0, 0
		}
	}
}

// solidVP8L is a picture of one colour: every code has one symbol, and no pixel takes a bit.
func solidVP8L(w, h int, c color.NRGBA) []byte {
	b := &bits{}
	b.put(0x2f, 8)
	b.put(uint32(w-1), 14)
	b.put(uint32(h-1), 14)
	b.put(1, 1)
	b.put(0, 3)
	b.put(0, 3) // no transform, no colour cache, one group of codes
	for _, symbol := range []byte{c.G, c.R, c.B, c.A, 0} {
		b.put(1, 1) // a simple code
		b.put(0, 1) // of one symbol
		b.put(1, 1) // in 8 bits
		b.put(uint32(symbol), 8)
	}
	return append(b.out, b.last, 0)
}

func asWebP(chunks ...[]byte) []byte {
	return appendChunk(nil, "RIFF", append([]byte("WEBP"), bytes.Join(chunks, nil)...))
}

func chunk(name string, body []byte) []byte { return appendChunk(nil, name, body) }

func vp8x(flags byte, w, h int) []byte {
	return chunk("VP8X", []byte{flags, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), byte((w - 1) >> 16), byte(h - 1), byte((h - 1) >> 8), byte((h - 1) >> 16)})
}

func anmf(w, h int, frame []byte) []byte {
	head := []byte{0, 0, 0, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), 0, byte(h - 1), byte((h - 1) >> 8), 0, 100, 0, 0, 0}
	return chunk("ANMF", append(head, frame...))
}

// patchedJPEG states another size in its start of frame.
func patchedJPEG(t testing.TB, w, h uint16) []byte {
	raw := asJPEG(t, halves(64, 64))
	at := bytes.Index(raw, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(raw[at+5:], h)
	binary.BigEndian.PutUint16(raw[at+7:], w)
	return raw
}

// scanBomb is a progressive JPEG of which every few bytes make a decoder go over all
// blocks once more.
func scanBomb(w, h uint16, size int) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xdb, 0, 67, 0}
	b = append(b, bytes.Repeat([]byte{1}, 64)...)
	b = append(b, 0xff, 0xc2, 0, 11, 8, byte(h>>8), byte(h), byte(w>>8), byte(w), 1, 1, 0x11, 0)
	// One AC code, 0, for the symbol of the longest end-of-band run.
	b = append(b, 0xff, 0xc4, 0, 20, 0x10, 1)
	b = append(b, make([]byte, 15)...)
	b = append(b, 0xe0)
	// A run of 2^14 blocks: the code, and 14 bits of zero.
	runs := (int(w)/8+1)*(int(h)/8+1)/(1<<14) + 1
	scan := append([]byte{0xff, 0xda, 0, 8, 1, 1, 0x00, 1, 63, 0}, make([]byte, runs*2)...)
	for len(b)+len(scan) < size {
		b = append(b, scan...)
	}
	return append(b, 0xff, 0xd9)
}

// exif is a JPEG with an orientation, a place and a comment.
func exif(t testing.TB, img image.Image, order binary.AppendByteOrder, orientation uint16) []byte {
	magic := "II*\x00"
	if order == binary.AppendByteOrder(binary.BigEndian) {
		magic = "MM\x00*"
	}
	tiff := order.AppendUint32([]byte(magic), 8)
	tiff = order.AppendUint16(tiff, 2)
	for _, entry := range [][2]uint16{{270, 0}, {274, orientation}} {
		tiff = order.AppendUint16(tiff, entry[0])
		tiff = order.AppendUint16(tiff, 3)
		tiff = order.AppendUint32(tiff, 1)
		tiff = order.AppendUint16(order.AppendUint16(tiff, entry[1]), 0)
	}
	tiff = append(tiff, "GPS 48.2082N 16.3738E"...)
	body := append([]byte("Exif\x00\x00"), tiff...)
	raw := asJPEG(t, img)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(out, body...), raw[2:]...)
}

const script = `<script>alert(document.domain)</script>`

// hostile are files that must not become a picture, and why not.
func hostile(t testing.TB) map[string]struct {
	raw  []byte
	want error
} {
	good := asPNG(t, halves(64, 64))
	type file = struct {
		raw  []byte
		want error
	}
	return map[string]file{
		"nothing":                             {nil, ErrFormat},
		"a page":                              {[]byte("<!doctype html>" + script), ErrFormat},
		"SVG with a script":                   {[]byte(`<svg xmlns="http://www.w3.org/2000/svg">` + script + `</svg>`), ErrFormat},
		"SVG after a declaration":             {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), ErrFormat},
		"gzip":                                {[]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), ErrFormat},
		"a bitmap":                            {[]byte("BM" + strings.Repeat("\x00", 64)), ErrFormat},
		"10 MB":                               {append(good, make([]byte, 10<<20)...), ErrTooLarge},
		"PNG, cut":                            {good[:len(good)/2], ErrFormat},
		"PNG, its magic alone":                {good[:8], ErrFormat},
		"PNG of 50,000 by 50,000":             {rawPNG(50_000, 50_000, nil, deflated(t, io.LimitReader(zeros{}, 1<<20))), ErrDimensions},
		"PNG of 4,096 by 4,096":               {rawPNG(4096, 4096, nil, nil), ErrDimensions},
		"PNG, one pixel high and very long":   {rawPNG(1<<20, 1, nil, nil), ErrDimensions},
		"PNG of no width":                     {rawPNG(0, 10, nil, nil), ErrFormat},
		"PNG with more data than pixels":      {rawPNG(100, 100, nil, deflated(t, io.LimitReader(zeros{}, 8<<20))), ErrFormat},
		"PNG with less data than pixels":      {rawPNG(4000, 3000, nil, deflated(t, strings.NewReader("x"))), ErrFormat},
		"JPEG, cut":                           {asJPEG(t, halves(64, 64))[:300], ErrFormat},
		"JPEG of 65,535 by 65,535":            {patchedJPEG(t, 65535, 65535), ErrDimensions},
		"JPEG, larger than its data":          {patchedJPEG(t, 4000, 3000), ErrFormat},
		"JPEG of no height":                   {patchedJPEG(t, 64, 0), ErrFormat},
		"GIF, cut":                            {asGIF(t, 64, 64, 1)[:30], ErrFormat},
		"GIF of 65,535 by 65,535":             {[]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), ErrDimensions},
		"GIF, a frame outside its canvas":     {[]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00"), ErrFormat},
		"GIF of comments":                     {append([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00"), bytes.Repeat([]byte("!\xfe\x00"), 500_000)...), ErrFormat},
		"WebP of 16,384 by 16,384":            {asWebP(chunk("VP8L", solidVP8L(16384, 16384, red))), ErrDimensions},
		"WebP that says it is small":          {asWebP(vp8x(0, 16, 16), chunk("VP8L", solidVP8L(16384, 16384, red))), ErrFormat},
		"WebP that says it is large":          {asWebP(vp8x(0, 1<<20, 1<<20), chunk("VP8L", solidVP8L(16, 16, red))), ErrFormat},
		"WebP, a frame larger than it says":   {asWebP(vp8x(2, 16, 16), anmf(16, 16, chunk("VP8L", solidVP8L(16384, 16384, red)))), ErrFormat},
		"WebP, a frame larger than is taken":  {asWebP(vp8x(2, 16, 16), anmf(16384, 16384, chunk("VP8L", solidVP8L(16384, 16384, red)))), ErrDimensions},
		"WebP, an animation of nothing":       {asWebP(vp8x(2, 16, 16)), ErrFormat},
		"WebP, a frame of nothing":            {asWebP(vp8x(2, 16, 16), anmf(16, 16, nil)), ErrFormat},
		"WebP, chunks that lie of their size": {append(asWebP(vp8x(2, 16, 16)), "ANMF\xff\xff\xff\xff"...), ErrFormat},
		"WebP, cut":                           {asWebP(chunk("VP8L", solidVP8L(16, 16, red)))[:22], ErrFormat},
	}
}
