package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/strict"
)

// auditTimes are the flags that select a time.
func auditTimes(cmd *cobra.Command, q *admin.AuditQuery) {
	cmd.Flags().StringVar(&q.Since, "since", "", "not before this time: yesterday, 2026-11-21, \"2026-11-22 09:30\" (as the clock stands here), 2026-11-22T09:30:00Z, or how long ago: 90m, 7d")
	cmd.Flags().StringVar(&q.Until, "until", "", "before this time, written as for --since")
	for _, flag := range []string{"since", "until"} {
		complete(cmd, flag, fixed("today", "yesterday", "1h", "1d", "7d"))
	}
}

// fixTimes makes times of what a person wrote, so that all pages mean the same.
func fixTimes(q *admin.AuditQuery, now time.Time) error {
	var at [2]time.Time
	for i, flag := range []struct {
		name string
		text *string
	}{{"--since", &q.Since}, {"--until", &q.Until}} {
		if *flag.text == "" {
			continue
		}
		t, ok := timeOf(*flag.text, now)
		if !ok {
			return usageError{fmt.Errorf("%s %q: write a time such as yesterday, 2026-11-21, \"2026-11-22 09:30\" or 2026-11-22T09:30:00Z, or how long ago, such as 90m, 24h or 7d", flag.name, *flag.text)}
		}
		at[i], *flag.text = t, t.UTC().Format(time.RFC3339Nano)
	}
	if !at[0].IsZero() && !at[1].IsZero() && !at[0].Before(at[1]) {
		return usageError{errors.New("--until is not after --since: no time is between " + moment(at[0]) + " and " + moment(at[1]))}
	}
	return nil
}

// timeOf reads a time, a day (its midnight) or how long ago it was. What names no zone is
// meant where the operator is.
func timeOf(text string, now time.Time) (time.Time, bool) {
	text = strings.TrimSpace(text)
	day := func(back int) time.Time {
		y, m, d := now.Local().Date()
		return time.Date(y, m, d-back, 0, 0, 0, 0, time.Local)
	}
	switch strings.ToLower(text) {
	case "now":
		return now, true
	case "today":
		return day(0), true
	case "yesterday":
		return day(1), true
	}
	if at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "T", 1)); err == nil {
		return at, true
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateTime} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, true
		}
	}
	ago, err := strict.Duration(text)
	return now.Add(-ago), err == nil
}

// zone names the zone that times are shown in: UTC+1, or several where the clocks were
// changed between them.
func zone(times ...time.Time) string {
	var names []string
	for _, t := range times {
		_, seconds := t.Local().Zone()
		name, sign := "UTC", "+"
		if seconds < 0 {
			sign, seconds = "-", -seconds
		}
		if seconds != 0 {
			name += sign + strconv.Itoa(seconds/3600)
		}
		if minutes := seconds / 60 % 60; minutes != 0 {
			name += fmt.Sprintf(":%02d", minutes)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, "/")
}
