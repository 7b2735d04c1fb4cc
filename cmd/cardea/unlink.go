package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
)

func accountsUnlink(p process) *cobra.Command {
	r := &reach{p: p}
	var yes string
	cmd := &cobra.Command{
		Use:   "unlink ACCOUNT IDENTITY --yes HANDLE",
		Short: "Take an identity from an account and end the sessions that it opened",
		Long: `Takes an identity at a provider from an account. From the moment this answers nobody gets
to the account by it, and the browsers that signed in with it are signed out; those that
signed in with another identity of the account stay. IDENTITY is its key, as
"cardea accounts show" tells it.

The identity is free then: whoever proves it at its provider signs in to an account of their
own, or links it to the one that they have. An account's only identity of a configured provider
is not taken: link another first, or disable or delete the account.

--yes must name the account's handle. An unlinking whose sessions a crash or an outage left
is finished by the gateway.`,
		Example: `  cardea accounts show ann
  cardea accounts unlink ann 5vY0tqLWnEBHXyqu9LxA2Q --yes ann`,
		Args:              accountAndIdentity,
		ValidArgsFunction: r.accountThenIdentity,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			if err := confirmUnlink(cmd.Context(), p, c, args[0], args[1], yes); err != nil {
				return err
			}
			v, err := c.Unlink(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if r.json {
				return r.print(v)
			}
			return unlinkText(p.out, v)
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&yes, "yes", "", "the account's handle: that it is this one that is meant")
	complete(cmd, "yes", cobra.NoFileCompletions)
	return cmd
}

func accountAndIdentity(cmd *cobra.Command, args []string) error {
	if len(args) == 2 {
		return nil
	}
	return usageError{fmt.Errorf("an account (a handle or an id) and the key of one of its identities are needed\nRun \"%s --help\" for what it takes", cmd.CommandPath())}
}

// confirmUnlink demands the account's handle, in the flag or typed at a terminal.
func confirmUnlink(ctx context.Context, p process, c *admin.Client, name, key, yes string) error {
	v, err := c.Account(ctx, name)
	if err != nil || v.Deleted != nil {
		return err // what the gateway says of a deleted one is clearer
	}
	handle := v.Account.Handle
	switch yes {
	case handle:
		return nil
	case "":
	default:
		return fmt.Errorf("--yes %s is not the account's handle, which is %s: nothing was unlinked", safe(yes, maxCell), safe(handle, maxCell))
	}
	who := person(p)
	if who == nil {
		return usageError{fmt.Errorf("this signs browsers out: add --yes %s if that is meant", handle)}
	}
	if err := accountText(p.out, v); err != nil {
		return err
	}
	typed, err := who.Ask("This takes the identity "+safe(key, maxCell)+" from the account. To go on, type the handle", "")
	if err == nil && typed != handle {
		err = errors.New("nothing was unlinked")
	}
	return err
}

func unlinkText(out io.Writer, v admin.AccountAct) error {
	text := fmt.Sprintf("the identity is not %s's any more; %d session(s) ended", safe(v.Handle, maxCell), v.Ended)
	if !v.Finished {
		text += "; the store does not answer as it should: nobody signs in by it, and the gateway does the rest as soon as it can"
	}
	fmt.Fprintln(out, text)
	return sumText(out, v.Steps)
}

// accountThenIdentity completes a handle, and then the keys of the account's identities.
func (r *reach) accountThenIdentity(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return r.handles(cmd, args, typed)
	case 1:
		return r.completions(func(ctx context.Context, c *admin.Client) ([]cobra.Completion, error) {
			v, err := c.Account(ctx, args[0])
			var words []cobra.Completion
			if v.Account != nil {
				for _, i := range v.Account.Identities {
					words = append(words, cobra.CompletionWithDesc(i.Key, safe(i.Provider+" "+i.Email, 60)))
				}
			}
			return words, err
		})
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
