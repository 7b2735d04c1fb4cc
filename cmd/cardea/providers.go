package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
)

func providersCommand(p process) *cobra.Command {
	return group(&cobra.Command{
		Use:   "providers",
		Short: "See how the running gateway gets on with its providers",
		Long: `Shows what the running gateway knows of the configured providers: whether they were
reachable when last asked, how old its copies of their metadata and keys are, what went
wrong last, how many sessions were signed in there, and how many deliveries to them (of what
they must be told when a session ends) were tried in vain. One that is reachable may refuse
those: "cardea outbox list --failing" shows them. Nothing is asked of a provider without
--probe. "cardea doctor" looks for what is configured wrongly.`,
	}, providersList(p), providersShow(p))
}

const probeHelp = "ask the provider now, as far as what is known is not fresh"

func providersList(p process) *cobra.Command {
	r := &reach{p: p}
	var probe bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List configured providers",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			list, err := c.Providers(cmd.Context(), probe)
			if err != nil {
				return err
			}
			if r.json {
				return r.print(list)
			}
			t := newTable(r.out(), yield{"DISCOVERY", 0}, yield{"KEYS", 0}, yield{"ISSUER", 16}, yield{"KIND", 8}, yield{"ASKED", 0})
			t.row("PROVIDER", "KIND", "ISSUER", "REACHABLE", "ASKED", "DISCOVERY", "KEYS", "SESSIONS", "FAILING")
			for _, v := range list.Providers {
				t.row(v.ID, v.Kind, v.Issuer, v.Reachable, v.AskedAt, v.Discovery.At, v.Keys.At, v.Sessions, v.Failing)
			}
			return t.write(r.out())
		},
	}
	r.flags(cmd)
	r.wideFlag(cmd)
	cmd.Flags().BoolVar(&probe, "probe", false, probeHelp)
	return cmd
}

func providersShow(p process) *cobra.Command {
	r := &reach{p: p}
	var probe bool
	cmd := &cobra.Command{
		Use:               "show PROVIDER",
		Short:             "Show a provider with what went wrong last",
		Args:              oneArg("provider id"),
		ValidArgsFunction: first(r.providerIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			v, err := c.Provider(cmd.Context(), args[0], probe)
			if err != nil {
				return err
			}
			if r.json {
				return r.print(v)
			}
			return providerText(p.out, v)
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&probe, "probe", false, probeHelp)
	return cmd
}

func providerText(out io.Writer, v admin.Provider) error {
	var f facts
	f.add("provider", v.ID)
	f.add("name", v.Name)
	f.add("kind", v.Kind)
	f.add("issuer", v.Issuer)
	f.add("client", v.ClientID)
	f.add("callback", v.Callback)
	f.add("reachable", v.Reachable)
	f.add("asked", v.AskedAt)
	for _, d := range []struct {
		name string
		admin.Fetched
	}{{"discovery", v.Discovery}, {"keys", v.Keys}} {
		f.add(d.name+" fetched", d.At)
		f.add(d.name+" tried", d.TriedAt)
		f.add(d.name+" error", d.Error)
	}
	f.add("key ids", strings.Join(v.KeyIDs, ", "))
	f.add("sessions", v.Sessions)
	f.add("failing deliveries", v.Failing)
	f.add("their last error", v.DeliveryError)
	if err := f.write(out); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}
