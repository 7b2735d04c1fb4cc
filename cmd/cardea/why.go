package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
)

func whyCommand(p process) *cobra.Command {
	r := &reach{p: p}
	cmd := &cobra.Command{
		Use:   "why ID",
		Short: "Say why something was refused, and what to change",
		Long: `Every page and every document that refuses something or reports a problem shows a
reference. Given that reference this says when it was, what the person saw, at which step
it failed, which rule of the configuration refused and what it demands, what the provider
said of the person instead, the error as it is in the log, and what to change: a field of
the configuration, or a setting at the provider.

It asks the running gateway over its admin socket, which only the user that runs it can
open. References are kept for 7 days, and 10000 at the most. No token, code, cookie or
secret is kept or printed; a person's e-mail address or groups may be.

Exit code 1: the reference is not known; the output says why that may be, and which ones
are near it. Capitals, blanks and dashes do not matter.`,
		Example: `  cardea why 3kq7zt5w2m4hxcya
  cardea why 3kq7zt5w2m4hxcya --config /etc/cardea/cardea.yaml
  cardea why 3kq7zt5w2m4hxcya --json | jq -r .fix`,
		Args: oneArg("reference"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			hint := "the reference that the page or the problem document shows (its \"instance\")"
			if len(args) > 0 {
				hint = "one reference is all it takes"
			}
			return cobra.AppendActiveHelp(nil, hint), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			v, err := c.Why(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if r.json {
				return r.print(v)
			}
			return whyText(p.out, v)
		},
	}
	r.flags(cmd)
	return cmd
}

// whyText writes facts first and what to do last, where a terminal shows it.
func whyText(out io.Writer, v admin.Incident) error {
	shown := fmt.Sprintf("%s (HTTP %d)", v.Kind, v.Status)
	if v.Shown != "" {
		shown = fmt.Sprintf("%q, %s (HTTP %d)", v.Shown, v.Kind, v.Status)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"reference", v.ID}, {"when", v.At.Local().Format(time.DateTime)}, {"shown", shown}, {"step", v.Step},
		{"at", v.Origin + v.Path}, {"app", v.App}, {"provider", v.Provider},
		{"rule", v.Rule}, {"demands", strings.Join(v.Wanted, " | ")}, {"setting", v.Setting},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	for _, s := range v.Seen {
		value := s.Value
		if s.Absent {
			value = "(absent)"
		}
		fmt.Fprintf(w, "seen\t%s: %s\n", s.Name, value)
	}
	if v.Cause != "" {
		fmt.Fprintf(w, "error\t%s\n", v.Cause)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	fmt.Fprintf(out, "\nWhat it means\n%s\nWhat to do\n%s", indented(v.Means), indented(v.Fix))
	if len(v.Commands) > 0 {
		fmt.Fprintln(out)
		for _, command := range v.Commands {
			fmt.Fprintf(out, "  %s\n", command) // on one line, however long
		}
	}
	if len(v.Notes) > 0 {
		fmt.Fprintf(out, "\nAt the provider\n")
		for _, note := range v.Notes {
			fmt.Fprint(out, indented("- "+note))
		}
	}
	return nil
}

// indented breaks a text into lines of about 80 characters.
func indented(text string) string {
	const width = 78
	var b strings.Builder
	at := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case at == 0:
			b.WriteString("  ")
		case at+1+len(word) > width:
			b.WriteString("\n  ")
			at = 0
		default:
			b.WriteByte(' ')
		}
		b.WriteString(word)
		at += 1 + len(word)
	}
	b.WriteByte('\n')
	return b.String()
}
