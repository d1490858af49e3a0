package main

import "github.com/spf13/cobra"

// newLog groups what looks at a data directory without opening it for use.
func newLog(s streams, f *format) *cobra.Command {
	c := &cobra.Command{
		Use:   "log",
		Short: "Look at the data directory of a log",
		Long:  "Look at the data directory of a log that nobody has open. Nothing in it is changed.",
		Args:  cobra.ArbitraryArgs,
		RunE:  group,
	}
	c.AddCommand(newLogInspect(s, f), newLogCheck(s, f))
	return c
}
