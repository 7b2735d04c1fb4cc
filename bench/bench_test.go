package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	if serving() {
		os.Exit(serveMain())
	}
	os.Exit(m.Run())
}

// quickLab is a lab for small numbers, with nothing asserted about time.
func quickLab(t *testing.T) *lab {
	t.Helper()
	l, err := newLab(options{quick: true, leg: 30 * time.Millisecond}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

func measured(t *testing.T, measure func(context.Context, *lab) ([]result, error)) []result {
	t.Helper()
	results, err := measure(t.Context(), quickLab(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.what == "" || r.budget == "" || r.measured == "" || strings.Contains(r.measured, "NaN") {
			t.Errorf("a row says %+v", r)
		}
	}
	return results
}

func TestServersOfTheCheckAnswerTheSameBytes(t *testing.T) { measured(t, checkRow) }
func TestProxiesPutTheSameBytesOnTheWire(t *testing.T)     { measured(t, proxyRow) }
func TestKeptCookiesReachTheApp(t *testing.T)              { measured(t, vaultRow) }

func TestGuardKeepsToItsAllocations(t *testing.T) {
	if r := measured(t, allocsRow); !r[0].ok {
		t.Errorf("a check on a cache hit makes %s allocations", r[0].measured)
	}
}

func TestOneTokenRequestForManyRequests(t *testing.T) {
	if r := measured(t, refreshRow); !r[0].ok {
		t.Errorf("%s token requests", r[0].measured)
	}
}

func TestSignOutClosesEverySocket(t *testing.T) { measured(t, signoutRow) }

func TestBulkSessionsAreChecked(t *testing.T) {
	l := quickLab(t)
	w, err := l.newWorld("bulk", "127.0.0.1:1", "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.bulk(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	c, stop, err := w.checker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for i := range 20 {
		if err := c.check(t.Context(), bulkSeat(i)); err != nil {
			t.Errorf("session %d: %v", i, err)
		}
	}
	if c.check(t.Context(), bulkSeat(20)) == nil {
		t.Error("a session that was never stored is let in")
	}
}

func TestDifferentBytesAreNotCompared(t *testing.T) {
	a := wire{upstream: []byte("GET / HTTP/1.1\r\n\r\n"), answer: []byte("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\nx")}
	later := a
	later.answer = []byte("HTTP/1.1 200 OK\r\nDate: Fri, 02 Jan 2026 00:00:00 GMT\r\n\r\nx")
	if err := a.same(later); err != nil {
		t.Errorf("the time of day counts as a difference: %v", err)
	}
	for name, b := range map[string]wire{
		"body":     {upstream: a.upstream, answer: []byte("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\ny")},
		"header":   {upstream: a.upstream, answer: []byte("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nA: b\r\n\r\nx")},
		"no date":  {upstream: a.upstream, answer: []byte("HTTP/1.1 200 OK\r\n\r\nx")},
		"upstream": {upstream: []byte("GET / HTTP/1.1\r\nA: b\r\n\r\n"), answer: a.answer},
	} {
		if a.same(b) == nil {
			t.Errorf("another %s goes unnoticed", name)
		}
	}
}

func TestFiguresAreMediansWithTheirSpread(t *testing.T) {
	type want struct {
		s    spread
		text string
	}
	for _, c := range []struct {
		values []float64
		want   want
	}{
		{[]float64{3, 1, 2}, want{spread{2, 1, 3}, "2.0x (1.0–3.0)"}},
		{[]float64{4, 1, 2, 3}, want{spread{2.5, 1, 4}, "2.5x (1.0–4.0)"}},
		{[]float64{7}, want{spread{7, 7, 7}, "7.0x (7.0–7.0)"}},
	} {
		got := want{spreadOf(c.values), spreadOf(c.values).text("%.1f", "x")}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(want{}, spread{})); d != "" {
			t.Error(d)
		}
	}
	times := []time.Duration{4, 1, 3, 2, 5, 6, 7, 8, 9, 10}
	for share, want := range map[float64]time.Duration{0.5: 5, 0.99: 10, 0.1: 1, 1: 10} {
		if got := percentile(times, share); got != want {
			t.Errorf("percentile %v is %d, want %d", share, got, want)
		}
	}
}

func TestTableSaysWhichBudgetsAreMissed(t *testing.T) {
	var out bytes.Buffer
	printTable(&out, []result{
		{what: "one", budget: "≤ 5", measured: "4", ok: true},
		{what: "two", budget: "≤ 5", measured: "6", notes: []string{"why"}},
		{what: "three", measured: "not measured", failed: true},
	})
	for _, line := range []string{"one +≤ 5 +4 +ok", "two +≤ 5 +6 +missed", "three +not measured +failed", "two:\n  why"} {
		if !matches(line, out.String()) {
			t.Errorf("no %q in\n%s", line, out.String())
		}
	}
}

func TestUnknownRowsAreRefused(t *testing.T) {
	if _, err := parse([]string{"-only", "check,nonsense"}, io.Discard); err == nil {
		t.Error("a row that is not there is accepted")
	}
	o, err := parse([]string{"-only", "check,proxy", "-seconds", "0.5"}, io.Discard)
	if err != nil || o.leg != 500*time.Millisecond {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestServersEndWithWhoeverStartedThem(t *testing.T) {
	l := quickLab(t)
	c, err := l.start(t.Context(), spec{Role: "upstream"})
	if err != nil {
		t.Fatal(err)
	}
	c.stop()
	if c.cmd.ProcessState == nil { // its port may be somebody else's by now
		t.Error("a stopped server still runs")
	}
	if _, err := c.usage(); err == nil {
		t.Error("a stopped server still tells what it uses")
	}
}

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
