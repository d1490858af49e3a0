package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/flights"
	"github.com/millrun/millrun/internal/clock"
)

const demoLong = `Load the 336,776 departures from New York in 2013 onto a log, count them into tables in a child process, kill the child
hard in the middle, start it again, and see that nothing is lost and nothing counted twice. Then replay everything from
offset zero and compare.

With --repo the input is the history of a Git repository instead: lines and commits per file, author and directory, checked
against git itself.

Nothing is needed but a directory. The exit code is 0 only if every answer is the expected one.`

// demo is one run of the demo.
type demo struct {
	streams
	source source
	dir    string
	kills  int
	clock  clock.Clock
	story  *story // once the input is counted
}

func newDemo(s streams, f *format) *cobra.Command {
	d := demo{streams: s, clock: clock.System}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the main job on real input, kill it, and check the answers",
		Long:  demoLong,
		Args:  exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if d.kills < 2 {
				return usagef(c, "--kills is %d, want at least 2", d.kills)
			}
			r, err := d.run(c.Context())
			if err != nil {
				return fmt.Errorf("demo: %w", err)
			}
			return r.write(s.out, *f)
		},
	}
	c.Flags().StringVar(&d.source.repo, "repo", "", "a Git repository whose history is the input; default: the departures")
	c.Flags().StringVar(&d.dir, "dir", "", "an empty or missing directory, which is kept; default: a temporary one, which is not")
	c.Flags().IntVar(&d.kills, "kills", 3, "how often to kill the child, at least 2")
	return c
}

// run does it all in a directory that is cold at the start.
func (d *demo) run(ctx context.Context) (*report, error) {
	remove, err := d.coldDir()
	if err != nil {
		return nil, err
	}
	r, err := d.runIn(ctx)
	return r, errors.Join(err, remove())
}

// coldDir sets dir if need be, and tells how to clean up.
func (d *demo) coldDir() (remove func() error, err error) {
	if d.dir == "" {
		d.dir, err = os.MkdirTemp("", "millrun-demo-")
		return func() error { return os.RemoveAll(d.dir) }, err
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, &notColdError{d.dir}
	}
	return func() error { return nil }, nil
}

// notColdError says that --dir names a directory in use.
type notColdError struct{ dir string }

func (e *notColdError) Error() string {
	return fmt.Sprintf("%s is not empty: the demo starts cold, name another directory or remove it", e.dir)
}

func (d *demo) runIn(ctx context.Context) (_ *report, err error) {
	if d.story, err = d.source.story(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(d.err, "%s, %s rows, in %s\n", d.story.title, thousands(d.story.rows), d.dir)
	started := d.clock.Now()
	kills, err := d.killAndRecover(ctx)
	if err != nil {
		return nil, err
	}
	seconds := d.clock.Now().Sub(started).Seconds()
	log, err := embedded.Open(filepath.Join(d.dir, "log"))
	if err != nil {
		return nil, err
	}
	checks, err := d.answers(ctx, log)
	if err := errors.Join(err, log.Close()); err != nil {
		return nil, err
	}
	checks = append(checks, flights.NewCheck("kills in the middle", int64(d.kills), int64(kills)))
	return newReport(d.story.rows, kills, seconds, checks), nil
}

// answers asks views, replays everything, and asks again.
func (d *demo) answers(ctx context.Context, log commitlog.Log) ([]flights.Check, error) {
	checks, err := d.story.answers(ctx, log)
	if err != nil {
		return nil, err
	}
	if err := d.story.sample(ctx, log, d.err); err != nil {
		return nil, err
	}
	rebuilt, err := d.rebuild(ctx, log)
	if err != nil || d.story.outputs == nil {
		return append(checks, rebuilt...), err
	}
	emitted, err := d.story.outputs(ctx, log)
	return append(append(checks, rebuilt...), emitted...), err
}
