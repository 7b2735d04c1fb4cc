package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// appMark is what the application says; nobody sees it without a session.
const appMark = "the application behind the gateway"

// runner takes a person through modules.
type runner struct {
	suite    *suite
	gateways *gateways
	public   string // the gateway's and the application's origin
	roots    *x509.CertPool
	work     string         // a folder below it for each module
	modules  *regexp.Regexp // which to run; nil: all
	count    int
	// aged is how long tokens take to be old, by the configuration's recheck.
	aged time.Duration
	// patience is how long a verdict is waited for.
	patience time.Duration
}

// outcome is what became of a module.
type outcome struct {
	module string
	result string // the suite's
	ways   []string
	faults []string // empty: as it must be
	log    string   // the gateway's
}

// runPlan makes a plan at the suite and takes the person through its modules.
func (r *runner) runPlan(ctx context.Context, p planned, configuration map[string]any, each func(outcome)) error {
	made, err := r.suite.createPlan(ctx, p.name, p.variant, configuration)
	if err != nil {
		return fmt.Errorf("making the plan %s: %w", p.name, err)
	}
	for _, m := range made.Modules {
		if len(p.modules) > 0 && !slices.Contains(p.modules, m.Name) || r.modules != nil && !r.modules.MatchString(m.Name) {
			continue
		}
		out, err := r.runModule(ctx, p, made, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		each(out)
	}
	return nil
}

// runModule takes the person through one module. Its error is of the machinery, and ends the
// run; what the gateway does wrong stands in the outcome.
func (r *runner) runModule(ctx context.Context, p planned, made plan, m module) (outcome, error) {
	out := outcome{module: m.Name}
	id, err := r.waiting(ctx, made, m)
	if err != nil {
		return out, err
	}
	want := expected(p, m.Name)
	if err := r.take(ctx, &out, want, id); err != nil {
		return out, err
	}
	final, err := r.suite.await(ctx, id, r.patience, info.over)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return out, err
	}
	if out.result = final.Result; out.result == "" || final.Status != "FINISHED" {
		out.result = strings.Trim(final.Status+" "+final.Result, " ")
	}
	if slices.Contains(want.results, out.result) {
		return out, nil
	}
	out.fault("the suite says %s, expected is %s", out.result, strings.Join(want.results, " or "))
	bad, err := r.suite.complaints(ctx, id)
	for _, e := range bad {
		out.fault("  %s %s: %s", e.Result, e.Source, e.Message)
	}
	return out, err
}

// waiting starts a module and returns its id when it waits for a relying party. The module
// of third-party login runs a race against its own start, which it loses now and then; one
// that ends before anybody has asked it anything is started again.
func (r *runner) waiting(ctx context.Context, made plan, m module) (string, error) {
	for range 20 {
		id, err := r.suite.start(ctx, made, m)
		if err != nil {
			return "", err
		}
		now, err := r.suite.await(ctx, id, r.patience, func(i info) bool { return i.Status == "WAITING" || i.over() })
		if err != nil {
			return "", err
		}
		if !now.over() {
			return id, nil
		}
	}
	return "", errors.New("the module ends by itself, again and again")
}

func (o *outcome) fault(format string, args ...any) {
	o.faults = append(o.faults, fmt.Sprintf(format, args...))
}

// take runs the gateway and the person for one module.
func (r *runner) take(ctx context.Context, out *outcome, want expectation, id string) (err error) {
	// Short names: the gateway's admin socket lies below, and its path has a limit.
	r.count++
	folder := filepath.Join(r.work, strconv.Itoa(r.count))
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	g, err := r.gateways.start(ctx, folder, want.unasked)
	if err != nil {
		return err
	}
	out.log = g.log
	defer func() { err = errors.Join(err, g.stop()) }()

	who, err := newPerson(r.roots)
	if err != nil {
		return err
	}
	if want.halt {
		who.within = r.public
	}
	at, err := r.signIn(ctx, who, id)
	if err != nil {
		return err
	}
	if !out.arrive(want.first, at) || want.first != inApp {
		return nil
	}
	for i, s := range want.steps {
		expect := inApp
		if i == len(want.steps)-1 {
			expect = want.last
		}
		if at, err = r.do(ctx, who, s, id); err != nil {
			return err
		}
		if !out.arrive(expect, at) {
			return nil
		}
	}
	for _, f := range who.framed {
		out.ways = append(out.ways, fmt.Sprintf("frame %d", f.status))
		if f.status != http.StatusOK {
			out.fault("the frame's address answers %d", f.status)
		}
	}
	return nil
}

// arrive notes where the person is, and whether that is right.
func (o *outcome) arrive(want ending, at page) bool {
	got := where(at)
	o.ways = append(o.ways, string(got))
	if got == want {
		return true
	}
	o.fault("the person ends %s, expected is %s: %d at %s%s", got, want, at.status, origin(at.url), at.url.Path)
	return false
}

// signIn goes where the module sends a browser, or else opens the application.
func (r *runner) signIn(ctx context.Context, who *person, id string) (page, error) {
	visits, err := r.suite.visits(ctx, id)
	if err != nil {
		return page{}, err
	}
	if len(visits) == 0 {
		return who.open(ctx, r.public+"/")
	}
	if err := r.suite.visited(ctx, id, visits[0]); err != nil {
		return page{}, err
	}
	return who.open(ctx, visits[0])
}

func (r *runner) do(ctx context.Context, who *person, s step, id string) (page, error) {
	switch s {
	case refreshed:
		select {
		case <-time.After(r.aged):
		case <-ctx.Done():
			return page{}, ctx.Err()
		}
		// By a script: a navigation would be sent to the provider where the tokens are lost.
		return who.fetch(ctx, r.public+"/")
	case againOther:
		other, err := newPerson(r.roots)
		if err != nil {
			return page{}, err
		}
		return other.open(ctx, r.public+"/")
	case leftElsewhere:
		if err := r.visit(ctx, who, id); err != nil {
			return page{}, err
		}
		return who.fetch(ctx, r.public+"/")
	default:
		home, err := url.Parse(r.public + "/")
		if err != nil {
			return page{}, err
		}
		return who.post(ctx, page{url: home}, "/.cardea/sign-out", url.Values{})
	}
}

// visit waits until the module wants the browser somewhere, and goes there.
func (r *runner) visit(ctx context.Context, who *person, id string) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	for {
		visits, err := r.suite.visits(ctx, id)
		if err == nil && len(visits) > 0 {
			if err = r.suite.visited(ctx, id, visits[0]); err == nil {
				_, err = who.open(ctx, visits[0])
			}
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the module sends nobody anywhere: %w", errors.Join(err, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// where says where a person is, by what the page shows.
func where(at page) ending {
	switch {
	case at.status == http.StatusOK && strings.Contains(at.body, appMark):
		return inApp
	case at.status == http.StatusOK && at.url.Path == "/.cardea/signed-out":
		return signedOut
	case at.status/100 == 3 && strings.Contains(at.header.Get("Location"), "/authorize?"):
		return underWay
	}
	return refused
}
