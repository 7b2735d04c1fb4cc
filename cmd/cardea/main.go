package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cardea-auth/cardea/internal/admin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], process{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv, readFile: os.ReadFile,
	}))
}

// process is what commands touch of the world.
type process struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
	readFile func(string) ([]byte, error)
}

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is the caller's mistake: wrong words or a wrong configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func run(ctx context.Context, args []string, p process) int {
	root := rootCommand(p)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !errors.Is(err, errQuiet) {
		fmt.Fprintln(p.err, "cardea: "+err.Error())
	}
	if errors.Is(err, admin.ErrNotRunning) {
		fmt.Fprintln(p.err, "Start it with \"cardea serve\", or name its socket by --admin unix:PATH")
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// errQuiet ends a command whose output has said everything.
var errQuiet = errors.New("failed")

func rootCommand(p process) *cobra.Command {
	root := &cobra.Command{
		Use:   "cardea",
		Short: "A sign-in and sign-out gateway for web applications",
		Long: `Cardea stands in front of web applications. People sign in once at an OpenID
provider, stay signed in, and when they sign out they are out: of the app, of the
gateway, of the provider, and on every open WebSocket.

To see it work without setting anything up:

    cardea demo

To set it up for a provider and an app of yours, and to run it:

    cardea init

or write a configuration (see "cardea config --help") and:

    cardea config check --config cardea.yaml
    cardea serve --config cardea.yaml`,
		SilenceUsage: true, SilenceErrors: true,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w\nRun \"%s --help\" for what it takes", err, cmd.CommandPath())}
	})
	root.AddCommand(serveCommand(p), demoCommand(p), devProviderCommand(p), configCommand(p), accountsCommand(p), sessionsCommand(p), outboxCommand(p), providersCommand(p), auditCommand(p),
		whyCommand(p), initCommand(p), doctorCommand(p), backupCommand(p), restoreCommand(p), healthCommand(p), versionCommand(p))
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("unknown word %q\nRun \"%s --help\" for what it takes", args[0], cmd.CommandPath())}
}

func oneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usageError{fmt.Errorf("exactly one %s is needed\nRun \"%s --help\" for what it takes", name, cmd.CommandPath())}
	}
}

// group is a command that only holds others.
func group(c *cobra.Command, members ...*cobra.Command) *cobra.Command {
	c.Args = noArgs
	c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	c.AddCommand(members...)
	return c
}
