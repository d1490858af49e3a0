// Command millrun is the command line of Millrun.
//
//	millrun demo               run the main job on real input, kill it, let it recover, rebuild it, and check the answers
//	millrun log inspect DIR    list what is in a data directory, or the records of a topic, without changing it
//	millrun log check DIR      walk a data directory and report damage
//	millrun state inspect DIR  list the tables of a stopped worker, or the entries of a table
//	millrun state check DIR    read tables and report damage
//	millrun topology EXAMPLE   print the plan of an application that comes with Millrun
//	millrun completion SHELL   print a script that completes commands, flags, topics and tables
//	millrun version            tell which build this is
//
// Data goes to standard output, as a table or, with -o json, as JSON whose field names stay; all else goes to standard
// error. The exit code says what went wrong: see "millrun help exit-codes". Interrupt and SIGTERM end a command in good
// order; a second one ends it at once.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a second signal has its usual effect
	os.Exit(run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
