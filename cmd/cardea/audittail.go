package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/audit"
)

func auditTail(p process) *cobra.Command {
	r := &reach{p: p}
	var q admin.AuditQuery
	var follow bool
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the last events, and with -f those that come",
		Long: `Shows the newest events, the newest last. With --follow it goes on with what happens, within
a second, until Ctrl-C: the exit code is 0 then. When the gateway restarts it waits, and goes
on after the last event that it showed: none is missing, and none comes twice.`,
		Example: `  cardea audit tail -f
  cardea audit tail -f -n 0 --type signin,identity.link_refused
  cardea audit tail -f --json | jq -r '[.at, .type, .handle] | @tsv'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Limit < 0 || q.Limit > maxAuditPage {
				return usageError{fmt.Errorf("-n %d: write a number from 0 to %d", q.Limit, maxAuditPage)}
			}
			if err := fixTypes(&q); err != nil {
				return err
			}
			c, err := r.client()
			if err != nil {
				return err
			}
			f := &following{c: c, q: q, err: p.err, show: r.following(follow)}
			if err := f.begin(cmd.Context()); err != nil || !follow {
				if err == nil && f.shown.Seq == 0 && q.Limit > 0 {
					noneMatch(p.err, q)
				}
				return err
			}
			return f.run(cmd.Context())
		},
	}
	r.flags(cmd)
	r.wideFlag(cmd)
	auditFilters(r, cmd, &q)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens")
	cmd.Flags().IntVarP(&q.Limit, "lines", "n", 10, "begin with this many")
	complete(cmd, "lines", cobra.NoFileCompletions)
	return cmd
}

// following is events for a table whose later rows stand below its first.
func (r *reach) following(follow bool) func([]audit.Event) error {
	if r.json || !follow {
		return r.events(false)
	}
	t := r.trailTable()
	t.keep()
	return func(list []audit.Event) error { return t.print(r.out(), list) }
}

const (
	followWait  = 50 * time.Second // for one answer
	followPause = time.Second      // while nobody answers
	followRest  = 300 * time.Millisecond
)

// following is a trail that is shown as it grows.
type following struct {
	c    *admin.Client
	q    admin.AuditQuery
	err  io.Writer
	show func([]audit.Event) error

	last  int64       // up to here all was shown
	shown audit.Event // the last that was
	away  bool        // the gateway did not answer
}

// begin shows the end of the trail.
func (f *following) begin(ctx context.Context) error {
	q := f.q
	q.Newest, q.Limit = true, max(f.q.Limit, 1)
	page, err := f.c.Audit(ctx, q)
	if err != nil {
		return err
	}
	f.last = page.Last
	page.Events = page.Events[:min(f.q.Limit, len(page.Events))]
	slices.Reverse(page.Events)
	return f.print(page.Events)
}

func (f *following) print(list []audit.Event) error {
	if len(list) > 0 {
		f.shown = list[len(list)-1]
	}
	return f.show(list)
}

// run shows what comes until ctx ends.
func (f *following) run(ctx context.Context) error {
	f.q.Limit, f.q.Wait = maxAuditPage, followWait
	for ctx.Err() == nil {
		began := time.Now()
		err := f.next(ctx)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errShow) || errors.Is(err, admin.ErrRefused):
			return err
		case err != nil:
			if !f.away {
				fmt.Fprintf(f.err, "cardea: %v; waiting for it\n", err)
			}
			f.away = true
			pause(ctx, followPause)
		case time.Since(began) < followRest:
			pause(ctx, followRest) // what comes at once is shown at once; a gateway that stops answers at once and empty
		}
	}
	return nil
}

// errShow: what came could not be printed.
var errShow = errors.New("printing")

// next shows what comes next.
func (f *following) next(ctx context.Context) error {
	if f.away {
		if err := f.resume(ctx); err != nil {
			return err
		}
	}
	q := f.q
	q.After = f.last
	page, err := f.c.Audit(ctx, q)
	if err != nil {
		return err
	}
	if page.Last < f.last {
		return f.restored(ctx)
	}
	if len(page.Events) > 0 {
		if err := f.print(page.Events); err != nil {
			return fmt.Errorf("%w: %w", errShow, err)
		}
	}
	f.last = page.Last
	return nil
}

// resume finds out whether a gateway that answers again has the trail that was shown.
func (f *following) resume(ctx context.Context) error {
	q := admin.AuditQuery{After: f.shown.Seq - 1, Before: f.shown.Seq + 1, Limit: 1}
	if f.shown.Seq == 0 {
		q = admin.AuditQuery{Newest: true, Limit: 1}
	}
	page, err := f.c.Audit(ctx, q)
	if err != nil {
		return err
	}
	f.away = false
	fmt.Fprintln(f.err, "cardea: the gateway answers again")
	if page.Last < f.last || f.shown.Seq != 0 && len(page.Events) == 1 && page.Events[0].ID != f.shown.ID {
		return f.restored(ctx)
	}
	return nil
}

// restored goes on in a trail that another one took the place of: with the restore.
func (f *following) restored(ctx context.Context) error {
	page, err := f.c.Audit(ctx, admin.AuditQuery{Types: []string{string(audit.StoreRestored)}, Newest: true, Limit: 1})
	if err != nil {
		return err
	}
	f.last, f.shown = page.Last, audit.Event{}
	if len(page.Events) == 1 {
		f.last = page.Events[0].Seq - 1
	}
	fmt.Fprintf(f.err, "cardea: the store was restored, and the trail is another one since; going on after event %d\n", f.last)
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
