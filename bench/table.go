package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one line of the table.
type result struct {
	what     string
	budget   string // empty: a figure without one
	measured string
	ok       bool
	failed   bool     // there is no figure
	notes    []string // what else was seen, below the table
}

func (r result) verdict() string {
	switch {
	case r.failed:
		return "failed"
	case r.budget == "":
		return ""
	case r.ok:
		return "ok"
	}
	return "missed"
}

func printTable(out io.Writer, all []result) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "row\tbudget\tmeasured\t")
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.what, r.budget, r.measured, r.verdict())
	}
	_ = w.Flush() // to out, which has no more to say than a failed print
	for _, r := range all {
		if len(r.notes) > 0 {
			fmt.Fprintf(out, "\n%s:\n  %s\n", r.what, strings.Join(r.notes, "\n  "))
		}
	}
}

// spread is what rounds gave.
type spread struct{ median, least, greatest float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	s := slices.Sorted(slices.Values(values))
	m := s[len(s)/2]
	if len(s)%2 == 0 {
		m = (s[len(s)/2-1] + m) / 2
	}
	return spread{m, s[0], s[len(s)-1]}
}

// text prints a spread with a format for each of its numbers.
func (s spread) text(format, unit string) string {
	return fmt.Sprintf(format+unit+" ("+format+"–"+format+")", s.median, s.least, s.greatest)
}

// percentile returns the value below which a share of the values lies, between 0 and 1.
func percentile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return s[min(len(s)-1, int(math.Ceil(share*float64(len(s))))-1)]
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
