package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/brokerlite"
)

// completer is how cobra asks what may stand next on a command line.
type completer = cobra.CompletionFunc

// complete sets what completes a flag. It cannot fail but for a flag that does not exist, which is a fault of the program.
func complete(c *cobra.Command, flag string, by completer) {
	if err := c.RegisterFlagCompletionFunc(flag, by); err != nil {
		panic(err)
	}
}

// fixed completes from a list.
func fixed(words ...string) completer {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// completeDirectory completes the one argument of a command.
func completeDirectory(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeTopics gives the topics of the data directory that stands on the command line already; a directory that cannot be
// read has none.
func completeTopics(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names := []string{}
	if len(args) == 1 {
		topics, err := brokerlite.Topics(nil, args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		for _, t := range topics {
			names = append(names, t.Name)
		}
		slices.Sort(names)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
