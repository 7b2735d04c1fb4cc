package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/audit"
)

// gate is a gateway that has a trail and nothing else. It can stop and start again.
type gate struct {
	socket string

	mu     sync.Mutex
	events []audit.Event
	first  int // how many were swept
	server *http.Server
}

func newGate(t *testing.T, n int) *gate {
	t.Helper()
	dir, err := os.MkdirTemp("", "gate") // t.TempDir can be longer than a socket's path may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	g := &gate{socket: filepath.Join(dir, "s")}
	g.add(n)
	g.start(t)
	t.Cleanup(g.stop)
	return g
}

func (g *gate) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range n {
		g.events = append(g.events, audit.Event{
			Seq: int64(len(g.events) + 1), ID: audit.NewID(), At: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Type: audit.SessionOpened, Actor: audit.ActorPerson,
			Handle: "ann", Provider: "main", Personal: &audit.Personal{Address: "192.0.2.7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		})
	}
}

func (g *gate) start(t *testing.T) {
	t.Helper()
	_ = os.Remove(g.socket)
	l, err := net.Listen("unix", g.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(g.audit)}
	g.mu.Lock()
	g.server = server
	g.mu.Unlock()
	go func() { _ = server.Serve(l) }()
}

// stop cuts everything, as a kill does.
func (g *gate) stop() {
	g.mu.Lock()
	server := g.server
	g.mu.Unlock()
	_ = server.Close()
}

func (g *gate) audit(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(name string) int64 { n, _ := strconv.ParseInt(q.Get(name), 10, 64); return n }
	limit := int(number("limit"))
	if limit == 0 {
		limit = 100
	}
	var page admin.AuditPage
	for deadline := time.Now().Add(time.Duration(number("wait")) * time.Second); ; time.Sleep(5 * time.Millisecond) {
		g.mu.Lock()
		list := slices.Clone(g.events[g.first:])
		page = admin.AuditPage{Events: []audit.Event{}, Last: int64(len(g.events))}
		g.mu.Unlock()
		if q.Get("newest") == "true" {
			slices.Reverse(list)
		}
		for _, e := range list {
			if e.Seq > number("after") && (q.Get("before") == "" || e.Seq < number("before")) && len(page.Events) < limit &&
				(q.Get("type") == "" || q.Get("type") == string(e.Type)) && (q.Get("reference") == "" || q.Get("reference") == e.Incident) {
				page.Events = append(page.Events, e)
			}
		}
		if len(page.Events) > 0 || time.Now().After(deadline) || r.Context().Err() != nil {
			break
		}
	}
	if n := len(page.Events); n == limit {
		page.Next = page.Events[n-1].Seq
		if q.Get("newest") == "" {
			page.Last = page.Next
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(page)
}

// printed is what a command prints, safe for concurrent use.
type printed struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

func (g *gate) run(ctx context.Context, args ...string) (code int, out, errs string) {
	var o, e printed
	code = g.into(ctx, &o, &e, args...)
	return code, o.String(), e.String()
}

func (g *gate) into(ctx context.Context, out, errs io.Writer, args ...string) int {
	return run(ctx, append(append([]string{"audit"}, args...), "--admin", "unix:"+g.socket), process{
		in: strings.NewReader(""), out: out, err: errs, env: func(string) (string, bool) { return "", false }, readFile: os.ReadFile,
	})
}

// numbers are the places of the lines that were printed.
func numbers(t *testing.T, text string) (all []int64) {
	t.Helper()
	for line := range strings.Lines(text) {
		e, err := audit.ParseLine([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e.Seq)
	}
	return all
}

func upTo(from, to int64) (all []int64) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// waits returns when a follower has said, for the nth time, that nobody answers. Before that a
// gateway that is back is one that was never away.
func waits(t *testing.T, errs *printed, n int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); strings.Count(errs.String(), "waiting for it") != n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not say %d times that nobody answers: %s", n, errs.String())
		}
	}
}

func TestAFollowedTrailIsWholeAcrossRestartsOfTheGateway(t *testing.T) {
	g := newGate(t, 20)
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs printed
	done := make(chan int)
	go func() { done <- g.into(ctx, &out, &errs, "tail", "-f", "-n", "5", "--json") }()
	seen := func(n int64) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !slices.Equal(numbers(t, out.String()), upTo(16, n)); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("shown %v, want up to %d; %s", numbers(t, out.String()), n, errs.String())
			}
		}
	}
	seen(20)
	g.add(3)
	seen(23)
	for round := range int64(2) {
		g.stop()
		g.add(4) // while nobody listens
		waits(t, &errs, int(round)+1)
		g.start(t)
		seen(27 + 5*round)
		g.add(1)
		seen(28 + 5*round)
	}
	cancel()
	if code := <-done; code != exitDone {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if text := errs.String(); strings.Count(text, "waiting for it") != 2 || strings.Count(text, "answers again") != 2 {
		t.Error(text)
	}
}

