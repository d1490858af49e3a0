package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
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
	code := exitCode(ctx, err)
	switch {
	case code == exitInterrupted: // what else went wrong went wrong because of it
		fmt.Fprintln(s.err, "millrun: interrupted")
	case err != nil:
		fmt.Fprintf(s.err, "millrun: %v\n", err)
	}
	return code
}

func newRoot(s streams) *cobra.Command {
	format := formatTable
	root := &cobra.Command{
		Use:           "millrun",
		Short:         "Keyed stream processing on a commit log",
		Long:          "Millrun runs keyed stream processing on a commit log. This is its command line.",
		Version:       readBuild().String(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE:          group,
	}
	root.SetVersionTemplate("{{.Version}}\n")
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

// group is what a command with subcommands does by itself: a complaint about the name that is missing, or that it does not have.
// The program by itself gives help.
func group(c *cobra.Command, args []string) error {
	if len(args) == 0 && !c.HasParent() {
		return c.Help()
	}
	names := []string{}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(args) == 0 {
		return usagef(c, "%s needs a command: one of %s", c.CommandPath(), strings.Join(names, ", "))
	}
	return usagef(c, "no command %q: want one of %s", args[0], strings.Join(names, ", "))
}

// exactly wants that many arguments and names them otherwise. None of them may be empty: it is a variable of a script that was
// never set.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usagef(c, "%s, want %s", counted(len(args)), wanted(len(args), names))
		}
		for i, arg := range args {
			if arg == "" {
				return usagef(c, "%s is empty", names[i])
			}
		}
		return nil
	}
}

func counted(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return strconv.Itoa(n) + " arguments"
}

func wanted(given int, names []string) string {
	switch {
	case len(names) == 0:
		return "none"
	case given > len(names):
		return strings.Join(names, " ") + " alone (quote a name that has spaces)"
	}
	return strings.Join(names, " ")
}
