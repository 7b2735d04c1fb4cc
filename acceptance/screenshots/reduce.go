package main

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
)

// between is what shows between the pictures of a sheet.
var between = color.RGBA{0x8a, 0x94, 0x90, 0xff}

// smaller is a picture at an nth of its size, each pixel the mean of n by n, cut at a
// height.
func smaller(src image.Image, n, tallest int) *image.RGBA {
	b := src.Bounds()
	full := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(full, full.Bounds(), src, b.Min, draw.Src)
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()/n, min(b.Dy()/n, tallest)))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			var sum [4]int
			for dy := range n {
				for dx := range n {
					from := full.PixOffset(n*x+dx, n*y+dy)
					for c := range sum {
						sum[c] += int(full.Pix[from+c])
					}
				}
			}
			for c := range sum {
				out.Pix[out.PixOffset(x, y)+c] = uint8((sum[c] + n*n/2) / (n * n))
			}
		}
	}
	return out
}

// colours is how many a sheet has: pages are flat, and the rest are edges of letters.
const colours = 16

// reduce gives a picture a palette: one colour after the other, each the one that most
// pixels are worst served without.
func reduce(src *image.RGBA) *image.Paletted {
	count := map[color.RGBA]int{}
	for i := 0; i < len(src.Pix); i += 4 {
		count[color.RGBA{src.Pix[i], src.Pix[i+1], src.Pix[i+2], 0xff}]++
	}
	all := make([]color.RGBA, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	for len(palette) < min(colours, len(all)) {
		var worst color.RGBA
		most := -1.0
		for _, c := range all {
			_, far := nearest(palette, c)
			if weight := float64(far) * math.Sqrt(float64(count[c])); weight > most {
				worst, most = c, weight
			}
		}
		palette = append(palette, worst)
	}
	out := image.NewPaletted(src.Bounds(), palette)
	index := map[color.RGBA]uint8{}
	for i := 0; i < len(src.Pix); i += 4 {
		c := color.RGBA{src.Pix[i], src.Pix[i+1], src.Pix[i+2], 0xff}
		at, known := index[c]
		if !known {
			at, _ = nearest(palette, c)
			index[c] = at
		}
		out.Pix[i/4] = at
	}
	return out
}

// nearest is the place of the colour that is nearest, and the square of its distance.
func nearest(palette color.Palette, c color.RGBA) (uint8, int) {
	best, at := 3*255*255+1, 0
	for i, p := range palette {
		q, _ := p.(color.RGBA)
		r, g, b := int(q.R)-int(c.R), int(q.G)-int(c.G), int(q.B)-int(c.B)
		if d := r*r + g*g + b*b; d < best {
			best, at = d, i
		}
	}
	return uint8(at), best
}
