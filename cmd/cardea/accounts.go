package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
)

func accountsCommand(p process) *cobra.Command {
	return group(&cobra.Command{
		Use:   "accounts",
		Short: "List, show, disable, enable, unlink and delete people's accounts",
		Long: `An account is a person. It has a handle, by which apps know the person and which nobody
else ever gets, and one or more identities at providers. ACCOUNT is a handle or an id.

These commands ask the running gateway over its admin socket, which only the user that runs
it can open, or over the address and with the credential that the configuration names.`,
	}, accountsList(p), accountsShow(p), accountsDisable(p), accountsEnable(p), accountsUnlink(p), accountsDelete(p))
}

func accountsList(p process) *cobra.Command {
	r := &reach{p: p}
	var q admin.AccountQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List accounts",
		Long: `Lists accounts by handle, 100 at a time. Filters hold together; --handle and --email
select what contains them, whatever the case. OPEN is how many browsers are signed in.`,
		Example: `  cardea accounts list --email @example.com
  cardea accounts list --disabled
  cardea accounts list --provider main --json | jq -r '.accounts[].handle'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.client()
			if err != nil {
				return err
			}
			page, err := c.Accounts(cmd.Context(), q)
			if err != nil {
				return err
			}
			if r.json {
				return r.print(page)
			}
			return accountTable(r.out(), page)
		},
	}
	r.flags(cmd)
	r.wideFlag(cmd)
	cmd.Flags().StringVar(&q.Handle, "handle", "", "only those whose handle contains this")
	cmd.Flags().StringVar(&q.Email, "email", "", "only those with an e-mail address, believed or not, that contains this")
	cmd.Flags().StringVar(&q.Provider, "provider", "", "only those with an identity at this provider")
	cmd.Flags().BoolVar(&q.Disabled, "disabled", false, "only disabled ones")
	paging(cmd, &q.After, &q.Limit, "this handle")
	complete(cmd, "handle", r.handles)
	complete(cmd, "provider", r.providerIDs)
	complete(cmd, "email", cobra.NoFileCompletions)
	return cmd
}

func accountTable(out io.Writer, page admin.AccountList) error {
	t := newTable(out, yield{"ACCOUNT", 0}, yield{"NAME", 8}, yield{"PROVIDERS", 9}, yield{"EMAIL", 12}, yield{"LAST SIGN-IN", 0})
	t.row("HANDLE", "NAME", "EMAIL", "STATE", "PROVIDERS", "OPEN", "LAST SIGN-IN", "ACCOUNT")
	for _, a := range page.Accounts {
		t.row(a.Handle, a.Name, a.Email, a.State, strings.Join(a.Providers, ","), a.Sessions, a.LastSignIn, a.ID)
	}
	if err := t.write(out); err != nil {
		return err
	}
	return more(out, page.Next)
}

// accountCommand is a command about one account.
func accountCommand(r *reach, c *cobra.Command, do func(ctx context.Context, c *admin.Client, name string) error) *cobra.Command {
	c.Args = oneArg("account (a handle or an id)")
	c.ValidArgsFunction = first(r.handles)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := r.client()
		if err != nil {
			return err
		}
		return do(cmd.Context(), client, args[0])
	}
	r.flags(c)
	return c
}

func accountsShow(p process) *cobra.Command {
	r := &reach{p: p}
	return accountCommand(r, &cobra.Command{
		Use:   "show ACCOUNT",
		Short: "Show an account with its identities, addresses and devices",
		Long: `Shows who somebody is here: handle, name, e-mail addresses and whether they are believed,
identities at providers with the last sign-in and the key of each, which
"cardea accounts unlink" takes, and the browsers that are signed in.
Of a deleted account it shows that its handle is taken for good.`,
		Example: `  cardea accounts show ann`,
	}, func(ctx context.Context, c *admin.Client, name string) error {
		v, err := c.Account(ctx, name)
		if err != nil {
			return err
		}
		if r.json {
			return r.print(v)
		}
		return accountText(p.out, v)
	})
}

// pictureText says where a picture comes from, and why the provider's could not be had.
func pictureText(p admin.Picture) string {
	text := map[string]string{"upload": "uploaded", "provider": "the provider's", "none": "none: the initial is shown"}[p.Source]
	if p.Error != "" {
		text += "; that of " + p.Provider + " could not be had: " + p.Error
	}
	return text
}

func accountText(out io.Writer, v admin.AccountShown) error {
	var f facts
	if d := v.Deleted; d != nil {
		f.add("handle", d.Handle)
		f.add("account", d.ID)
		f.add("state", "deleted")
		f.add("deleted", d.DeletedAt)
		f.add("", "Nobody gets this handle again.")
		return f.write(out)
	}
	a := v.Account
	f.add("handle", a.Handle)
	f.add("account", a.ID)
	f.add("state", a.State)
	f.add("name", a.Name)
	for _, e := range a.Emails {
		f.add("e-mail", e.Address+map[bool]string{true: " (believed)", false: " (not believed)"}[e.Believed])
	}
	f.add("since", a.CreatedAt)
	f.add("last sign-in", a.LastSignIn)
	f.add("signed in", fmt.Sprintf("%d browser(s)", a.Sessions))
	f.add("picture", pictureText(a.Picture))
	if err := f.write(out); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nIdentities")
	t := newTable(out, yield{"LINKED", 0}, yield{"ISSUER", 12}, yield{"BELIEVED", 0}, yield{"SUBJECT", 8}, yield{"EMAIL", 12}, yield{"LAST SIGN-IN", 0}, yield{"PROVIDER", 8})
	t.row("PROVIDER", "ISSUER", "SUBJECT", "EMAIL", "BELIEVED", "LINKED", "LAST SIGN-IN", "IDENTITY")
	for _, i := range a.Identities {
		t.row(i.Provider, i.Issuer, i.Subject, i.Email, i.EmailBelieved, i.LinkedAt, i.LastSignIn, i.Key)
	}
	if err := t.write(out); err != nil || len(v.Sessions) == 0 {
		return err
	}
	fmt.Fprintln(out, "\nDevices")
	devices := newTable(out, yield{"PROVIDER", 8}, yield{"SIGNED IN", 0}, yield{"FROM", 9}, yield{"OPEN", 0}, yield{"BROWSER", 12}, yield{"LAST SEEN", 0})
	devices.row("SESSION", "PROVIDER", "SIGNED IN", "LAST SEEN", "OPEN", "FROM", "BROWSER")
	for _, s := range v.Sessions {
		devices.row(s.ID, s.Provider, s.CreatedAt, s.SeenAt, s.Connections, s.Address, deviceOf(s.UserAgent))
	}
	if err := devices.write(out); err != nil {
		return err
	}
	if len(v.Sessions) < a.Sessions {
		fmt.Fprintf(out, "%d of %d: cardea sessions list --account %s\n", len(v.Sessions), a.Sessions, safe(a.Handle, maxCell))
	}
	return nil
}

func accountsDisable(p process) *cobra.Command {
	r := &reach{p: p}
	return accountCommand(r, &cobra.Command{
		Use:   "disable ACCOUNT",
		Short: "End an account's sessions and let none of its identities sign in",
		Long: `From the moment this answers no identity of the account signs in here, and every browser
of it is signed out as fully as by the button: cookies, open connections, tokens, and the
provider's session where servers may end it. The person sees a page that says so; its
reference tells the same to "cardea why". The account and its handle stay, and
"cardea accounts enable" opens it again.

Disabling it again ends what may be left.`,
		Example: `  cardea accounts disable ann`,
	}, func(ctx context.Context, c *admin.Client, name string) error {
		v, err := c.Disable(ctx, name)
		if err != nil {
			return err
		}
		if r.json {
			return r.print(v)
		}
		return actText(p.out, v)
	})
}

func accountsEnable(p process) *cobra.Command {
	r := &reach{p: p}
	return accountCommand(r, &cobra.Command{
		Use:   "enable ACCOUNT",
		Short: "Let a disabled account's identities sign in again",
		Long: `Opens a disabled account. Sessions that ended stay so: the person signs in again, and has
the same account and handle. A deletion that has begun is not taken back.`,
		Example: `  cardea accounts enable ann`,
	}, func(ctx context.Context, c *admin.Client, name string) error {
		v, err := c.Enable(ctx, name)
		if err != nil {
			return err
		}
		if r.json {
			return r.print(v)
		}
		return actText(p.out, v)
	})
}

func accountsDelete(p process) *cobra.Command {
	r := &reach{p: p}
	var yes string
	cmd := accountCommand(r, &cobra.Command{
		Use:   "delete ACCOUNT --yes HANDLE",
		Short: "End an account's sessions and erase the person",
		Long: `Signs the person out everywhere, and then erases what is kept of them: identities, name,
e-mail addresses, and the refusals that name them. What providers and apps must still be
told of the sign-out stays, sealed, until they have been or are given up. The handle is
never given to anybody else; whoever signs in with the same identity later gets a new
account with another handle.

This is not taken back. --yes must name the account's handle. A deletion that a crash or an
outage interrupts is finished by the gateway; repeating it does no harm. Backups that were
made before still have the person, and so have databases that a restore put aside
(cardea.db.before-restore.*) and the lines that audit.file has already.

To keep somebody out, disable the account instead: a deleted one may come back as a new one.`,
		Example: `  cardea accounts delete ann --yes ann
  cardea accounts delete 7c1dk2h5m3nqrs4t6uvwx8yz2a --yes ann`,
	}, func(ctx context.Context, c *admin.Client, name string) error {
		if yes == "" {
			handle, err := confirmHandle(ctx, p, c, name)
			if err != nil {
				return err
			}
			yes = handle
		}
		v, err := c.Delete(ctx, name, yes)
		if err != nil && strings.HasPrefix(err.Error(), "Not confirmed") {
			return fmt.Errorf("%w\n--yes %s is not the handle of the account: nothing was deleted", err, safe(yes, maxCell))
		}
		if err != nil {
			return err
		}
		if r.json {
			return r.print(v)
		}
		return actText(p.out, v)
	})
	cmd.Flags().StringVar(&yes, "yes", "", "the account's handle: that it is this one that is meant")
	complete(cmd, "yes", cobra.NoFileCompletions)
	return cmd
}

// confirmHandle lets a person at a terminal type the handle.
func confirmHandle(ctx context.Context, p process, c *admin.Client, name string) (string, error) {
	v, err := c.Account(ctx, name)
	switch {
	case err != nil:
		return "", err
	case v.Deleted != nil:
		return v.Deleted.Handle, nil // nothing is left to be lost
	}
	who := person(p)
	if who == nil {
		return "", usageError{fmt.Errorf("this erases the person: add --yes %s if that is meant", v.Account.Handle)}
	}
	if err := accountText(p.out, v); err != nil {
		return "", err
	}
	typed, err := who.Ask("This erases the person. To go on, type the handle", "")
	if err == nil && typed != v.Account.Handle {
		err = errors.New("nothing was deleted")
	}
	return typed, err
}

func actText(out io.Writer, v admin.AccountAct) error {
	handle := safe(v.Handle, maxCell)
	text := fmt.Sprintf("%s is %s; %d session(s) ended", handle, v.State, v.Ended)
	switch {
	case v.State == "active" && v.Changed:
		text = handle + " can sign in again"
	case v.State == "active":
		text = handle + " was not disabled"
	case v.State == "deleted" && !v.Changed:
		text = handle + " was deleted before"
	case v.State == "deleted":
		text += "; the handle is taken for good"
	case !v.Finished:
		text += "; the store does not answer as it should: nobody signs in, and the gateway does the rest as soon as it can"
	case !v.Changed:
		text = fmt.Sprintf("%s was %s before; %d session(s) ended", handle, v.State, v.Ended)
	}
	fmt.Fprintln(out, text)
	if v.State == "deleted" {
		fmt.Fprintln(out, "backups, cardea.db.before-restore.* and the lines in audit.file keep what they have of the person: they are yours to remove")
	}
	return sumText(out, v.Steps)
}
