package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	only    string
	leg     time.Duration // how long one leg of a timed comparison lasts
	quick   bool
	profile string // folder for CPU profiles of the measured servers
	cardea  string // a built binary; built when empty
}

// row is one budget.
type row struct {
	name    string
	measure func(context.Context, *lab) ([]result, error)
}

func rows() []row {
	return []row{
		{"check", checkRow},
		{"proxy", proxyRow},
		{"vault", vaultRow},
		{"allocs", allocsRow},
		{"million", millionRow},
		{"sockets", socketsRow},
		{"signout", signoutRow},
		{"refresh", refreshRow},
		{"start", startRow},
	}
}

func main() {
	if serving() {
		os.Exit(serveMain())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	o, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2)
	}
	os.Exit(run(ctx, o, os.Stdout, os.Stderr))
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(out)
	seconds := f.Float64("seconds", 1, "how long one leg of a timed comparison lasts")
	f.StringVar(&o.only, "only", "", "measure these rows only, separated by commas: "+strings.Join(names, " "))
	f.BoolVar(&o.quick, "quick", false, "small numbers, to see that everything works; the figures mean little")
	f.StringVar(&o.profile, "profile", "", "write CPU profiles of the measured servers into this folder")
	f.StringVar(&o.cardea, "cardea", "", "the cardea binary to start; built when not given")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if name != "" && !slices.Contains(names, name) {
			err := fmt.Errorf("no row %q; there are: %s", name, strings.Join(names, " "))
			fmt.Fprintln(out, err)
			return o, err
		}
	}
	o.leg = time.Duration(*seconds * float64(time.Second))
	if o.quick {
		o.leg = min(o.leg, 200*time.Millisecond)
	}
	return o, nil
}

// run measures and prints; its answer is the exit code: 1 when a row could not be
// measured. A missed budget is said in the table.
func run(ctx context.Context, o options, out, log io.Writer) int {
	l, err := newLab(o, log)
	if err != nil {
		fmt.Fprintln(log, "bench:", err)
		return 1
	}
	defer l.close()
	var all []result
	code := 0
	for _, r := range rows() {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), r.name) {
			continue
		}
		began := time.Now()
		l.say("%s ...", r.name)
		results, err := r.measure(ctx, l)
		l.stopAll()
		if err != nil {
			code = 1
			fmt.Fprintf(log, "bench: %s: %v\n", r.name, err)
			results = append(results, result{what: r.name, budget: "", measured: "not measured", failed: true})
		}
		l.say("%s took %.1f s", r.name, time.Since(began).Seconds())
		all = append(all, results...)
		if ctx.Err() != nil {
			code = 1
			break
		}
	}
	printTable(out, all)
	fmt.Fprintf(out, "\n%s\n", machine())
	if o.quick {
		fmt.Fprintln(out, "quick run: the figures mean little")
	}
	return code
}

// machine says what the figures were taken on.
func machine() string {
	load := "unknown"
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 2 {
			load = strings.Join(f[:3], " ")
		}
	}
	return fmt.Sprintf("machine: %d cores, %s/%s, %s, load averages at the end %s",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), load)
}