func TestAFollowedTrailThatIsRestoredGoesOnWithTheRestore(t *testing.T) {
	for name, after := range map[string]int{"shorter than what was shown": 2, "longer than what was shown": 12} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, 10)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var out, errs printed
			done := make(chan int)
			go func() { done <- g.into(ctx, &out, &errs, "tail", "-f", "-n", "1", "--json") }()
			wait := func(want []int64) {
				t.Helper()
				for deadline := time.Now().Add(30 * time.Second); !slices.Equal(numbers(t, out.String()), want); time.Sleep(5 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("shown %v, want %v; %s", numbers(t, out.String()), want, errs.String())
					}
				}
			}
			wait([]int64{10})
			g.stop()
			g.mu.Lock()
			g.events = append(g.events[:4:4], audit.Event{Seq: 5, ID: audit.NewID(), At: time.Now(), Type: audit.StoreRestored, Actor: audit.ActorGateway})
			g.mu.Unlock()
			g.add(after)
			waits(t, &errs, 1)
			g.start(t)
			wait(append([]int64{10}, upTo(5, int64(5+after))...))
			if !strings.Contains(errs.String(), "the store was restored") {
				t.Error(errs.String())
			}
			cancel()
			<-done
		})
	}
}

func TestEventsAreListedAsALogIs(t *testing.T) {
	g := newGate(t, 30)
	code, out, _ := g.run(t.Context(), "list", "--limit", "3")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 5 || !strings.HasPrefix(lines[0], "SEQ  TIME") || !strings.HasPrefix(lines[1], "28 ") || !strings.HasPrefix(lines[3], "30 ") || lines[4] != "earlier: --before 28" {
		t.Errorf("%d\n%s", code, out)
	}
	for _, want := range []string{"signed in", "person", "ann", "main", "192.0.2.7, Firefox on Linux", time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC).Local().Format(time.DateTime)} {
		if !strings.Contains(lines[1], want) {
			t.Errorf("%q lacks %q", lines[1], want)
		}
	}
	for _, tc := range []struct {
		args []string
		want []int64
		more string
	}{
		{[]string{"--limit", "3", "--before", "28"}, upTo(25, 27), "earlier: --before 25"},
		{[]string{"--limit", "3", "--after", "10"}, upTo(11, 13), "more: --after 13"},
		{[]string{"--limit", "3", "--newest-first"}, []int64{30, 29, 28}, "more: --before 28"},
		{[]string{"--all"}, upTo(1, 30), ""},
		{[]string{"--limit", "50"}, upTo(1, 30), ""},
	} {
		code, out, errs := g.run(t.Context(), append([]string{"list", "--json"}, tc.args...)...)
		if got := numbers(t, out); code != 0 || !slices.Equal(got, tc.want) || strings.TrimSpace(errs) != tc.more {
			t.Errorf("%v: %v, %q", tc.args, got, errs)
		}
	}
}

func TestWhatStrangersWroteDoesNothingToATerminalThatShowsTheTrail(t *testing.T) {
	g := newGate(t, 1)
	g.events[0].Personal.UserAgent = "\x1b[2Jevil\u202egnp \u2066x\u0085"
	g.events[0].Personal.Name = "\x1b]0;title\a"
	g.events[0].Handle = "a\u202eb"
	g.events[0].Detail = map[string]string{"k\u202ey": "\x1b[31m"}
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"show", "1"}, {"tail"}, {"export"}} {
		_, out, _ := g.run(t.Context(), args...)
		if out == "" || strings.ContainsFunc(out, func(r rune) bool { return r == '\x1b' || r == '\a' || r == '\u202e' || r == '\u2066' || r == '\u0085' }) {
			t.Errorf("%v: %q", args, out)
		}
	}
}

