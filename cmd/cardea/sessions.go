package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
)

func sessionsCommand(p process) *cobra.Command {
	return group(&cobra.Command{
		Use:   "sessions",
		Short: "List, show and end sessions of the running gateway",
		Long: `A session is one browser's sign-in. These commands ask the running gateway over its
admin socket, which only the user that runs it can open, or over the address and with the
credential that the configuration names.`,
	}, sessionsList(p), sessionsShow(p), sessionsEnd(p))
}

func sessionsList(p process) *cobra.Command {
	r := &reach{p: p}
	var q admin.SessionQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List live sessions",
		Long: `Lists live sessions by id, 100 at a time. Filters hold together. OPEN is how many
WebSockets and streams a session has.`,
		Example: `  cardea sessions list --account ann
  cardea sessions list --app chat --json | jq -r '.sessions[].handle'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			page, err := c.Sessions(cmd.Context(), q)
			if err != nil {
				return err
			}
			if r.json {
				return r.print(page)
			}
			return sessionTable(r.out(), page)
		},
	}
	r.flags(cmd)
	r.wideFlag(cmd)
	cmd.Flags().StringVar(&q.Account, "account", "", "only this account's: its handle or id")
	cmd.Flags().StringVar(&q.Provider, "provider", "", "only those signed in at this provider")
	cmd.Flags().StringVar(&q.App, "app", "", "only those with a seat at this app's origin")
	paging(cmd, &q.After, &q.Limit, "this session id")
	complete(cmd, "account", r.handles)
	complete(cmd, "provider", r.providerIDs)
	complete(cmd, "app", r.appIDs)
	return cmd
}

// paging adds the flags that every list has.
func paging(cmd *cobra.Command, after *string, limit *int, what string) {
	cmd.Flags().StringVar(after, "after", "", "continue after "+what)
	cmd.Flags().IntVar(limit, "limit", 100, "at most this many, up to 1000")
	complete(cmd, "after", cobra.NoFileCompletions)
	complete(cmd, "limit", cobra.NoFileCompletions)
}

// more says how a list goes on.
func more(out io.Writer, next string) error {
	if next == "" {
		return nil
	}
	_, err := fmt.Fprintf(out, "more: --after %s\n", safe(next, maxFact))
	return err
}

func sessionTable(out io.Writer, page admin.SessionList) error {
	if err := sessionRows(out, page.Sessions); err != nil {
		return err
	}
	if page.Next == "" {
		return nil
	}
	fmt.Fprintf(out, "%d of %d session(s)\n", len(page.Sessions), page.Total)
	return more(out, page.Next)
}

func sessionRows(out io.Writer, list []admin.Session) error {
	t := newTable(out, yield{"ACCOUNT", 0}, yield{"SIGNED IN", 0}, yield{"PROVIDER", 8}, yield{"OPEN", 0}, yield{"FROM", 9}, yield{"BROWSER", 12}, yield{"LAST SEEN", 0}, yield{"HANDLE", 8})
	t.row("SESSION", "HANDLE", "ACCOUNT", "PROVIDER", "SIGNED IN", "LAST SEEN", "OPEN", "FROM", "BROWSER")
	for _, s := range list {
		t.row(s.ID, s.Handle, s.Account, s.Provider, s.CreatedAt, s.SeenAt, s.Connections, s.Address, deviceOf(s.UserAgent))
	}
	return t.write(out)
}

func sessionsShow(p process) *cobra.Command {
	r := &reach{p: p}
	cmd := &cobra.Command{
		Use:   "show SESSION",
		Short: "Show a session, or how it ended and what is still to be told",
		Long: `Shows a live session, or how one ended: when, why, and line by line what its receipt
says, with what is still to be told. A receipt is kept for a day.`,
		Args:              oneArg("session id"),
		ValidArgsFunction: first(r.sessionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			v, err := c.Show(cmd.Context(), args[0])
			if errors.Is(err, admin.ErrNotFound) {
				return fmt.Errorf("%w\n\"cardea audit list --session %s\" says what happened to it, if it ever was", err, safe(args[0], maxCell))
			}
			if err != nil {
				return err
			}
			if r.json {
				return r.print(v)
			}
			return showTable(p.out, v)
		},
	}
	r.flags(cmd)
	return cmd
}

func showTable(out io.Writer, v admin.Shown) error {
	var f facts
	if s := v.Session; s != nil {
		f.add("session", s.ID)
		f.add("state", "live")
		f.add("handle", s.Handle)
		f.add("account", s.Account)
		f.add("provider", s.Provider)
		f.add("issuer", s.Issuer)
		f.add("subject", s.Subject)
		f.add("signed in", s.CreatedAt)
		f.add("authenticated", s.AuthTime)
		f.add("class (acr)", s.ACR)
		f.add("last seen", s.SeenAt)
		f.add("ends at the latest", s.ExpiresAt)
		f.add("open connections", s.Connections)
		f.add("tokens", s.Grant)
		f.add("refreshable", s.Refreshable)
		f.add("from", s.Address)
		f.add("browser", deviceOf(s.UserAgent))
		f.add("browser says", s.UserAgent)
	}
	if e := v.Ended; e != nil {
		f.add("session", e.Session)
		f.add("state", "ended")
		f.add("account", e.Account)
		f.add("provider", e.Provider)
		f.add("cause", e.Cause)
		f.add("ended", e.EndedAt)
		for _, s := range e.Steps {
			state := s.State
			if s.Count > 0 {
				state += fmt.Sprintf(" (%d)", s.Count)
			}
			f.add("  "+strings.TrimSpace(s.What+" "+s.App), state)
		}
	}
	return f.write(out)
}

func sessionsEnd(p process) *cobra.Command {
	r := &reach{p: p}
	var req admin.EndRequest
	var yes bool
	cmd := &cobra.Command{
		Use:   "end [SESSION]",
		Short: "End sessions as fully as the sign-out button does",
		Long: `Ends a session, or all of an account, of a provider, of an app, or of everybody: its
cookies stop working, its open connections are closed within a second, its tokens are revoked
and the provider's session is ended where the provider lets servers do that. What the
provider could not be told at once is retried; "cardea sessions show" says how far it is,
"cardea outbox list --failing" what does not get through.

--app ends the sessions that have a seat at the app's origin, everywhere; apps that share an
origin share their seats. --all asks first, or takes --yes.

With many sessions standard error says how far it is. Interrupting stops it; what has ended
stays so, and the same command goes on.`,
		Example: `  cardea sessions end t5ikz3rz6zv2tq4xj3q5hq7d2a
  cardea sessions end --account ann
  cardea sessions end --app chat
  cardea sessions end --all --yes`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				req.ID = args[0]
				return nil
			}
			return noArgs(cmd, args)
		},
		ValidArgsFunction: first(r.sessionIDs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n := selected(req); n != 1 {
				return usageError{errors.New("name one of: a session id, --account, --provider, --app, --all")}
			}
			c, err := r.client()
			if err != nil {
				return err
			}
			if req.All && !yes {
				if err := agreeToAll(cmd.Context(), p, c); err != nil {
					return err
				}
			}
			a, err := c.End(cmd.Context(), req, ending(p))
			if err != nil {
				return err
			}
			if r.json {
				return r.print(a)
			}
			return endText(p.out, a)
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&req.Account, "account", "", "end all sessions of this account: its handle or id")
	cmd.Flags().StringVar(&req.Provider, "provider", "", "end all sessions signed in at this provider")
	cmd.Flags().StringVar(&req.App, "app", "", "end all sessions with a seat at this app's origin")
	cmd.Flags().BoolVar(&req.All, "all", false, "end every session")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask before ending every session")
	complete(cmd, "account", r.handles)
	complete(cmd, "provider", r.providerIDs)
	complete(cmd, "app", r.appIDs)
	return cmd
}

// agreeToAll asks before everybody is signed out.
func agreeToAll(ctx context.Context, p process, c *admin.Client) error {
	page, err := c.Sessions(ctx, admin.SessionQuery{Limit: 1})
	if err != nil {
		return err
	}
	who := person(p)
	if who == nil {
		return usageError{fmt.Errorf("this ends all %d session(s): add --yes if that is meant", page.Total)}
	}
	agreed, err := who.Agree(fmt.Sprintf("End all %d session(s)?", page.Total))
	if err == nil && !agreed {
		err = errors.New("nothing was ended")
	}
	return err
}

// ending tells somebody who waits how far it is.
func ending(p process) func(ended, of int) {
	last := time.Now()
	return func(ended, of int) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		fmt.Fprintf(p.err, "%d of %d session(s) ended\n", ended, of)
	}
}

func selected(r admin.EndRequest) int {
	n := 0
	for _, set := range []bool{r.ID != "", r.Account != "", r.Provider != "", r.App != "", r.All} {
		if set {
			n++
		}
	}
	return n
}

func endText(out io.Writer, a admin.EndAnswer) error {
	text := fmt.Sprintf("%d session(s) ended", a.Ended)
	switch {
	case a.Already:
		text = "this session had ended before"
	case a.NotDurable:
		text += "; the store does not answer: they are refused in memory and will be written as soon as it does"
	}
	fmt.Fprintln(out, text)
	return sumText(out, a.Steps)
}

// lines are what the lines of receipts are called.
var lines = map[string]string{
	"connections": "open connections", "tokens": "tokens at the provider", "provider": "session at the provider", "app": "app's own session",
}

// sumText prints the receipts' sum.
func sumText(out io.Writer, steps []admin.SummedStep) error {
	var f facts
	for _, s := range steps {
		name, ok := lines[s.What]
		if !ok {
			continue // that the session itself ended was said
		}
		n, what := s.Sessions, s.State
		if s.What == "connections" {
			n, what = s.Count, "closed"
		}
		f.add("  "+name, fmt.Sprintf("%d %s", n, what))
	}
	return f.write(out)
}
