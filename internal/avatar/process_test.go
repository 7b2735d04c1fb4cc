package avatar

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/account"
)

// shown decodes what Process made.
func shown(t testing.TB, p Picture) image.Image {
	t.Helper()
	img, kind, err := image.Decode(bytes.NewReader(p.Bytes))
	if err != nil || "image/"+kind != p.Type || img.Bounds() != image.Rect(0, 0, side, side) {
		t.Fatalf("%s %v, said to be %s: %v", kind, img, p.Type, err)
	}
	if len(p.Hash) != hashLength || p.Hash != hashOf(p.Bytes) || len(p.Bytes) > account.MaxPicture {
		t.Fatalf("hash %q of %d bytes", p.Hash, len(p.Bytes))
	}
	return img
}

// like compares colours as JPEG keeps them.
func like(a, b color.Color) bool {
	ar, ag, ab, aa := a.RGBA()
	br, bg, bb, ba := b.RGBA()
	near := func(x, y uint32) bool { return max(x, y)-min(x, y) < 0x1400 }
	return near(ar, br) && near(ag, bg) && near(ab, bb) && near(aa, ba)
}

// processed is what becomes of an upload within l, by a decoder of its own: tests run side
// by side.
func processed(r io.Reader, l Limits) (Picture, error) {
	l = l.orDefault()
	raw, err := readAll(r, l.Bytes)
	if err != nil {
		return Picture{}, err
	}
	a := &Avatars{decode: make(chan struct{}, 1)}
	return a.decoded(context.Background(), raw, l)
}

func TestEveryFormatBecomesASquareOfPixels(t *testing.T) {
	t.Parallel()
	glass := color.NRGBA{0x10, 0x10, 0xd0, 0x80}
	for name, tc := range map[string]struct {
		raw         []byte
		left, right color.Color
	}{
		"PNG":            {asPNG(t, halves(300, 200)), red, blue},
		"JPEG":           {asJPEG(t, halves(300, 200)), red, blue},
		"GIF":            {asGIF(t, 20, 20, 1), red, red},
		"GIF, animated":  {asGIF(t, 20, 20, 400), red, red},
		"WebP":           {asWebP(chunk("VP8L", solidVP8L(40, 30, blue))), blue, blue},
		"WebP, animated": {asWebP(vp8x(2, 40, 30), chunk("ANIM", make([]byte, 6)), anmf(40, 30, chunk("VP8L", solidVP8L(40, 30, red))), anmf(40, 30, chunk("VP8L", solidVP8L(40, 30, blue)))), red, red},
		"WebP, glass":    {asWebP(chunk("VP8L", solidVP8L(40, 30, glass))), glass, glass},
		"very wide":      {asPNG(t, halves(4000, 2)), red, blue},
		"one pixel":      {asPNG(t, halves(1, 1)), blue, blue},
		"at the limit":   {asWebP(chunk("VP8L", solidVP8L(4096, 200, red))), red, red},
	} {
		p, err := processed(bytes.NewReader(tc.raw), Limits{Within: time.Minute})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		img := shown(t, p)
		if left, right := img.At(40, 128), img.At(215, 128); !like(left, tc.left) || !like(right, tc.right) {
			t.Errorf("%s: %v, %v", name, left, right)
		}
	}
}

func TestTheSmallerEncodingIsTakenAndGlassStaysGlass(t *testing.T) {
	t.Parallel()
	noise := image.NewNRGBA(image.Rect(0, 0, side, side))
	seed := uint32(1)
	for i := range noise.Pix {
		seed = seed*1664525 + 1013904223
		noise.Pix[i] = byte(seed >> 24)
	}
	p, err := processed(bytes.NewReader(asPNG(t, noise)), Limits{})
	if err != nil || p.Type != "image/png" || shown(t, p).(*image.NRGBA).Opaque() {
		t.Errorf("%s %v", p.Type, err)
	}
	for i := 3; i < len(noise.Pix); i += 4 {
		noise.Pix[i] = 0xff
	}
	if p, err = processed(bytes.NewReader(asPNG(t, noise)), Limits{}); err != nil || p.Type != "image/jpeg" {
		t.Errorf("%s %v", p.Type, err)
	}
	shown(t, p)
}

func TestHostileFilesAreRefusedAtOnceAndWithoutTheirMemory(t *testing.T) {
	var before, after runtime.MemStats
	for name, tc := range hostile(t) {
		runtime.ReadMemStats(&before)
		began := time.Now()
		p, err := processed(bytes.NewReader(tc.raw), Limits{Within: time.Minute})
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, tc.want) || p.Bytes != nil {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 96<<20 {
			t.Errorf("%s: took %d MB", name, took>>20)
		}
	}
}

func TestAFileThatIsWorkWithoutEndIsGivenUp(t *testing.T) {
	t.Parallel()
	bomb := scanBomb(1600, 1200, 2<<20-1)
	began := time.Now()
	_, err := processed(bytes.NewReader(bomb), Limits{Within: 300 * time.Millisecond})
	if took := time.Since(began); !errors.Is(err, ErrBusy) || took > 30*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	// The same file with few scans is a picture: the bomb is no mere broken file.
	if _, err := processed(bytes.NewReader(scanBomb(64, 64, 400)), Limits{Within: time.Minute}); err != nil {
		t.Error(err)
	}
}

