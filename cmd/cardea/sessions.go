package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
	"github.com/cardea-auth/cardea/internal/config"
)

// reach is how a command finds the running gateway.
type reach struct {
	p      process
	config string
	admin  string
	json   bool
}

func (r *reach) flags(cmd *cobra.Command) {
	configFlag(cmd, &r.config)
	cmd.Flags().StringVar(&r.admin, "admin", "", "the gateway's admin address, such as unix:/var/lib/cardea/admin.sock (default: what the configuration says)")
	cmd.Flags().BoolVar(&r.json, "json", false, "print JSON")
}

func (r *reach) client() (*admin.Client, error) {
	var at config.Listen
	if r.admin != "" {
		if err := at.UnmarshalText([]byte(r.admin)); err != nil {
			return nil, usageError{fmt.Errorf("--admin: %w", err)}
		}
		return admin.NewClient(at.Network, at.Address), nil
	}
	// The operator's shell need not hold the gateway's secrets.
	env := func(name string) (string, bool) {
		if v, ok := r.p.env(name); ok {
			return v, true
		}
		return "not needed here", true
	}
	cfg, _, err := config.Load(r.config, env, r.p.readFile)
	if err != nil {
		return nil, usageError{fmt.Errorf("%w\n(or name the gateway's socket by --admin unix:PATH)", err)}
	}
	return admin.NewClient(cfg.Admin.Listen.Network, cfg.Admin.Listen.Address), nil
}

func (r *reach) print(v any) error {
	enc := json.NewEncoder(r.p.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func sessionsCommand(p process) *cobra.Command {
	return group(&cobra.Command{
		Use:   "sessions",
		Short: "List, show and end sessions of the running gateway",
		Long: `Asks the running gateway over its admin socket, which only the user that runs it
can open.`,
	}, sessionsList(p), sessionsShow(p), sessionsEnd(p))
}

func sessionsList(p process) *cobra.Command {
	r := &reach{p: p}
	var account, provider, after string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List live sessions",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			page, err := c.Sessions(cmd.Context(), account, provider, after, limit)
			if err != nil {
				return err
			}
			if r.json {
				return r.print(page)
			}
			return sessionTable(p.out, page)
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&account, "account", "", "only this account's")
	cmd.Flags().StringVar(&provider, "provider", "", "only those signed in at this provider")
	cmd.Flags().StringVar(&after, "after", "", "continue after this session id")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most this many, up to 1000")
	return cmd
}

func sessionTable(out io.Writer, page admin.SessionList) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tHANDLE\tACCOUNT\tPROVIDER\tSIGNED IN\tLAST SEEN\tOPEN\tFROM")
	for _, s := range page.Sessions {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.ID, s.Handle, s.Account, s.Provider,
			s.CreatedAt.Local().Format(time.DateTime), s.SeenAt.Local().Format(time.DateTime), s.Connections, s.Address)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if page.Next != "" {
		fmt.Fprintf(out, "more: --after %s\n", page.Next)
	}
	return nil
}

func sessionsShow(p process) *cobra.Command {
	r := &reach{p: p}
	cmd := &cobra.Command{
		Use:   "show SESSION",
		Short: "Show a session, or how it ended and what is still to be told",
		Args:  oneArg("session id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			v, err := c.Show(cmd.Context(), args[0])
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
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if s := v.Session; s != nil {
		for _, row := range [][2]string{
			{"session", s.ID}, {"state", "live"}, {"handle", s.Handle}, {"account", s.Account}, {"provider", s.Provider},
			{"issuer", s.Issuer}, {"subject", s.Subject}, {"signed in", s.CreatedAt.Local().Format(time.DateTime)},
			{"authenticated", s.AuthTime.Local().Format(time.DateTime)}, {"last seen", s.SeenAt.Local().Format(time.DateTime)},
			{"ends at the latest", s.ExpiresAt.Local().Format(time.DateTime)}, {"open connections", fmt.Sprint(s.Connections)},
			{"tokens", s.Grant}, {"refreshable", fmt.Sprint(s.Refreshable)}, {"from", s.Address}, {"browser", s.UserAgent},
		} {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	if e := v.Ended; e != nil {
		fmt.Fprintf(w, "session\t%s\nstate\tended\naccount\t%s\nprovider\t%s\ncause\t%s\nended\t%s\n",
			e.Session, e.Account, e.Provider, e.Cause, e.EndedAt.Local().Format(time.DateTime))
		for _, s := range e.Steps {
			fmt.Fprintf(w, "  %s\t%s\n", s.What, s.State)
		}
	}
	return w.Flush()
}

func sessionsEnd(p process) *cobra.Command {
	r := &reach{p: p}
	var req admin.EndRequest
	cmd := &cobra.Command{
		Use:   "end [SESSION]",
		Short: "End sessions as fully as the sign-out button does",
		Long: `Ends a session, or all of an account, of a provider, or of everybody: its cookies
stop working, its open connections are closed within a second, its tokens are revoked
and the provider's session is ended where the provider lets servers do that. What the
provider could not be told at once is retried; "cardea sessions show" says how far it is.`,
		Example: `  cardea sessions end t5ikz3rz6zv2tq4xj3q5hq7d2a
  cardea sessions end --account 7c1d...
  cardea sessions end --all`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				req.ID = args[0]
				return nil
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n := selected(req); n != 1 {
				return usageError{errors.New("name one of: a session id, --account, --provider, --all")}
			}
			c, err := r.client()
			if err != nil {
				return err
			}
			a, err := c.End(cmd.Context(), req)
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
	cmd.Flags().StringVar(&req.Account, "account", "", "end all sessions of this account")
	cmd.Flags().StringVar(&req.Provider, "provider", "", "end all sessions signed in at this provider")
	cmd.Flags().BoolVar(&req.All, "all", false, "end every session")
	return cmd
}

func selected(r admin.EndRequest) int {
	n := 0
	for _, set := range []bool{r.ID != "", r.Account != "", r.Provider != "", r.All} {
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
	_, err := fmt.Fprintln(out, text)
	return err
}
