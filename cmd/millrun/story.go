package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/examples/flights"
	"github.com/millrun/millrun/examples/githistory"
	"github.com/millrun/millrun/topology"
)

// story is an application for the demo: real input, and what must come out of it.
type story struct {
	title     string // of the input
	rows      int64  // of the input
	app       *topology.Topology
	processor string // the one of app
	// answers asks the tables and compares. It is asked before and after the replay.
	answers func(ctx context.Context, log commitlog.Log) ([]flights.Check, error)
	// sample prints a few answers for people.
	sample func(ctx context.Context, log commitlog.Log, w io.Writer) error
	// outputs compares what was emitted, after the replay; nil: nothing is emitted.
	outputs func(ctx context.Context, log commitlog.Log) ([]flights.Check, error)
}

// source is what a child of the demo loads and counts.
type source struct {
	repo string // a Git repository; "": the departures
}

// args are the flags that tell a child.
func (s source) args() []string {
	if s.repo == "" {
		return nil
	}
	return []string{"--repo", s.repo}
}

// story counts what there is.
func (s source) story(ctx context.Context) (*story, error) {
	if s.repo == "" {
		return departures(), nil
	}
	head, err := githistory.Head(ctx, s.repo)
	if err != nil {
		return nil, err
	}
	rows, err := githistory.Count(ctx, s.repo, head)
	if err != nil {
		return nil, err
	}
	return &story{title: "history of " + s.repo, rows: rows, app: githistory.App, processor: githistory.ProcessorName,
		answers: s.askGit(), sample: sampleHistory}, nil
}

// askGit compares with what git says, which takes a while on a large repository, so it is asked once.
func (s source) askGit() func(ctx context.Context, log commitlog.Log) ([]flights.Check, error) {
	var facts *githistory.Facts
	return func(ctx context.Context, log commitlog.Log) ([]flights.Check, error) {
		if facts == nil {
			head, err := githistory.LoadedHead(ctx, log)
			if err != nil {
				return nil, err
			}
			if facts, err = githistory.Ask(ctx, s.repo, head); err != nil {
				return nil, err
			}
		}
		tables, err := githistory.Read(ctx, log)
		if err != nil {
			return nil, err
		}
		return tables.Checks(facts), nil
	}
}

// work is a child's whole life: load up to a row, 0 for all, and count.
func (s source) work(ctx context.Context, log commitlog.Log, dir string, until int64, progress func(flights.Progress)) error {
	state := filepath.Join(dir, "state")
	if s.repo == "" {
		return flights.Work(ctx, log, flights.WorkConfig{StateDir: state, Load: flights.LoadConfig{Until: int(until)}, Progress: progress})
	}
	return githistory.Work(ctx, log, githistory.WorkConfig{StateDir: state,
		Load: githistory.LoadConfig{Repo: s.repo, Until: until}, Progress: progress})
}

func departures() *story {
	return &story{title: "departures of 2013", rows: flights.Records, app: flights.App, processor: flights.ProcessorName,
		answers: func(ctx context.Context, log commitlog.Log) ([]flights.Check, error) {
			tables, err := flights.Read(ctx, log)
			return tables.Checks(), err
		},
		sample:  sampleDepartures,
		outputs: cancellations,
	}
}

func sampleDepartures(ctx context.Context, log commitlog.Log, w io.Writer) error {
	tables, err := flights.Read(ctx, log)
	if err != nil {
		return err
	}
	for _, key := range []string{"UA", "B6", "EV"} {
		t := tables.Carriers[key]
		fmt.Fprintf(w, "view of carriers: %s %s flights, %s cancelled, %s miles\n", key, thousands(t.Flights), thousands(t.Cancelled), thousands(t.Miles))
	}
	return nil
}

func sampleHistory(ctx context.Context, log commitlog.Log, w io.Writer) error {
	tables, err := githistory.Read(ctx, log)
	if err != nil {
		return err
	}
	for _, author := range tables.Busiest(3) {
		t := tables.Authors[author]
		fmt.Fprintf(w, "view of authors: %q %s commits, %s lines added, %s removed\n", author, thousands(t.Commits), thousands(t.Added), thousands(t.Removed))
	}
	return nil
}

// cancellations checks the stream of cancelled flights: each once, the kills and the replay notwithstanding.
func cancellations(ctx context.Context, log commitlog.Log) ([]flights.Check, error) {
	rows, err := flights.Cancelled(ctx, log)
	if err != nil {
		return nil, err
	}
	again := int64(0)
	for _, times := range rows {
		again += int64(times - 1)
	}
	return []flights.Check{
		flights.NewCheck("cancellations emitted", int64(8_255), int64(len(rows))),
		flights.NewCheck("cancellations emitted again", 0, again),
	}, nil
}
