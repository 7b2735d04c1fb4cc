package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/config"
)

// checkAgainst asks the running gateway what the configuration would bring about.
func checkAgainst(ctx context.Context, r *reach) error {
	path, err := filepath.Abs(r.config)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", r.config, err)}
	}
	text, err := r.p.readFile(path)
	if err != nil {
		return usageError{fmt.Errorf("reading the configuration: %w", err)}
	}
	c, err := r.client()
	if faults, ok := errors.AsType[*config.Faults](err); ok {
		return usageError{faults} // what they are about is this file, not how the gateway is found
	}
	if err != nil {
		return err
	}
	now, err := c.Configuration(ctx)
	if err != nil {
		return err
	}
	plan, err := c.PlanConfig(ctx, filepath.Dir(path), text)
	if err != nil {
		return err
	}
	if r.json {
		if err := r.print(plan); err != nil {
			return err
		}
		if len(plan.Faults) > 0 || len(plan.NeedsRestart) > 0 {
			return usageError{errQuiet}
		}
		return nil
	}
	for _, w := range plan.Warnings {
		fmt.Fprintln(r.p.err, "warning: "+safe(config.Warning{Line: w.Line, Path: w.Key, Message: w.Message}.String(), maxPlanLine))
	}
	if len(plan.Faults) > 0 {
		return usageError{faultsOf(r.config, plan.Faults)}
	}
	if err := showPlan(r.p.out, r.config, now, plan); err != nil {
		return err
	}
	if len(plan.NeedsRestart) > 0 {
		return usageError{fmt.Errorf("a reload would be refused; these keys need a restart: %s", strings.Join(plan.NeedsRestart, ", "))}
	}
	return nil
}

// maxPlanLine bounds one line about a configuration.
const maxPlanLine = 400

func faultsOf(path string, list []admin.ConfigFault) *config.Faults {
	f := &config.Faults{File: path}
	for _, x := range list {
		f.List = append(f.List, config.Fault{Line: x.Line, Column: x.Column, Path: x.Key, Message: x.Message, Fix: x.Fix})
	}
	return f
}

// showPlan writes what would change and end.
func showPlan(out io.Writer, path string, now admin.Configuration, plan admin.ConfigPlan) error {
	fmt.Fprintf(out, "%s, against what runs: %s, loaded %s\n\n", path, now.File, moment(now.LoadedAt))
	if len(plan.Changes) == 0 {
		_, err := fmt.Fprintln(out, "Nothing would change.")
		return err
	}
	var t table
	t.row("KEY", "NOW", "THEN", "RESTART")
	for _, c := range plan.Changes {
		restart := "no"
		if c.NeedsRestart {
			restart = "needed"
		}
		t.row(c.Key, cmp.Or(c.From, " "), c.To, restart)
	}
	if err := t.write(out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d session(s) would end\n", plan.Sessions)
	for _, e := range plan.Ends {
		fmt.Fprintf(out, "  %d by %s %s: %s\n", e.Sessions, e.Why, safe(e.Name, maxCell), safe(e.Because, maxCell))
	}
	for _, x := range plan.Stranded {
		fmt.Fprintf(out, "%d account(s) could not be signed in to any more: of the providers that are theirs, %s goes and none is left\n", x.Accounts, safe(x.Provider, maxCell))
	}
	_, err := fmt.Fprintf(out, "%d live connection(s) of other sessions would be closed by rules that no longer let them in\n", plan.Connections)
	return err
}
