package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-auth/cardea/internal/freeport"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cardea": main})
}

// TestCommands runs the scripts of testdata/script, each in a folder of its own. Beside
// testscript's words they have:
//
//	code N COMMAND...      the command ends with exit code N
//	eventually COMMAND...  the command succeeds within a minute
//	refused VAR URL        a browser opens a page that shows a reference, which VAR then is
//	terminate              every command in the background gets SIGTERM
//	hangup                 every command in the background gets SIGHUP
//	neighbours VAR         VAR is a free port before a free port
//	sample-app PORT        the demo's sample app listens there
//	signs-in ADDRESS ISSUER PERSON PASSWORD
//	                       a browser opens the address, signs in, and ends at the app;
//	                       with ! it is refused instead
//
// and PORT1 to PORT4, ports that were free a moment ago.
func TestCommands(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code, "eventually": eventually, "terminate": terminate, "hangup": hangup, "refused": refused, "sample-app": sampleApp, "signs-in": signsIn, "neighbours": neighbours},
		Setup: func(env *testscript.Env) error {
			for i, port := range freePorts(t, 4) {
				env.Setenv("PORT"+strconv.Itoa(i+1), strconv.Itoa(port))
			}
			return nil
		},
	})
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		port, err := freeport.Next()
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = port
	}
	return ports
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("running %s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d\n%s%s", args[1:], got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func terminate(ts *testscript.TestScript, neg bool, args []string) {
	signalAll(ts, neg, args, "terminate", syscall.SIGTERM)
}

func hangup(ts *testscript.TestScript, neg bool, args []string) {
	signalAll(ts, neg, args, "hangup", syscall.SIGHUP)
}

func signalAll(ts *testscript.TestScript, neg bool, args []string, name string, sig syscall.Signal) {
	if neg || len(args) != 0 || len(ts.BackgroundCmds()) == 0 {
		ts.Fatalf("usage: %s, with a command in the background", name)
	}
	for _, cmd := range ts.BackgroundCmds() {
		if err := cmd.Process.Signal(sig); !errors.Is(err, os.ErrProcessDone) { // killed before, perhaps
			ts.Check(err)
		}
	}
}

func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: refused VAR URL")
	}
	req, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	req.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	resp, err := (&http.Client{Jar: jar, Timeout: time.Minute}).Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, rest, found := strings.Cut(string(body), "<code><bdi>")
	id, _, ended := strings.Cut(rest, "</bdi>")
	if !found || !ended {
		ts.Fatalf("no reference is shown: %s\n%s", resp.Status, body)
	}
	ts.Setenv(args[0], id)
}

func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eventually COMMAND...")
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v: %v", args, err)
		}
	}
}
