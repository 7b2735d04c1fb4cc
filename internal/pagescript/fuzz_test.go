package pagescript

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/net/html"
)

func read(t *testing.T, r io.Reader, contentType string) string {
	t.Helper()
	got, err := added(t, answer(r, "Content-Type: "+contentType))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func FuzzThePageIsTheAppsWithTheScriptOnceOrNotAtAll(f *testing.F) {
	for _, page := range []string{
		"<!doctype html><html><head><meta charset=utf-8><title>a</title><script>b</script>", "<!-- a --!><head a='>'><p>", "<title></title/><meta http-equiv=x>",
		"<link><meta charset=gbk>", "</><?x><!x></ x>", "\xFF\xFE<\x00p\x00>\x00", "\xEF\xBB\xBF", "<meta name='", "\x00",
	} {
		for _, contentType := range []string{"text/html", "text/html;charset=utf-8", "text/html;charset=utf-16be"} {
			f.Add(page, contentType)
		}
	}
	f.Fuzz(func(t *testing.T, page, contentType string) {
		got := read(t, strings.NewReader(page), contentType)
		for _, r := range []io.Reader{iotest.OneByteReader(strings.NewReader(page)), &chunks{text: page, size: 7}} {
			if again := read(t, r, contentType); again != got {
				t.Fatalf("chunks change the result: %q and %q", brief(got), brief(again))
			}
		}
		if got == page {
			return
		}
		if !insertedOnce(page, got) {
			t.Fatalf("%q became %q", page, brief(got))
		}
	})
}

// insertedOnce tells whether got is page with one snippet somewhere.
func insertedOnce(page, got string) bool {
	for _, u := range []unit{bytewise, utf16le, utf16be} {
		open, shut := string(u.encode("<script data-cardea")), string(u.encode(compact+"</script>"))
		for from := 0; ; {
			i := strings.Index(got[from:], open)
			j := strings.Index(got[from:], shut)
			if i < 0 || j < i {
				break
			}
			start, end := from+i, from+j+len(shut)
			before := got[:start]
			if before+got[end:] == page {
				return true
			}
			if k := strings.LastIndex(before, `<meta charset="`); k >= 0 && u == bytewise && before[:k]+got[end:] == page {
				return true
			}
			from = end
		}
	}
	return false
}

// FuzzTheScriptIsAnElementOfTheHead compares with a parser that is not ours: the script is
// an element in the head, and without it the page means what it meant before.
func FuzzTheScriptIsAnElementOfTheHead(f *testing.F) {
	for _, page := range []string{
		"<!doctype html><html lang=a><head><meta charset=utf-8><title>a</title><script>b</script></head><body>x", "<!-- a --!><head a='>'><p>",
		"<title>x</titl></title/><meta http-equiv=x>", "</><?x><!x></ x>text", "<html/><head/ a = b><!-->", "<TITLE><!--</TITLE>--><body a>",
	} {
		f.Add(page)
	}
	f.Fuzz(func(t *testing.T, page string) {
		if strings.Contains(page, "\r") || strings.Contains(strings.ToLower(page), "data-cardea") {
			return // the other parser writes line ends anew; the marker has to be ours alone
		}
		got := read(t, strings.NewReader(page), "text/html;charset=utf-8")
		if got == page || strings.Contains(got, compact+"</script></") {
			return // before a stray end tag the head begins sooner than it would have
		}
		want, _ := without(t, page)
		is, found := without(t, got)
		if found != 1 || want != is {
			t.Fatalf("%q: %d scripts of ours, means %q and meant %q", page, found, is, want)
		}
	})
}

// without parses a page, takes our script out of its head and writes it anew.
func without(t *testing.T, page string) (string, int) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var ours []*html.Node // and white space of the head, which ours can keep from being ignored
	found := 0
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "script" && len(n.Attr) == 1 && n.Attr[0].Key == "data-cardea" && n.Parent.Data == "head" {
			ours = append(ours, n)
			found++
		}
		if n.Type == html.TextNode && n.Parent.Data == "head" {
			ours = append(ours, n)
		}
	}
	for _, n := range ours {
		n.Parent.RemoveChild(n)
	}
	var out bytes.Buffer
	if err := html.Render(&out, root); err != nil {
		t.Fatal(err)
	}
	return out.String(), found
}
