package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/audit"
)

func auditCommand(p process) *cobra.Command {
	return group(&cobra.Command{
		Use:   "audit",
		Short: "Read, follow and export the trail of what happened",
		Long: `The audit trail has every sign-in and refusal, every end of a session and what became of
it at providers and apps, links, acts of operators and changes of the configuration. An
event is on disk before the answer to what it tells of leaves the gateway. None holds a
token, a code or a cookie. They are kept for audit.keep (400 days); deleting an account
takes name, addresses and browser out of its events and leaves the rest.

Each event has a number, its place in the trail. docs/audit.md describes all types.

What the columns say: WHO did it (person, provider, app, gateway, or which operator), whose
ACCOUNT it is (the e-mail address where somebody has none), FROM where, and WHY, a word that
"cardea audit show" explains. In a terminal the table fits its width: columns that are empty
or find no room are left out, and what is cut ends in "…". With --wide, and for programs, it
is whole.`,
	}, auditList(p), auditTail(p), auditShow(p), auditExport(p))
}

// auditFilters are the flags that select events.
func auditFilters(r *reach, cmd *cobra.Command, q *admin.AuditQuery) {
	cmd.Flags().StringSliceVar(&q.Types, "type", nil, "only these: types such as signin.refused, all of a kind such as session, or the words under WHAT such as \"signed in\"; may be repeated")
	cmd.Flags().StringVar(&q.Account, "account", "", "only this account's: its handle or id, also of a deleted one")
	cmd.Flags().StringVar(&q.Session, "session", "", "only this session's: its id, whole")
	cmd.Flags().StringVar(&q.Provider, "provider", "", "only those at this provider")
	cmd.Flags().StringVar(&q.Email, "email", "", "only those of somebody whose e-mail address contains this, with an account or without")
	var types []string
	for _, d := range audit.Types() {
		types = append(types, string(d.Type))
	}
	complete(cmd, "type", fixed(types...))
	complete(cmd, "email", cobra.NoFileCompletions)
	complete(cmd, "account", r.handles)
	complete(cmd, "session", r.sessionIDs)
	complete(cmd, "provider", r.providerIDs)
}

func placeFlag(cmd *cobra.Command, into *int64, name, usage string) {
	cmd.Flags().Int64Var(into, name, 0, usage)
	complete(cmd, name, cobra.NoFileCompletions)
}

// maxAuditPage is how many events an answer has at most.
const maxAuditPage = 1000

