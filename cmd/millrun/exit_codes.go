package main

import "github.com/spf13/cobra"

// newExitCodes is a page of help, not a command.
func newExitCodes() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What each exit code means",
		Long:  "Each command ends with one of these codes:\n\n" + exitCodesText,
	}
}
