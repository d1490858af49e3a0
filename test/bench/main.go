// Command bench measures the path of a record through Millrun on the embedded log, and checks each result.
//
//	go run ./test/bench [-json FILE]
//
// It prints a table and, with -json, writes a list of {name, rate, unit, share}. Each figure is the median over the rounds;
// each round starts with an empty directory on the real disk and runs, one after the other:
//
//	append   the input goes to the log: durable batches of 1,000 records, both partitions at once
//	scan     a bare read of the input through commitlog.Reader, one reader, adding up bytes
//	count    the stateful count: exactly once, a commit each 100 ms, the table in LevelDB; from the start of the worker until
//	         everything is committed. The input is on the log already
//	rebuild  the replay from offset zero into a second edition, with the comparison of both, until the new one serves
//
// share is a figure's part of the scan of the same round. After each count and each rebuild the counts are read through a
// view: their sum must be the number of records, or the run fails.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"text/tabwriter"
)

type options struct {
	records, keys, valueBytes, partitions, rounds, cores int
	dir, jsonFile, cpuProfile                            string
}

func main() {
	var o options
	flag.IntVar(&o.records, "records", 1_000_000, "records in the input")
	flag.IntVar(&o.keys, "keys", 10_000, "different keys")
	flag.IntVar(&o.valueBytes, "value", 92, "bytes of each value; the key has 8 more")
	flag.IntVar(&o.partitions, "partitions", 2, "partitions of the input")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds, of which the median counts")
	flag.IntVar(&o.cores, "cores", 2, "cores to use")
	flag.StringVar(&o.dir, "dir", "", "where to put the data; empty: the directory for temporary files")
	flag.StringVar(&o.jsonFile, "json", "", "file to write the figures to")
	flag.StringVar(&o.cpuProfile, "cpuprofile", "", "file to write a CPU profile of the last count to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.records < 1 || o.keys < 1 || o.valueBytes < 0 || o.partitions < 1 || o.rounds < 1 || o.cores < 1 {
		return errors.New("records, keys, partitions, rounds and cores must be above zero, value not below it")
	}
	runtime.GOMAXPROCS(o.cores)
	results := newResults()
	for n := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", n+1, o.rounds)
		if err := round(ctx, o, n, results); err != nil {
			return fmt.Errorf("round %d: %w", n+1, err)
		}
	}
	figures := results.medians()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "name\trate\tunit\tshare")
	for _, f := range figures {
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%.2f\n", f.Name, f.Rate, f.Unit, f.Share)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if o.jsonFile == "" {
		return nil
	}
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.jsonFile, append(text, '\n'), 0o644)
}

// profiled runs f under the CPU profile that the options ask for, in the last round.
func profiled(o options, n int, f func() error) error {
	if o.cpuProfile == "" || n != o.rounds-1 {
		return f()
	}
	file, err := os.Create(o.cpuProfile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}
