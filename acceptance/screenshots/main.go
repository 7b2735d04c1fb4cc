package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/cardea-auth/cardea/acceptance/harness"
)

// maxSheet and maxSheets bound what is kept with the source, in bytes.
const (
	maxSheet  = 60 << 10
	maxSheets = 800 << 10
)

// kept are the pages whose sheets docs/pages.md shows; the others differ in words.
var kept = []string{
	"choice", "choice-many", "choice-none", "account", "account-confirm", "confirm", "confirm-choice", "signed-out-complete", "signed-out-partly",
	"denied", "problem", "problem-step-up", "link-taken", "move-on", "open-in-new-tab", "not-saved", "language",
}

// shot is one of the pictures of a page.
type shot struct {
	lang string
	look harness.Look
}

func (s shot) file(name string) string {
	parts := []string{name, s.lang, "light", "desktop"}
	if s.look.Dark {
		parts[2] = "dark"
	}
	if s.look.Phone {
		parts[3] = "phone"
	}
	return strings.Join(parts, "-") + ".png"
}

// shots are the pictures of a page, in the order of the sheet: a row per scheme.
func shots() []shot {
	var out []shot
	for _, dark := range []bool{false, true} {
		for _, lang := range []string{"en", "zh"} {
			out = append(out,
				shot{lang, harness.Look{Width: 760, Height: 480, Dark: dark, StillMotion: true}},
				shot{lang, harness.Look{Width: 390, Height: 480, Dark: dark, StillMotion: true, Phone: true}})
		}
	}
	return out
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		slog.Error("screenshots", "err", err)
		os.Exit(1)
	}
}

// run takes the pictures of the pages that are named, or of all.
func run(ctx context.Context, names []string) error {
	env, err := harness.NewEnvBeside("screenshots")
	if err != nil {
		return err
	}
	gallery, err := env.StartGallery(ctx)
	if err != nil {
		return err
	}
	defer gallery.Close()
	browser, err := env.StartChromium(ctx)
	if err != nil {
		return err
	}
	defer browser.Close()
	tab, closeTab, err := browser.Open()
	if err != nil {
		return err
	}
	defer closeTab()

	single, sheets := filepath.Join(env.Root, ".cache", "screenshots"), filepath.Join(env.Root, "docs", "images")
	for _, dir := range []string{single, sheets} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	all := len(names) == 0
	if all {
		names = gallery.Names
	}
	total := 0
	for _, name := range names {
		if !slices.Contains(gallery.Names, name) {
			return fmt.Errorf("there is no page %q; there are: %s", name, strings.Join(gallery.Names, ", "))
		}
		data, err := pageSheet(tab, gallery, name, single)
		if err != nil {
			return fmt.Errorf("page %s: %w", name, err)
		}
		fmt.Printf("%-24s %6d bytes\n", name, len(data))
		into := single
		if slices.Contains(kept, name) {
			if into = sheets; len(data) > maxSheet {
				return fmt.Errorf("page %s: the sheet has %d bytes, more than %d", name, len(data), maxSheet)
			}
			total += len(data)
		}
		if err := os.WriteFile(filepath.Join(into, name+".png"), data, 0o644); err != nil {
			return err
		}
	}
	if total > maxSheets {
		return fmt.Errorf("the sheets have %d bytes, more than %d", total, maxSheets)
	}
	if !all {
		return nil
	}
	return forget(sheets)
}

// forget removes the sheets that are no longer kept.
func forget(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if !slices.Contains(kept, strings.TrimSuffix(filepath.Base(file), ".png")) {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

func pageSheet(tab context.Context, gallery *harness.Gallery, name, single string) ([]byte, error) {
	var pictures []image.Image
	for _, s := range shots() {
		data, err := take(tab, gallery.Page(name, s.lang), s.look)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(single, s.file(name)), data, 0o644); err != nil {
			return nil, err
		}
		picture, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, picture)
	}
	return sheet(pictures)
}

// take is a picture of the whole page, however long.
func take(tab context.Context, address string, look harness.Look) ([]byte, error) {
	ctx, cancel := context.WithTimeout(tab, 20*time.Second)
	defer cancel()
	if err := look.Apply(ctx); err != nil {
		return nil, err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		return nil, err
	}
	// Some of a page grows with the window.
	for range 4 {
		height, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollHeight"))
		if err != nil {
			return nil, err
		}
		if height <= look.Height {
			break
		}
		look.Height = height
		if err := look.Apply(ctx); err != nil {
			return nil, err
		}
	}
	res, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
	return res.Data, err
}

// sheet puts the pictures of a page side by side: at half their size, or at a third where
// that is too much.
func sheet(pictures []image.Image) ([]byte, error) {
	data, err := sheetAt(pictures, 2)
	if err == nil && len(data) > maxSheet {
		data, err = sheetAt(pictures, 3)
	}
	return data, err
}

// sheetAt has a row per scheme, each picture at an nth of its size.
func sheetAt(pictures []image.Image, n int) ([]byte, error) {
	const gap, perRow, tallest = 12, 4, 700
	width, height := gap, gap
	var small []image.Image
	for i := 0; i < len(pictures); i += perRow {
		rowWidth, rowHeight := gap, 0
		for _, p := range pictures[i : i+perRow] {
			s := smaller(p, n, tallest)
			small = append(small, s)
			rowWidth += s.Bounds().Dx() + gap
			rowHeight = max(rowHeight, s.Bounds().Dy())
		}
		width, height = max(width, rowWidth), height+rowHeight+gap
	}
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(out, out.Bounds(), image.NewUniform(between), image.Point{}, draw.Src)
	y := gap
	for i := 0; i < len(small); i += perRow {
		x, rowHeight := gap, 0
		for _, s := range small[i : i+perRow] {
			b := s.Bounds()
			draw.Draw(out, image.Rect(x, y, x+b.Dx(), y+b.Dy()), s, image.Point{}, draw.Src)
			x, rowHeight = x+b.Dx()+gap, max(rowHeight, b.Dy())
		}
		y += rowHeight + gap
	}
	var buf bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&buf, reduce(out)); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
