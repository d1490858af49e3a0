package main

import "github.com/spf13/cobra"

// newEnv is a page of help, not a command.
func newEnv() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Which environment variables count",
		Long: `Millrun has no environment variables of its own: what a command does stands on its command line. These of the system count:

  TMPDIR      where "millrun demo" works without --dir
  PATH        where "millrun demo --repo" finds git
  GOMAXPROCS  how many threads run at a time; a worker has that many lanes unless told otherwise`,
	}
}
