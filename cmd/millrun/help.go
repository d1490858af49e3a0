package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newHelp prints the help of a command, or a page. cobra's own ends with code 0 when there is none.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | PAGE]",
		Short: "Tell about a command, or print a page",
		RunE: func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef(c, "no command or page %q", strings.Join(args, " "))
			}
			found.InitDefaultHelpFlag() // so that it is listed
			return found.Help()
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			if found, rest, err := c.Root().Find(args); err == nil && len(rest) == 0 {
				for _, sub := range found.Commands() {
					if !sub.Hidden {
						names = append(names, sub.Name())
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
