package pagescript

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// In these tables "@" is where the script goes.
const mark = "@"

// brief is a page as the tables write it.
func brief(page string) string {
	return strings.ReplaceAll(page, snippet(somewhere(), "", ""), mark)
}

func expand(with string, nonce, label string) string {
	return strings.Replace(with, mark, snippet(somewhere(), nonce, label), 1)
}

func TestTheScriptStandsBeforeWhateverActsOnScripts(t *testing.T) {
	for _, want := range []string{
		`<!doctype html><html><head><meta charset=utf-8><title>a</title>@<script>b</script></head><body></body></html>`,
		`<!DOCTYPE html><HTML LANG="a>b"><HEAD a='>' b=c/><META CHARSET="UTF-8" />@<LINK rel=x></HEAD>`,
		"\n<!-- a license -- > --->\n<!doctype html>\n<html>\n<head>\n  @<base href=/x></head>",
		`<!-->@<p>`, `<!--->@<p>`, `<!-- --!>@<p>`, `<!-- --!-->@<p>`, `<!-- <!-->@<p>`, `<!----><!---!>--><!------>@x`,
		`<?xml version="1.0"?><!ELEMENT x><![CDATA[x]]></ x></><!>@x`, `<!->@x`, `<!-x-->@x`,
		`@text`, `@&amp;`, "\xEF\xBB\xBF \f\t\r\n@x", "@\u00a0", `@< a`, `@<1>`, `@<é>`, `@<`, `@</`,
		`<html>@<body>`, `<html>@</html>`, `<head>@</head>`, `@</br>`, `@<header>`, `@<he>`, `@<metadata>`, `@<h1>`, `@<frameset>`, `@<noscript>`,
		`<html/x="y"/><head  a = b c= 'd' e="f"g/=h>@<style>`, `<html =a=">">@<p>`, `<html a=">">@<p>`,
		`<meta name=x content=y><meta property="og:title" content="<script>"><meta itemprop=z>@<link>`,
		`<meta http-equiv=Content-Type content="text/html; charset=gbk">@<p>`,
		`@<meta http-equiv="Content-Security-Policy" content="script-src 'none'">`,
		`@<meta name=x HTTP-EQUIV=refresh content=0>`, `@<meta http-equiv>`, `<meta http-equiv='content-type' http-equiv=refresh>@<p>`,
		`@<meta http-equiv=content-type&#32;>`, `@<meta/http-equiv=x>`,
		`<title>a<b></titles></title x="</title>">@<p>`, `<TITLE></TITLE/>@<p>`, `<title/><script></title>@<script>`, `<title><</<//title</title>@x`, `<title></tit</title	>@x`,
		`<!doctype html><title>only</title>@`, `<!-- only -->@`, `<html>@`,
	} {
		page := strings.Replace(want, mark, "", 1)
		for how, r := range chunkings(page) {
			got, err := added(t, answer(r))
			if d := cmp.Diff(want, brief(got)); d != "" || err != nil {
				t.Errorf("%q, %s: %v\n%s", want, how, err, d)
			}
		}
	}
}

func TestAPageWithoutAPlaceStaysAsItIs(t *testing.T) {
	for _, page := range []string{
		"", " \n", "\xEF\xBB\xBF", "<!-- never closed <p>", "<title>never closed <p></titl", "<html a='never closed <p>", "<meta ", "<!doctype", "<ht", "<title></title",
		"<\x00h\x00", "<html>\x00<p>", "<title>\x1b$B<</title>\x1b(B</title><p>",
	} {
		for how, r := range chunkings(page) {
			if got, err := added(t, answer(r)); got != page || err != nil {
				t.Errorf("%q, %s: %q, %v", page, how, brief(got), err)
			}
		}
	}
}

func TestAnEndlessTagDoesNotHoldThePageBack(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for _, want := range []string{
		"<html>@<meta content='" + long + "'>", "<html a='" + long + "'>@<p>", "<!--" + long + "-->@<p>", "<title>" + long + "</title>@<p>",
	} {
		for how, r := range chunkings(strings.Replace(want, mark, "", 1)) {
			if got, err := added(t, answer(r)); got != expand(want, "", "") || err != nil {
				t.Errorf("%.30q, %s: %.60q, %v", want, how, got, err)
			}
		}
	}
}

