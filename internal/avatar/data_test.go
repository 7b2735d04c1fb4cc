package avatar

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestADataURLIsReadHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	raw := asPNG(t, halves(4, 4))
	var percent strings.Builder
	for _, b := range raw {
		percent.WriteString("%" + string("0123456789abcdef"[b>>4]) + string("0123456789ABCDEF"[b&15]))
	}
	whole := inData(raw)
	body := whole[strings.IndexByte(whole, ',')+1:]
	for name, tc := range map[string]struct {
		address string
		want    error
	}{
		"usual":                   {whole, nil},
		"a wrong type":            {"data:text/html;base64," + body, nil},
		"no type":                 {"data:;base64," + body, nil},
		"capitals and parameters": {"DATA:image/png;charset=utf-8;BASE64," + body, nil},
		"no padding":              {strings.TrimRight(whole, "="), nil},
		"lines":                   {"data:image/png;base64," + body[:10] + "\r\n " + body[10:], nil},
		"percent":                 {"data:image/png;base64," + strings.ReplaceAll(body, "+", "%2B"), nil},
		"for URLs":                {"data:image/png;base64," + strings.NewReplacer("+", "-", "/", "_").Replace(body), nil},
		"not base64":              {"data:image/png," + percent.String(), nil},
		"cut":                     {"data:image/png;base64", ErrFormat},
		"broken":                  {"data:image/png;base64,***", ErrFormat},
		"broken escapes":          {"data:image/png,%zz", ErrFormat},
		"too large":               {"data:image/png;base64," + strings.Repeat("AAAA", 1000), ErrTooLarge},
		"far too large":           {"data:image/png," + strings.Repeat("A", 10_000), ErrTooLarge},
	} {
		got, err := dataURL(tc.address, 2000)
		if !errors.Is(err, tc.want) || tc.want == nil && !bytes.Equal(got, raw) {
			t.Errorf("%s: %v, %d bytes", name, err, len(got))
		}
	}
}

func FuzzDataURL(f *testing.F) {
	for _, s := range []string{"data:,", "data:;base64,AAAA", "data:image/png;base64,%41%%41", "data:x", "data:a;b;base64,-_-_"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := dataURL("data:"+s, 64); err == nil && len(got) > 64 {
			t.Errorf("%d bytes", len(got))
		}
	})
}