func TestAnEventIsShownWithItsMeaning(t *testing.T) {
	g := newGate(t, 3)
	g.events[2].Type, g.events[2].Cause, g.events[2].Incident = audit.SigninRefused, "disabled", "3kq7zt5w2m4hxcya"
	for _, name := range []string{"3", "3kq7zt5w2m4hxcya"} {
		code, out, _ := g.run(t.Context(), "show", name)
		for _, want := range []string{"sign-in refused (signin.refused)", "which means", "cardea why 3kq7zt5w2m4hxcya", "Firefox on Linux"} {
			if !strings.Contains(out, want) || code != 0 {
				t.Errorf("%s: %q is missing in\n%s", name, want, out)
			}
		}
	}
	for name, want := range map[string]string{"9": "goes up to 3", "nothing": "no event has the reference nothing"} {
		if code, _, errs := g.run(t.Context(), "show", name); code != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%s: %d, %s", name, code, errs)
		}
	}
	g.first = 2
	if code, _, errs := g.run(t.Context(), "show", "1"); code != exitFailed || !strings.Contains(errs, "not kept any more") {
		t.Errorf("%d, %s", code, errs)
	}
}

func TestEveryTypeOfEventHasWords(t *testing.T) {
	if len(audit.Types()) < 20 {
		t.Fatal("types are missing")
	}
	for _, d := range audit.Types() {
		if inWords(d.Type) == "" {
			t.Errorf("%s has no words", d.Type)
		}
		if text := happened(d.Example); text == "" || len(text) > 40 {
			t.Errorf("%s: %q", d.Type, text)
		}
	}
	if got := happened(audit.Event{Type: "of.later"}); got != "of.later" {
		t.Error(got)
	}
}

func TestAnExportIsContinuedWithoutGapAndWithoutRepetition(t *testing.T) {
	g := newGate(t, 2500)
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	check := func(want int64, args ...string) {
		t.Helper()
		code, _, errs := g.run(t.Context(), append([]string{"export", "--file", file}, args...)...)
		text, err := os.ReadFile(file)
		if code != 0 || err != nil || !slices.Equal(numbers(t, string(text)), upTo(1, want)) {
			t.Fatalf("%v: %d, %v, %s", args, code, err, errs)
		}
	}
	check(2500, "--append") // a file that is not there yet
	g.add(10)
	check(2510, "--append")
	check(2510, "--append")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	if err := os.Truncate(file, info.Size()-17); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	check(2510, "--append")
	g.add(1)
	check(2511) // replaced as a whole
	g.first = 2511
	g.add(1)
	check(2512, "--append") // what stands in it is not kept any more, and nothing is missing
	if left, err := filepath.Glob(file + "*"); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if code, out, _ := g.run(t.Context(), "export", "--after", "2511"); code != 0 || !slices.Equal(numbers(t, out), []int64{2512}) {
		t.Errorf("%d %s", code, out)
	}
}

func TestAFileThatIsNotOfThisTrailIsLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other, g := newGate(t, 5), newGate(t, 5)
	_, theirs, _ := other.run(t.Context(), "export")
	_, ours, _ := g.run(t.Context(), "export")
	swept := newGate(t, 20)
	_, long, _ := swept.run(t.Context(), "export", "--until", "9999-01-01T00:00:00Z")
	swept.first = 15
	prose, foreign, own := write("prose", "root:x:0:0\n"), write("foreign", theirs), write("own", ours)
	gap := write("gap", strings.Join(strings.SplitAfter(long, "\n")[:10], ""))
	for name, tc := range map[string]struct {
		g    *gate
		args []string
		want string
		code int
	}{
		"prose":                   {g, []string{"--file", prose}, "no audit trail", exitFailed},
		"prose, appended":         {g, []string{"--file", prose, "--append"}, "no audit trail", exitFailed},
		"another's":               {g, []string{"--file", foreign, "--append"}, "is not in this gateway's trail", exitFailed},
		"a gap":                   {swept, []string{"--file", gap, "--append"}, "would have a gap", exitFailed},
		"nobody there":            {&gate{socket: filepath.Join(dir, "none")}, []string{"--file", own}, "no running gateway", exitFailed},
		"append to nothing":       {g, []string{"--append"}, "name it by --file", exitUsage},
		"append from elsewhere":   {g, []string{"--append", "--file", own, "--after", "3"}, "without --after", exitUsage},
		"a folder that is not":    {g, []string{"--file", filepath.Join(dir, "no", "such")}, "no such file or directory", exitFailed},
		"no file but a directory": {g, []string{"--file", dir}, "no audit trail", exitFailed},
	} {
		before, _ := os.ReadFile(own)
		code, _, errs := tc.g.run(t.Context(), append([]string{"export"}, tc.args...)...)
		if code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: %d, %s", name, code, errs)
		}
		if after, _ := os.ReadFile(own); !bytes.Equal(before, after) {
			t.Errorf("%s: the file changed", name)
		}
	}
	if text, err := os.ReadFile(prose); err != nil || string(text) != "root:x:0:0\n" {
		t.Errorf("%q, %v", text, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) != 0 {
		t.Errorf("%v is left", left)
	}
}
