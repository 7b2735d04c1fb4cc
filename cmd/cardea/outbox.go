package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
)

func outboxCommand(p process) *cobra.Command {
	return group(&cobra.Command{
		Use:   "outbox",
		Short: "See what providers and apps must still be told, and tell them now",
		Long: `When a session ends, the provider is told to revoke its tokens and to end its own session,
and apps to end theirs. What they must be told is kept until they were, or until
limits.outbox_retry is over; what is finished can be looked at for a day.

pending: is tried, with growing pauses. done: was told. cancelled: no longer needed, because
the browser did it, or because it would end what began later. failed: refused for good, or
given up.`,
	}, outboxList(p), outboxShow(p), outboxRetry(p))
}

func outboxList(p process) *cobra.Command {
	r := &reach{p: p}
	var q admin.DeliveryQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List deliveries, the oldest first",
		Example: `  cardea outbox list --failing
  cardea outbox list --state failed --provider main`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			page, err := c.Outbox(cmd.Context(), q)
			if err != nil {
				return err
			}
			if r.json {
				return r.print(page)
			}
			return deliveryTable(r.out(), page)
		},
	}
	r.flags(cmd)
	r.wideFlag(cmd)
	cmd.Flags().StringVar(&q.State, "state", "", "only these: pending, done, cancelled or failed")
	cmd.Flags().StringVar(&q.Kind, "kind", "", "only these: revoke-token, end-session or app-logout")
	cmd.Flags().StringVar(&q.Provider, "provider", "", "only those of sessions of this provider")
	cmd.Flags().StringVar(&q.Session, "session", "", "only those of this ended session")
	cmd.Flags().BoolVar(&q.Failing, "failing", false, "only what was tried in vain: given up, or to be tried again")
	paging(cmd, &q.After, &q.Limit, "what an earlier page said")
	complete(cmd, "state", fixed("pending", "done", "cancelled", "failed"))
	complete(cmd, "kind", fixed("revoke-token", "end-session", "app-logout"))
	complete(cmd, "provider", r.providerIDs)
	complete(cmd, "session", cobra.NoFileCompletions)
	return cmd
}

func deliveryTable(out io.Writer, page admin.DeliveryList) error {
	t := newTable(out, yield{"SESSION", 0}, yield{"NEXT", 0}, yield{"LAST ERROR", 12}, yield{"TRIED", 0}, yield{"TO", 8})
	t.row("DELIVERY", "WHAT", "TO", "STATE", "TRIED", "NEXT", "SESSION", "LAST ERROR")
	for _, d := range page.Deliveries {
		t.row(d.ID, d.Kind, receiver(d), d.State, d.Attempts, d.NextAt, d.Session, d.LastError)
	}
	if err := t.write(out); err != nil {
		return err
	}
	return more(out, page.Next)
}

// receiver is who is told.
func receiver(d admin.Delivery) string {
	if d.App != "" {
		return d.App
	}
	return d.Provider
}

func outboxShow(p process) *cobra.Command {
	r := &reach{p: p}
	cmd := &cobra.Command{
		Use:   "show DELIVERY",
		Short: "Show a delivery with its last error",
		Args:  oneArg("delivery id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			d, err := c.Delivery(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if r.json {
				return r.print(d)
			}
			var f facts
			f.add("delivery", d.ID)
			f.add("what", d.Kind)
			f.add("app", d.App)
			f.add("provider", d.Provider)
			f.add("session", d.Session)
			f.add("state", d.State)
			f.add("since", d.CreatedAt)
			f.add("tried", fmt.Sprintf("%d time(s)", d.Attempts))
			f.add("next try", d.NextAt)
			if d.State == "pending" || d.State == "failed" {
				f.add("given up at", d.GivenUpAt)
			}
			f.add("last error", d.LastError)
			f.add("can be retried", d.Retryable)
			return f.write(p.out)
		},
		ValidArgsFunction: first(r.deliveryIDs),
	}
	r.flags(cmd)
	return cmd
}

func outboxRetry(p process) *cobra.Command {
	r := &reach{p: p}
	var req admin.RetryRequest
	cmd := &cobra.Command{
		Use:   "retry [DELIVERY]",
		Short: "Try a delivery again now, or all that fail",
		Long: `Tries a pending delivery at once instead of after its pause, and one that failed for good
anew, for as long as it was given at first: after a client secret was put right, say.

That is of no use where provider or client were withdrawn from the configuration, and not
possible where nothing is left to tell it with: an app's logout needs the cookies that were
kept for it, which are gone once it is given up.`,
		Example: `  cardea outbox retry e5ikz3rz6zv2tq4xj3q5hq7d2a
  cardea outbox retry --failing`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				req.ID = args[0]
				return nil
			}
			return noArgs(cmd, args)
		},
		ValidArgsFunction: first(r.deliveryIDs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (req.ID != "") == req.Failing {
				return usageError{errors.New("name one of: a delivery id, --failing")}
			}
			c, err := r.client()
			if err != nil {
				return err
			}
			a, err := c.Retry(cmd.Context(), req)
			if err != nil {
				return err
			}
			if r.json {
				return r.print(a)
			}
			fmt.Fprintf(p.out, "%d delivery(s) are tried again now\n", a.Retried)
			if a.Refused > 0 {
				fmt.Fprintf(p.out, "%d cannot be: \"cardea outbox list --failing\" shows them\n", a.Refused)
			}
			return nil
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&req.Failing, "failing", false, "try everything again that was tried in vain")
	return cmd
}