func TestNothingButPixelsSurvives(t *testing.T) {
	t.Parallel()
	page := "<html><body>" + script + "</body></html>"
	archive := "PK\x03\x04 META-INF/MANIFEST.MF evil.class PK\x05\x06"
	text := pngChunk("zTXt", append([]byte("Comment\x00\x00"), deflated(t, strings.NewReader(strings.Repeat(page, 1<<16)))...))
	for name, raw := range map[string][]byte{
		"PNG and a page":                    append(asPNG(t, halves(64, 64)), page...),
		"PNG with a page in a text":         rawPNG(1, 1, pngChunk("tEXt", []byte("Comment\x00"+page)), deflated(t, bytes.NewReader([]byte{0, 200, 10, 10}))),
		"PNG with a text that swells":       rawPNG(1, 1, text, deflated(t, bytes.NewReader([]byte{0, 200, 10, 10}))),
		"PNG with a profile that swells":    rawPNG(1, 1, pngChunk("iCCP", append([]byte("x\x00\x00"), deflated(t, io.LimitReader(zeros{}, 4<<20))...)), deflated(t, bytes.NewReader([]byte{0, 200, 10, 10}))),
		"GIF and an archive":                append(asGIF(t, 8, 8, 1), archive...),
		"JPEG and a page":                   append(asJPEG(t, halves(64, 64)), page...),
		"JPEG with a place":                 exif(t, halves(64, 64), binary.LittleEndian, 1),
		"WebP with a page behind the image": asWebP(vp8x(8, 8, 8), chunk("VP8L", solidVP8L(8, 8, red)), chunk("EXIF", []byte(page)), chunk("XMP ", []byte(page))),
	} {
		p, err := processed(bytes.NewReader(raw), Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		shown(t, p)
		for _, trace := range []string{"script", "PK\x03\x04", "evil", "GPS", "Exif", "tEXt", "zTXt", "iCCP", "EXIF", "XMP", "Comment"} {
			if bytes.Contains(p.Bytes, []byte(trace)) {
				t.Errorf("%s: %q is still there", name, trace)
			}
		}
	}
}

func TestThePhoneIsHeldAsItWas(t *testing.T) {
	t.Parallel()
	// What stands in the file at the left stands, upright, on this side.
	for orientation, left := range map[uint16]image.Point{
		0: {20, 128}, 1: {20, 128}, 2: {235, 128}, 3: {235, 128}, 4: {20, 128}, 5: {128, 20}, 6: {128, 20}, 7: {128, 235}, 8: {128, 235}, 9: {20, 128},
	} {
		order := []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian}[orientation%2]
		p, err := processed(bytes.NewReader(exif(t, halves(64, 64), order, orientation)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(t, p).At(left.X, left.Y); !like(got, red) {
			t.Errorf("orientation %d: %v at %v", orientation, got, left)
		}
	}
	// A corner tells the two turns and mirrors apart that leave an edge where it is.
	corner := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for i := range corner.Pix {
		corner.Pix[i] = 0xff
	}
	for y := range 20 {
		for x := range 20 {
			corner.SetNRGBA(x, y, red)
		}
	}
	for orientation, at := range map[uint16]image.Point{
		1: {20, 20}, 2: {235, 20}, 3: {235, 235}, 4: {20, 235}, 5: {20, 20}, 6: {235, 20}, 7: {235, 235}, 8: {20, 235},
	} {
		turned := oriented(square(corner), exifOrientation(exif(t, corner, binary.BigEndian, orientation)))
		if got := turned.At(at.X, at.Y); !like(got, red) {
			t.Errorf("orientation %d: %v at %v", orientation, got, at)
		}
	}
}

func TestADecoderThatPanicsRefusesTheFile(t *testing.T) {
	t.Parallel()
	raw := asPNG(t, halves(4, 4))
	f, _ := formatOf(raw)
	f.decode = func(io.Reader) (image.Image, error) { panic("index out of range") }
	if p, err := f.remake(t.Context(), raw, DefaultLimits()); !errors.Is(err, ErrFormat) || p.Bytes != nil {
		t.Error(err)
	}
}

func TestDamageToAHeaderIsRefusedOrAPictureAllTheSame(t *testing.T) {
	t.Parallel()
	l := DefaultLimits()
	for at := 0; at < 200; at += 9 {
		for _, raw := range [][]byte{asPNG(t, halves(4, 4)), asJPEG(t, halves(4, 4)), asGIF(t, 4, 4, 1), asWebP(chunk("VP8L", solidVP8L(4, 4, red)))} {
			if at < len(raw) {
				raw[at] ^= 0xff
				if p, err := remake(t.Context(), raw, l); err == nil {
					shown(t, p)
				}
			}
		}
	}
	if _, err := remake(context.Background(), []byte("\xff\xd8\xff"), l); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func FuzzProcess(f *testing.F) {
	for _, tc := range hostile(f) {
		if len(tc.raw) < 1<<16 {
			f.Add(tc.raw)
		}
	}
	for _, raw := range [][]byte{
		asPNG(f, halves(9, 7)), asJPEG(f, halves(9, 7)), asGIF(f, 5, 5, 3), asWebP(chunk("VP8L", solidVP8L(5, 4, red))), scanBomb(16, 16, 400),
		asWebP(vp8x(2, 8, 8), anmf(8, 8, chunk("VP8L", solidVP8L(8, 8, red)))), exif(f, halves(4, 4), binary.LittleEndian, 6),
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := processed(bytes.NewReader(raw), Limits{Bytes: 1 << 20, Side: 512, Pixels: 1 << 17, Within: 2 * time.Second})
		if err == nil {
			shown(t, p)
			return
		}
		if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrDimensions) && !errors.Is(err, ErrBusy) {
			t.Errorf("another error: %v", err)
		}
	})
}