func auditList(p process) *cobra.Command {
	r := &reach{p: p}
	var q admin.AuditQuery
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List events, the newest last",
		Long: `Lists the newest events, the newest last as in a log, or with --after what came after one.
Filters hold together. --all lists everything that they select, from the oldest on.

With --json each event is one line, exactly as "cardea audit export" and audit.file have it.`,
		Example: `  cardea audit list --since 24h --type signin.refused
  cardea audit list --account ann --all
  cardea audit list --since yesterday --until today --type "signed in"
  cardea audit list --email eve@ --since 7d
  cardea audit list --type admin.acted,config --since 720h
  cardea audit list --json --limit 1000 | jq -r 'select(.cause == "denied") | .personal.email'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all && q.Newest {
				return usageError{errors.New("--all lists from the oldest on: without --newest-first")}
			}
			c, err := r.client()
			if err != nil {
				return err
			}
			if err := errors.Join(fixTimes(&q, time.Now()), fixTypes(&q)); err != nil {
				return err
			}
			n, print := 0, r.events(all)
			show := func(list []audit.Event) error {
				n += len(list)
				return print(list)
			}
			if all {
				q.Limit = maxAuditPage
				err = everyPage(cmd, c, q, show)
			} else {
				err = onePage(cmd, r, c, q, show)
			}
			if err == nil && n == 0 {
				noneMatch(p.err, q)
			}
			return err
		},
	}
	r.flags(cmd)
	r.wideFlag(cmd)
	auditFilters(r, cmd, &q)
	auditTimes(cmd, &q)
	placeFlag(cmd, &q.After, "after", "only events after this number")
	placeFlag(cmd, &q.Before, "before", "only events before this number")
	cmd.Flags().IntVar(&q.Limit, "limit", 100, "at most this many, up to 1000")
	cmd.Flags().BoolVar(&all, "all", false, "everything that the filters select")
	cmd.Flags().BoolVar(&q.Newest, "newest-first", false, "the newest first")
	complete(cmd, "limit", cobra.NoFileCompletions)
	return cmd
}

// noneMatch says that an empty table is no fault.
func noneMatch(out io.Writer, q admin.AuditQuery) {
	if q.Session != "" {
		fmt.Fprintln(out, "no event names this session: --session takes the whole id, which \"cardea audit list --wide\" and \"cardea audit show\" tell")
		return
	}
	fmt.Fprintln(out, "no event matches")
}

// events returns what prints events: a table, which may go on, or lines.
func (r *reach) events(goesOn bool) func([]audit.Event) error {
	if r.json {
		return func(list []audit.Event) error { return printLines(r.p.out, list) }
	}
	t := r.trailTable()
	t.goesOn = goesOn
	return func(list []audit.Event) error { return t.print(r.out(), list) }
}

// onePage prints a page: without --after the end of the trail.
func onePage(cmd *cobra.Command, r *reach, c *admin.Client, q admin.AuditQuery, show func([]audit.Event) error) error {
	turned, flag := false, "--after"
	if q.Newest {
		flag = "--before"
	} else if q.After == 0 {
		q.Newest, turned, flag = true, true, "--before"
	}
	page, err := c.Audit(cmd.Context(), q)
	if err != nil {
		return err
	}
	if turned {
		slices.Reverse(page.Events)
	}
	if err := show(page.Events); err != nil || page.Next == 0 {
		return err
	}
	out := r.p.out
	if r.json {
		out = r.p.err
	}
	which := "more"
	if turned {
		which = "earlier"
	}
	_, err = fmt.Fprintf(out, "%s: %s %d\n", which, flag, page.Next)
	return err
}

// everyPage reads on until the end of the trail.
func everyPage(cmd *cobra.Command, c *admin.Client, q admin.AuditQuery, each func([]audit.Event) error) error {
	for {
		page, err := c.Audit(cmd.Context(), q)
		if err != nil {
			return err
		}
		if err := each(page.Events); err != nil {
			return err
		}
		if page.Next == 0 {
			return nil
		}
		q.After = page.Next
	}
}

func auditShow(p process) *cobra.Command {
	r := &reach{p: p}
	cmd := &cobra.Command{
		Use:   "show SEQ|REFERENCE",
		Short: "Show everything about one event",
		Long: `Shows an event by its number, or what has a reference that a page showed to somebody who
was refused. Capitals, blanks and dashes of a reference do not matter. What the words of the
event mean is said as well.`,
		Example: `  cardea audit show 4711
  cardea audit show 3kq7zt5w2m4hxcya
  cardea audit show 4711 --json`,
		Args: oneArg("number of an event, or reference,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			list, err := find(cmd, c, args[0])
			if err != nil {
				return err
			}
			if r.json {
				return printLines(p.out, list)
			}
			for i, e := range list {
				if i > 0 {
					_, _ = io.WriteString(p.out, "\n")
				}
				if err := eventFacts(p.out, e); err != nil {
					return err
				}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	r.flags(cmd)
	return cmd
}

// find returns the event of a number, or those with a reference.
func find(cmd *cobra.Command, c *admin.Client, name string) ([]audit.Event, error) {
	seq, err := strconv.ParseInt(name, 10, 64)
	if err != nil || seq < 1 {
		page, err := c.Audit(cmd.Context(), admin.AuditQuery{Reference: name})
		if err == nil && len(page.Events) == 0 {
			err = fmt.Errorf("no event has the reference %s: it may be mistyped, or of a problem that is no act of anybody; \"cardea why %s\" asks elsewhere", safe(name, maxCell), safe(name, maxCell))
		}
		return page.Events, err
	}
	page, err := c.Audit(cmd.Context(), admin.AuditQuery{After: seq - 1, Before: seq + 1, Limit: 1})
	if err != nil || len(page.Events) == 1 {
		return page.Events, err
	}
	if seq > page.Last {
		return nil, fmt.Errorf("there is no event %d yet: the trail goes up to %d", seq, page.Last)
	}
	return nil, fmt.Errorf("event %d is not kept any more (audit.keep); a file that the trail was exported to may have it", seq)
}
