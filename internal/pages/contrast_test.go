package pages

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// colours reads the custom properties of one :root block.
func colours(t *testing.T, css string) map[string]string {
	t.Helper()
	block := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindStringSubmatch(css)
	if block == nil {
		t.Fatal("no :root block")
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(block[1], -1) {
		found[m[1]] = m[2]
	}
	return found
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil || len(hex) != 7 {
		t.Fatalf("colour %q", hex)
	}
	linear := func(c uint64) float64 {
		v := float64(c&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}

func TestColoursMeetWCAGAAInBothSchemes(t *testing.T) {
	light, dark, found := strings.Cut(styleSheet, "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("no dark scheme")
	}
	const text, control = 4.5, 3.0 // WCAG 2.2 criteria 1.4.3 and 1.4.11
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"ink", "leaf", text}, {"ink", "ground", text}, {"ink", "tint", text},
		{"muted", "leaf", text}, {"muted", "ground", text}, {"muted", "tint", text},
		{"accent", "leaf", text}, {"accent", "tint", text}, {"accent-deep", "leaf", text},
		{"on-accent", "accent", text}, {"on-accent", "accent-deep", text},
		{"good", "leaf", text}, {"good", "tint", text}, {"wait", "leaf", text}, {"open", "leaf", text},
		{"warn-ink", "warn-ground", text},
		{"edge", "leaf", control}, {"accent", "ground", control},
	}
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		c := colours(t, css)
		for _, p := range pairs {
			a, b := luminance(t, c[p.front]), luminance(t, c[p.back])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < p.least {
				t.Errorf("%s: %s on %s is %.2f, want %.1f", scheme, p.front, p.back, ratio, p.least)
			}
		}
	}
}

func TestTheStyleSheetKeepsFocusVisibleAndFetchesNothing(t *testing.T) {
	css := compactCSS(styleSheet)
	if !strings.Contains(css, ":focus-visible {\noutline: 3px solid var(--accent);") {
		t.Error("focus has no outline")
	}
	for _, bad := range []string{"outline: none", "outline: 0", "url(", "@import", "@font-face", "/*", "</"} {
		if strings.Contains(css, bad) {
			t.Errorf("the style sheet has %q", bad)
		}
	}
}
