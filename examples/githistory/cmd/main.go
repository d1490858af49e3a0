// Command githistory loads the history of a Git repository onto a log, counts it, and compares the answers with git's own.
// Stopped or killed, it goes on where it was.
//
//	go run ./examples/githistory/cmd REPO [DIR]
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/githistory"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: githistory REPO [DIR]\n\nCounts the history of the Git repository REPO and compares the answers with git's own.\n"+
			"DIR holds log and tables; githistory-data unless given.")
	}
	flag.Parse()
	if flag.NArg() < 1 || flag.NArg() > 2 || flag.Arg(0) == "" {
		flag.Usage()
		os.Exit(2)
	}
	dir := cmp.Or(flag.Arg(1), "githistory-data")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, flag.Arg(0), dir)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, repo, dir string) error {
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	err = githistory.Work(ctx, data, githistory.WorkConfig{StateDir: filepath.Join(dir, "state"),
		Load: githistory.LoadConfig{Repo: repo}})
	if err != nil {
		return errors.Join(err, data.Close())
	}
	checks, err := githistory.Answers(ctx, repo, data)
	if err := errors.Join(err, data.Close()); err != nil {
		return err
	}
	for _, c := range checks {
		fmt.Printf("%-48s %v\n", c.What, c.Got)
		if !c.OK {
			err = errors.Join(err, fmt.Errorf("%s: got %v, expected %v", c.What, c.Got, c.Expected))
		}
	}
	return err
}
