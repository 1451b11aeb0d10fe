// Command p2pspec judges peer-to-peer clients against the documents that they
// implement. See the README for a tour and `p2pspec help` for the commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/p2pspec/p2pspec/conformance"
	"github.com/p2pspec/p2pspec/conformance/suites"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, suites: suites.All()}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(int(code))
}

// app is the command with what it reads, writes and offers.
type app struct {
	in       io.Reader
	out, err io.Writer
	suites   []conformance.Suite
	exit     conformance.ExitCode
}

// run executes one command line and returns what the process exits with.
func (a *app) run(ctx context.Context, args []string) conformance.ExitCode {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return a.exit
	}
	var failed *fault
	var usage *conformance.UsageError
	switch {
	case errors.As(err, &failed):
		fmt.Fprintf(a.err, "p2pspec: %v\n", err)
		return conformance.ExitHarness
	case errors.As(err, &usage):
		fmt.Fprintf(a.err, "p2pspec: %v\n", err)
	default: // cobra's own, such as an unknown command
		fmt.Fprintf(a.err, "p2pspec: %v; see `p2pspec help`\n", err)
	}
	return conformance.ExitUsage
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "p2pspec",
		Short: "Judge peer-to-peer clients, clause by clause",
		Long: `p2pspec points a conformance suite at somebody's peer-to-peer client and gives
a verdict for each requirement, with the bytes that it rests on.

  p2pspec check dht --target 127.0.0.1:6881    judge the DHT node that runs there
  p2pspec check                                judge the built-in reference node`,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%v; see `%s --help`", err, cmd.CommandPath())
	})
	root.AddCommand(a.checkCommand(), a.listCommand(), a.explainCommand(), a.decodeCommand(),
		a.makeCommand(), a.serveCommand(), a.simCommand(), a.vectorsCommand(), a.versionCommand())
	return root
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print("p2pspec %s\n", version())
		},
	}
}

// release is the version under way; a build from a tagged module says its own.
const release = "0.1.0-dev"

// version is the release and, where the build knows it, the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return release + "+" + s.Value[:12]
		}
	}
	return release
}

// print writes to the standard output.
func (a *app) print(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.out, format, args...); err != nil {
		return &fault{err}
	}
	return nil
}

// fault is an error that the user did not make, such as a full disk.
type fault struct{ err error }

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

func usagef(format string, args ...any) error {
	return &conformance.UsageError{Message: fmt.Sprintf(format, args...)}
}
