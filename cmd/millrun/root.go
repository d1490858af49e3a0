package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// streams are where a command reads and writes: data to out, all else to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintf(s.err, "millrun: %v\n", err)
	}
	return exitCode(ctx, err)
}

func newRoot(s streams) *cobra.Command {
	format := formatTable
	root := &cobra.Command{
		Use:           "millrun",
		Short:         "Keyed stream processing on a commit log",
		Long:          "Millrun runs keyed stream processing on a commit log. This is its command line.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE:          group,
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usagef(c, "%v", err) })
	root.PersistentFlags().VarP(&format, "output", "o", "format of the data on standard output: table or json")
	complete(root, "output", fixed(string(formatTable), string(formatJSON)))
	root.AddCommand(newDemo(s, &format), newDemoWork(s), newLog(s, &format), newState(s, &format), newTopology(s, &format),
		newCompletion(s), newVersion(s, &format), newExitCodes(), newEnv())
	root.SetHelpCommand(newHelp())
	root.CompletionOptions.DisableDefaultCmd = true // ours knows exit codes
	return root
}

// group is what a command with subcommands does by itself: help, or a complaint about a name it does not have.
func group(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	names := []string{}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usagef(c, "no command %q: want one of %s", args[0], strings.Join(names, ", "))
}

// exactly wants that many arguments and names them otherwise.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(names) == 0 {
			return usagef(c, "%d arguments, want none", len(args))
		}
		return usagef(c, "%d arguments, want %s", len(args), strings.Join(names, " "))
	}
}
