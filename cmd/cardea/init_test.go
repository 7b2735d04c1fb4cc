package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-auth/cardea/internal/demo/sample"
	"github.com/cardea-auth/cardea/internal/devprovider"
	"github.com/cardea-auth/cardea/internal/freeport"
)

// sampleApp serves the demo's sample app until the script ends: sample-app PORT
func sampleApp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sample-app PORT")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	server := &http.Server{Handler: sample.New(sample.Options{Logger: slog.New(slog.DiscardHandler)}), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			ts.Logf("the sample app ended: %v", err)
		}
	}()
	ts.Defer(func() { server.Close() })
}

// signsIn opens an address as somebody whom the development provider knows, and wants to
// end at the app, which has been told who it is: signs-in ADDRESS ISSUER PERSON PASSWORD
func signsIn(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: [!] signs-in ADDRESS ISSUER PERSON PASSWORD")
	}
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	client := &http.Client{Jar: jar, Timeout: 60 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	visitor := devprovider.NewVisitor(args[1], jar, nil, args[2], args[3])
	target := args[0] + "/"
	for range 20 {
		if strings.HasPrefix(target, args[1]) {
			next, err := visitor.Visit(context.Background(), target)
			ts.Check(err)
			target = next.String()
			continue
		}
		res, err := navigate(client, target)
		ts.Check(err)
		if next := res.Header.Get("Location"); next != "" {
			at, err := url.Parse(target)
			ts.Check(err)
			to, err := at.Parse(next)
			ts.Check(err)
			target = to.String()
			continue
		}
		if neg {
			if res.StatusCode != http.StatusForbidden {
				ts.Fatalf("%s was not refused: %s at %s\n%s", args[2], res.Status, target, res.body)
			}
			return
		}
		if res.StatusCode != http.StatusOK || target != args[0]+"/" || !strings.Contains(res.body, args[2]) || len(visitor.Asked) == 0 {
			ts.Fatalf("%s ended at %s with %d, after %v:\n%s", args[2], target, res.StatusCode, visitor.Asked, res.body)
		}
		return
	}
	ts.Fatalf("redirects without end, last to %s", target)
}

type shown struct {
	*http.Response
	body string
}

func navigate(client *http.Client, target string) (shown, error) {
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return shown{}, err
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Dest", "document")
	res, err := client.Do(req)
	if err != nil {
		return shown{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return shown{res, string(body)}, err
}

// neighbours sets a variable to a port that is free, as is the one after it, at which the
// operators' listener of a first configuration is: neighbours VAR
func neighbours(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: neighbours VAR")
	}
	port, err := freeport.Next(1)
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(port))
}