func TestADeclaredEncodingStaysWithinTheBytesThatBrowsersLookAt(t *testing.T) {
	pad := strings.Repeat("x", 900)
	for _, row := range []struct{ name, page, label string }{
		{"behind a link", "<html>@<link rel=x><meta charset=gbk><p>", "gbk"},
		{"behind a script", "@<script>if (a</b>c) </script><!-- <meta charset=x> --><META http-equiv=content-type content='a; CHARSET = \"Shift_JIS\" '><p>", "Shift_JIS"},
		{"before the script", "<meta charset=big5>@<p><meta charset=gbk>", ""},
		{"in the body", "@<link><body><meta charset=gbk>", ""},
		{"nowhere", "@<p>", ""},
		{"too late", "@<p>" + pad + pad + "<meta charset=gbk>", ""},
		{"just in time", "@<p>" + pad + "<meta charset=gbk>" + pad, "gbk"},
		{"behind passed text", "<!--" + pad + "-->@<base><meta charset=gbk>" + pad, "gbk"},
		{"far down", "<!--" + pad + pad + "-->@<base><meta charset=gbk>" + pad, ""},
		{"not fit to repeat", "@<link><meta charset='\"><script>'><p>", ""},
		{"in a quoted attribute", "@<link a='<meta charset=gbk>'><p>", ""},
		{"cut short", "@<link><meta charset=gbk", ""},
		{"rubbish", "@<link></><!x></ a><?><a<b><meta charset=gbk>", "gbk"},
	} {
		page := strings.Replace(row.page, mark, "", 1)
		for how, r := range chunkings(page) {
			got, err := added(t, answer(r, "Content-Type: text/html"))
			if d := cmp.Diff(brief(expand(row.page, "", row.label)), brief(got)); d != "" || err != nil {
				t.Errorf("%s, %s: %v\n%s", row.name, how, err, d)
			}
		}
		if got, _ := added(t, answer(strings.NewReader(page))); got != expand(row.page, "", "") {
			t.Errorf("%s: an encoding in the header needs no other, got %q", row.name, brief(got))
		}
	}
}

func TestTheScriptIsWrittenInThePagesEncoding(t *testing.T) {
	const text = "<!doctype html><title>\u4e16\u3c00\u003c</title>@<p>"
	for _, row := range []struct {
		contentType, mark string
		unit              unit
		inserted          bool
	}{
		{"text/html; charset=utf-16le", "", utf16le, true},
		{"text/html; charset=\"UTF-16\"", "\uFEFF", utf16le, true},
		{"text/html; charset=utf-16be", "", utf16be, true},
		{"text/html", "\uFEFF", utf16be, true},
		{"text/html; charset=utf-8", "\uFEFF", utf16le, true},
		{"text/html; charset=utf-16be", "\uFEFF", utf16le, true},
		{"text/html", "", utf16le, false},
		{"text/html", "", utf16be, false},
	} {
		write := func(s string) string {
			var out []byte
			for _, r := range s {
				if row.unit == utf16le {
					out = append(out, byte(r), byte(r>>8))
				} else {
					out = append(out, byte(r>>8), byte(r))
				}
			}
			return string(out)
		}
		page := write(row.mark + strings.Replace(text, mark, "", 1))
		want := page
		if row.inserted {
			want = write(row.mark + expand(text, "", ""))
		}
		for how, r := range chunkings(page) {
			if got, err := added(t, answer(r, "Content-Type: "+row.contentType)); got != want || err != nil {
				t.Errorf("%s, mark %q, unit %d, %s: %d bytes, want %d, %v", row.contentType, row.mark, row.unit, how, len(got), len(want), err)
			}
		}
	}
	if got, _ := added(t, answer(strings.NewReader("\xEF\xBB\xBF<p>"), "Content-Type: text/html; charset=utf-16")); got != "\xEF\xBB\xBF"+snippet(somewhere(), "", "")+"<p>" {
		t.Errorf("a byte order mark wins over the header: %q", got)
	}
}
