package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
)

func newLogInspect(s streams, f *format) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect DIR",
		Short: "List topics and partitions of a data directory",
		Long: `List topics and partitions of a data directory that nobody has open, with what their segments hold. Nothing is changed.

It lists what can be read; to look for damage use "millrun log check".`,
		Args: exactly("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
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
}

// damaged marks err as damage if a check of the directory finds some.
func damaged(err error, dir string) error {
	findings, checkErr := brokerlite.Check(nil, dir)
	if checkErr == nil && countDamage(findings) > 0 {
		return fmt.Errorf("%w: %w", commitlog.ErrCorrupt, err)
	}
	return err // what keeps Check from looking is what err says
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
