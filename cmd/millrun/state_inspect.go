package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

const stateInspectLong = `List the tables at or below a directory: the StateDir of a worker, one application or processor in it
(APP, APP/PROCESSOR.eN), or one task (APP/PROCESSOR.eN/PARTITION). For each task and table: entries, bytes of keys and values,
commits, and the next offset of each input as of the newest commit. Nothing is changed.

With --table, list the entries of that table instead, all of them or those of --key or --prefix. Keys and values are shown as
--key-format and --value-format say (see "millrun log inspect --help"), with all their digits. Where keys are numbers or times,
name the format: the store keeps them in another form, in which they sort, and which auto shows in hex.`

// stateQuery is what the flags of state inspect ask for.
type stateQuery struct {
	table, key, prefix string
	hasKey, hasPrefix  bool
	limit              int // 0: all
	keys, values       datumFormat
}

func newStateInspect(s streams, f *format) *cobra.Command {
	q := stateQuery{limit: 100, keys: autoFormat, values: autoFormat}
	c := &cobra.Command{
		Use:               "inspect DIR",
		Short:             "List tables, or the entries of a table",
		Long:              stateInspectLong,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeDirectory,
		RunE: func(c *cobra.Command, args []string) error {
			q.hasKey, q.hasPrefix = c.Flags().Changed("key"), c.Flags().Changed("prefix")
			switch name := onlyWith(c, "key", "prefix", "limit", "key-format", "value-format"); {
			case q.table == "" && name != "":
				return usagef(c, "--%s needs --table", name)
			case q.hasKey && q.hasPrefix:
				return usagef(c, "--key and --prefix, want one of them")
			case q.limit < 0:
				return usagef(c, "--limit is %d, want 0 or more", q.limit)
			case q.table != "":
				return inspectEntries(c, s, *f, args[0], &q)
			}
			all, err := inspectStores(args[0])
			if err != nil {
				return err
			}
			return errors.Join(writeStores(s, *f, all), damagedStores(args[0], all))
		},
	}
	flags := c.Flags()
	flags.StringVar(&q.table, "table", "", "list the entries of this table")
	flags.StringVar(&q.key, "key", "", "only the entry of this key, which is read as --key-format says")
	flags.StringVar(&q.prefix, "prefix", "", "only keys whose bytes begin so; with --key-format hex, hexadecimal digits")
	flags.IntVar(&q.limit, "limit", q.limit, "how many entries to show at most; 0: all")
	flags.Var(&q.keys, "key-format", "how to show keys")
	flags.Var(&q.values, "value-format", "how to show values")
	complete(c, "table", completeTables)
	complete(c, "key-format", fixed(datumFormats...))
	complete(c, "value-format", fixed(datumFormats...))
	return c
}

// storeFacts is what state inspect says of one store. Its JSON field names stay.
type storeFacts struct {
	Store     string       `json:"store"` // below the directory asked for
	ClusterID string       `json:"cluster_id"`
	JournalID string       `json:"journal_id"` // hexadecimal
	Tables    []tableFacts `json:"tables"`
	Newest    markFacts    `json:"newest"`
	Barrier   markFacts    `json:"barrier"` // what is surely on disk
	Unclean   bool         `json:"unclean"` // batches above the barrier: a start replays from there
	Wrong     []string     `json:"wrong,omitempty"`
}

type tableFacts struct {
	Name          string `json:"name"`
	Entries       int64  `json:"entries"`
	Bytes         int64  `json:"bytes"`          // of keys and values
	ChangelogNext *int64 `json:"changelog_next"` // next offset of the changelog to apply; null if there is none
}

type markFacts struct {
	Batch       uint64           `json:"batch"`
	Commit      int64            `json:"commit"`
	Time        string           `json:"time"` // of the newest entry
	JournalNext int64            `json:"journal_next"`
	StreamTime  string           `json:"stream_time"`
	Inputs      map[string]int64 `json:"inputs"` // next offset of each
	position    string           // the same in words
}

func inspectStores(dir string) (all []storeFacts, err error) {
	in, err := findStores(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for _, name := range in.names {
		one, err := inspectStore(in.path(name))
		if err != nil {
			return nil, err
		}
		one.Store = name
		all = append(all, one)
	}
	return all, nil
}

func inspectStore(dir string) (storeFacts, error) {
	entries, sizes := map[string]int64{}, map[string]int64{}
	c, found, err := state.Inspect(vfs.OS, dir, func(e state.StoredEntry) error {
		entries[e.Table]++
		sizes[e.Table] += int64(len(e.Sorted) + len(e.Value))
		return nil
	})
	if err != nil {
		return storeFacts{}, err
	}
	out := storeFacts{ClusterID: c.Identity.ClusterID, JournalID: hex.EncodeToString(c.Identity.Journal[:]), Tables: []tableFacts{},
		Newest: showMark(c.NewestBatch, c.Newest), Barrier: showMark(c.BarrierBatch, c.Barrier), Unclean: c.NewestBatch > c.BarrierBatch}
	for i, name := range c.Tables {
		t := tableFacts{Name: name, Entries: entries[name], Bytes: sizes[name]}
		if i < len(c.Newest.Changelogs) {
			t.ChangelogNext = &c.Newest.Changelogs[i].Next
		}
		out.Tables = append(out.Tables, t)
	}
	for _, wrong := range found {
		out.Wrong = append(out.Wrong, wrong.String())
	}
	return out, nil
}

func showMark(batch uint64, m state.Mark) markFacts {
	out := markFacts{Batch: batch, Commit: m.Commit, JournalNext: m.Journal.Next, Inputs: map[string]int64{}}
	if m.Time > 0 {
		out.Time = showTime(m.Time)
	}
	if len(m.Position) == 0 {
		return out // before the first commit, or a copy that takes no inputs
	}
	p, err := journal.ParsePosition(m.Position)
	if err != nil {
		out.position = fmt.Sprintf("%x (%v)", m.Position, err)
		return out
	}
	out.StreamTime, out.position = showTime(p.StreamTime), showPosition(&p)
	for _, in := range p.Inputs {
		out.Inputs[in.Stream] = in.Next
	}
	return out
}

func writeStores(s streams, f format, all []storeFacts) error {
	if f == formatJSON {
		return writeJSON(s.out, all)
	}
	rows := [][]string{}
	for _, one := range all {
		for _, wrong := range one.Wrong {
			fmt.Fprintf(s.err, "%s: wrong: %s\n", one.Store, wrong)
		}
		if one.Unclean {
			fmt.Fprintf(s.err, "%s: not stopped in good order: batches %d to %d are replayed at the next start\n", one.Store,
				one.Barrier.Batch+1, one.Newest.Batch)
		}
		for _, t := range one.Tables {
			next := "-"
			if t.ChangelogNext != nil {
				next = strconv.FormatInt(*t.ChangelogNext, 10)
			}
			rows = append(rows, []string{one.Store, t.Name, strconv.FormatInt(t.Entries, 10), strconv.FormatInt(t.Bytes, 10), next,
				one.Newest.position})
		}
	}
	return writeTable(s.out, []string{"store", "table", "entries", "bytes", "changelog next", "position"}, rows)
}

// damagedStores is an error if something was wrong with a store.
func damagedStores(dir string, all []storeFacts) error {
	for _, one := range all {
		if len(one.Wrong) > 0 {
			return fmt.Errorf("inspect %s: %w in %s, %d places: %s", dir, commitlog.ErrCorrupt, one.Store, len(one.Wrong), one.Wrong[0])
		}
	}
	return nil
}
