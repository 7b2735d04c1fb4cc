package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line's.
type options struct {
	suite, folder, binary, work string
	ops, upstream               string
	plans                       list
	modules                     string
	patience                    time.Duration
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func main() {
	o := options{}
	flag.StringVar(&o.suite, "suite", "https://localhost:8443/", "the suite's address")
	flag.StringVar(&o.folder, "configuration", "../examples/conformance", "the folder with cardea.yaml, suite.json and data/tls")
	flag.StringVar(&o.binary, "cardea", "../bin/cardea", "the cardea binary")
	flag.StringVar(&o.work, "work", "../.cache/conformance", "where each module's configuration, data and log go")
	flag.StringVar(&o.ops, "ops", "http://127.0.0.1:4444", "ops.listen of cardea.yaml")
	flag.StringVar(&o.upstream, "upstream", "127.0.0.1:4445", "the application's address in cardea.yaml; it is served here")
	flag.Var(&o.plans, "plan", "a plan to run; may be given several times (default: all)")
	flag.StringVar(&o.modules, "module", "", "run only modules whose name matches this expression")
	flag.DurationVar(&o.patience, "patience", 45*time.Second, "how long to wait for a module's verdict")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bad, err := run(ctx, o, os.Getenv("CONFORMANCE_TOKEN"), os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if bad > 0 {
		os.Exit(1)
	}
}

// run takes a person through the plans, prints a table, and returns how many modules did
// not come to what they must.
func run(ctx context.Context, o options, token string, to io.Writer) (bad int, err error) {
	r, configuration, err := prepare(ctx, o, token)
	if err != nil {
		return 0, err
	}
	app, err := serveApp(ctx, o.upstream)
	if err != nil {
		return 0, err
	}
	defer app.Close()
	chosen, err := choose(o.plans)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, p := range chosen {
		fmt.Fprintf(to, "%s\n", p.name)
		err := r.runPlan(ctx, p, without(configuration, p.without), func(out outcome) {
			count++
			if len(out.faults) > 0 {
				bad++
			}
			report(to, out)
		})
		if err != nil {
			return bad, err
		}
	}
	fmt.Fprintf(to, "%d modules, %d not as they must be\n", count, bad)
	if count == 0 {
		return bad, errors.New("no module was run")
	}
	return bad, nil
}

// report prints a module's line as soon as it is known: the whole takes minutes.
func report(to io.Writer, out outcome) {
	mark := "ok"
	if len(out.faults) > 0 {
		mark = "NOT OK"
	}
	fmt.Fprintf(to, "  %-6s  %-55s  %-8s  %s\n", mark, out.module, out.result, strings.Join(out.ways, ", "))
	for _, fault := range out.faults {
		fmt.Fprintf(to, "          %s\n", fault)
	}
	if len(out.faults) > 0 && out.log != "" {
		fmt.Fprintf(to, "          the gateway's log: %s\n", out.log)
	}
}

// prepare reads the configuration and makes what talks to the suite.
func prepare(ctx context.Context, o options, token string) (*runner, map[string]any, error) {
	if !strings.HasSuffix(o.suite, "/") {
		o.suite += "/"
	}
	configuration, public, err := readSuite(filepath.Join(o.folder, "suite.json"))
	if err != nil {
		return nil, nil, err
	}
	secret := rand.Text()
	configuration["client"].(map[string]any)["client_secret"] = secret
	folder := filepath.Join(o.folder, "data", "tls")
	if err := trustSuite(ctx, o.suite, filepath.Join(folder, "suite.pem")); err != nil {
		return nil, nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	for _, name := range []string{"suite.pem", "gateway.pem"} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, nil, fmt.Errorf("%w; run the program \"certificates\" in %s once", err, o.folder)
		}
		roots.AppendCertsFromPEM(data)
	}
	r := &runner{
		suite: &suite{base: o.suite, token: token, http: &http.Client{
			Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		}},
		gateways: &gateways{
			binary: o.binary, config: filepath.Join(o.folder, "cardea.yaml"), tls: folder, ops: o.ops,
			secret: secret, ready: 2 * time.Minute,
		},
		public: public, roots: roots, work: o.work, aged: 5500 * time.Millisecond, patience: o.patience,
	}
	if o.modules != "" {
		if r.modules, err = regexp.Compile(o.modules); err != nil {
			return nil, nil, fmt.Errorf("-module: %w", err)
		}
	}
	return r, configuration, nil
}

// readSuite reads suite.json and the gateway's origin, which is that of the redirect URI.
func readSuite(path string) (configuration map[string]any, public string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, "", err
	}
	if err := json.Unmarshal(data, &configuration); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	client, _ := configuration["client"].(map[string]any)
	redirect, _ := client["redirect_uri"].(string)
	u, err := url.Parse(redirect)
	if err != nil || u.Host == "" {
		return nil, "", fmt.Errorf("%s: client.redirect_uri is no address", path)
	}
	return configuration, origin(u), nil
}

// without is the configuration with members of client left out.
func without(configuration map[string]any, names []string) map[string]any {
	client := map[string]any{}
	for name, value := range configuration["client"].(map[string]any) {
		if !slices.Contains(names, name) {
			client[name] = value
		}
	}
	out := map[string]any{}
	for name, value := range configuration {
		out[name] = value
	}
	out["client"] = client
	return out
}

// trustSuite keeps the certificate that a suite on this machine presents, because such a
// suite signs its own. Another suite's must be trusted by the machine.
func trustSuite(ctx context.Context, address, file string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return fmt.Errorf("-suite %q: an https address is needed", address)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil
	}
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // its certificate is what is asked for
	conn, err := dialer.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return fmt.Errorf("the suite does not answer: %w", err)
	}
	defer conn.Close()
	var out []byte
	for _, cert := range conn.(*tls.Conn).ConnectionState().PeerCertificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})...)
	}
	return os.WriteFile(file, out, 0o600)
}

// choose finds the plans that were named; none named are all.
func choose(names []string) ([]planned, error) {
	all := plans()
	if len(names) == 0 {
		return all, nil
	}
	var out []planned
	for _, name := range names {
		i := slices.IndexFunc(all, func(p planned) bool { return p.name == name })
		if i < 0 {
			var known []string
			for _, p := range all {
				known = append(known, p.name)
			}
			return nil, fmt.Errorf("no plan %q; there are\n  %s", name, strings.Join(known, "\n  "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// serveApp serves the application that the gateway stands in front of.
func serveApp(ctx context.Context, address string) (*http.Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serving the application: %w", err)
	}
	app := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><title>App</title><p>%s", appMark)
	})}
	go func() { _ = app.Serve(listener) }()
	return app, nil
}
