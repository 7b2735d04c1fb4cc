package avatar

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"

	"github.com/cardea-auth/cardea/internal/account"
)

const (
	side    = 256 // pixels of what is kept
	quality = 88  // of JPEG
)

// square takes the middle of a picture and scales it.
func square(img image.Image) *image.RGBA {
	b := img.Bounds()
	n := min(b.Dx(), b.Dy())
	x, y := b.Min.X+(b.Dx()-n)/2, b.Min.Y+(b.Dy()-n)/2
	out := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.CatmullRom.Scale(out, out.Bounds(), img, image.Rect(x, y, x+n, y+n), draw.Src, nil)
	return out
}

// oriented turns a square as Exif's orientation says (CIPA DC-008, tag 274).
func oriented(img *image.RGBA, orientation int) *image.RGBA {
	const n = side - 1
	var from func(x, y int) (int, int)
	switch orientation {
	case 2:
		from = func(x, y int) (int, int) { return n - x, y }
	case 3:
		from = func(x, y int) (int, int) { return n - x, n - y }
	case 4:
		from = func(x, y int) (int, int) { return x, n - y }
	case 5:
		from = func(x, y int) (int, int) { return y, x }
	case 6:
		from = func(x, y int) (int, int) { return y, n - x }
	case 7:
		from = func(x, y int) (int, int) { return n - y, n - x }
	case 8:
		from = func(x, y int) (int, int) { return n - y, x }
	default:
		return img
	}
	out := image.NewRGBA(img.Bounds())
	for y := range side {
		for x := range side {
			fx, fy := from(x, y)
			copy(out.Pix[out.PixOffset(x, y):][:4], img.Pix[img.PixOffset(fx, fy):][:4])
		}
	}
	return out
}

// encode writes a square as PNG, or as JPEG where that is smaller and nothing shows
// through. Neither encoder writes anything but pixels.
func encode(img *image.RGBA) (Picture, error) {
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, img); err != nil {
		return Picture{}, fmt.Errorf("encoding a picture: %w", err)
	}
	p := Picture{Type: "image/png", Bytes: small.Bytes()}
	if img.Opaque() {
		var lossy bytes.Buffer
		if err := jpeg.Encode(&lossy, img, &jpeg.Options{Quality: quality}); err != nil {
			return Picture{}, fmt.Errorf("encoding a picture: %w", err)
		}
		if lossy.Len() < len(p.Bytes) {
			p = Picture{Type: "image/jpeg", Bytes: lossy.Bytes()}
		}
	}
	if len(p.Bytes) > account.MaxPicture {
		return Picture{}, fmt.Errorf("%w: encoded anew it has %d", ErrTooLarge, len(p.Bytes))
	}
	p.Hash = hashOf(p.Bytes)
	return p, nil
}
