package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
)

const logInspectLong = `List topics and partitions of a data directory that nobody has open, with what their segments hold. Nothing is changed.

With --topic, list the records of that topic instead: offset, time, key, value, headers, producer (id/epoch), transaction
(committed, aborted or open) and the markers that end transactions. --from and --to take an offset or a time in RFC 3339; --to
itself is not shown. Numbers have all their digits, in JSON too, where keys and values are strings.

Bytes are shown as --key-format and --value-format say: auto (JSON where it is an object or a list, text where it is printable,
int64 where it is eight bytes, else hex), text, json, int64, uint64, float64, bool, time, hex. What does not fit is shown in hex.
Journals of processors are decoded by themselves.

It lists what can be read; to look for damage use "millrun log check".`

func newLogInspect(s streams, f *format) *cobra.Command {
	q := recordQuery{partition: -1, limit: 100, keys: autoFormat, values: autoFormat}
	c := &cobra.Command{
		Use:               "inspect DIR",
		Short:             "List topics and partitions of a data directory, or the records of a topic",
		Long:              logInspectLong,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeDirectory,
		RunE: func(c *cobra.Command, args []string) error {
			if q.topic != "" {
				return inspectRecords(c, s, *f, args[0], &q)
			}
			if name := onlyWith(c, "partition", "from", "to", "limit", "key-format", "value-format"); name != "" {
				return usagef(c, "--%s needs --topic", name)
			}
			i, err := brokerlite.Inspect(nil, args[0], nil)
			if err != nil {
				return damaged(err, args[0])
			}
			if *f == formatJSON {
				return writeJSON(s.out, i)
			}
			return writeInspection(s, i)
		},
	}
	flags := c.Flags()
	flags.StringVar(&q.topic, "topic", "", "list the records of this topic")
	flags.Int32Var(&q.partition, "partition", -1, "only this partition; -1: all")
	flags.StringVar(&q.from, "from", "", "first offset or time to show; default: the start")
	flags.StringVar(&q.to, "to", "", "first offset or time not to show; default: the end")
	flags.IntVar(&q.limit, "limit", q.limit, "how many records to show at most; 0: all")
	flags.Var(&q.keys, "key-format", "how to show keys")
	flags.Var(&q.values, "value-format", "how to show values")
	complete(c, "topic", completeTopics)
	complete(c, "key-format", fixed(datumFormats...))
	complete(c, "value-format", fixed(datumFormats...))
	return c
}

// onlyWith gives the first of the flags that was set.
func onlyWith(c *cobra.Command, names ...string) string {
	for _, name := range names {
		if c.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

// damaged marks err as damage if a check of the directory finds some.
func damaged(err error, dir string) error {
	findings, checkErr := brokerlite.Check(nil, dir)
	if checkErr == nil && countDamage(findings) > 0 {
		return fmt.Errorf("%w: %w", commitlog.ErrCorrupt, err)
	}
	return hinted(err, dir) // what keeps Check from looking is what err says
}

func writeInspection(s streams, i brokerlite.Inspection) error {
	fmt.Fprintf(s.err, "cluster %s, clean stop: %t, to redo: %d records, %d bytes\n", i.ClusterID, i.Clean, i.WALRecords, i.WALBytes)
	for _, dir := range i.Unknown {
		fmt.Fprintf(s.err, "%s belongs to no topic\n", dir)
	}
	rows := [][]string{}
	for _, t := range i.Topics {
		for _, p := range t.Partitions {
			rows = append(rows, []string{t.Name, strconv.Itoa(int(p.Index)), strconv.FormatInt(p.Start, 10),
				strconv.FormatInt(p.Next, 10), strconv.Itoa(p.Segments), strconv.Itoa(p.Batches), strconv.Itoa(p.Records),
				strconv.FormatInt(p.Bytes, 10), strconv.Itoa(p.Redo)})
		}
	}
	return writeTable(s.out, []string{"topic", "partition", "start", "next", "segments", "batches", "records", "bytes", "redo"}, rows)
}
