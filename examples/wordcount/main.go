// Command wordcount counts the words of standard input. A line has no key, so its words travel through an internal stream
// to the partition where each word is counted.
//
//	echo "to be or not to be" | go run ./examples/wordcount [DIR]
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/examples/internal/args"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

var (
	lines  = processor.NewStream("lines", codec.Unkeyed, codec.String)
	words  = processor.NewInternalStream("words", codec.String, codec.Empty)
	counts = processor.NewTable("words-counted", codec.String, codec.Int64)
)

var app = topology.MustNew("wordcount", processor.New("counter",
	processor.On(lines, func(ctx processor.Context, _ struct{}, line string) error {
		for word := range strings.FieldsFuncSeq(strings.ToLower(line), func(r rune) bool { return !unicode.IsLetter(r) }) {
			words.Emit(ctx, word, struct{}{})
		}
		return nil
	}),
	processor.On(words, func(ctx processor.Context, word string, _ struct{}) error {
		n, _ := counts.Get(ctx, word)
		counts.Put(ctx, word, n+1)
		return nil
	}),
	processor.Emits(words), processor.Owns(counts),
))

func main() {
	dir := args.Directory("wordcount", "wordcount-data", "Counts the words of standard input.")
	if err := run(context.Background(), dir, os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string, text io.Reader, out io.Writer) error {
	data, err := embedded.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	w, err := worker.New(app, data, worker.Config{StateDir: filepath.Join(dir, "state"), Partitions: 4, Logger: slog.Default()})
	if err != nil {
		return errors.Join(err, data.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }() // ends at stop, and is waited for
	err = countWords(ctx, data, w, text, out)
	stop()
	return errors.Join(err, <-ended, data.Close())
}

// countWords puts each line on the log, waits until all words are counted, and prints them, the most frequent first.
func countWords(ctx context.Context, data commitlog.Log, w *worker.Worker, text io.Reader, out io.Writer) error {
	in, err := producer.Open(ctx, data, lines, producer.Config{Partitions: 4})
	if err != nil {
		return err
	}
	scanner := bufio.NewScanner(text)
	for scanner.Scan() && err == nil {
		err = in.Queue(ctx, struct{}{}, scanner.Text())
	}
	if err := errors.Join(err, scanner.Err(), in.Close()); err != nil {
		return err
	}
	if err := w.Settled(ctx); err != nil {
		return err
	}
	table, err := view.Open(ctx, app, data, counts, view.Config{})
	if err != nil {
		return err
	}
	defer table.Close()
	if err := table.Ready(ctx); err != nil {
		return err
	}
	var found []view.Entry[string, int64]
	for entry, err := range table.All(ctx) {
		if err != nil {
			return err
		}
		found = append(found, entry)
	}
	slices.SortFunc(found, func(a, b view.Entry[string, int64]) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Key, b.Key))
	})
	for _, entry := range found {
		fmt.Fprintf(out, "%d %s\n", entry.Value, entry.Key)
	}
	return nil
}
