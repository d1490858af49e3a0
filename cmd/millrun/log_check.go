package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
)

func newLogCheck(s streams, f *format) *cobra.Command {
	return &cobra.Command{
		Use:   "check DIR",
		Short: "Read a data directory, checksums included, and list damage",
		Long: `Read everything in a data directory that nobody has open, checksums included, and list what is wrong. Nothing is changed.

The exit code is 7 if data that counted is lost or unreadable. Findings that are no damage are only worth knowing.`,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeDirectory,
		RunE: func(_ *cobra.Command, args []string) error {
			findings, err := brokerlite.Check(nil, args[0])
			if err != nil {
				return hinted(err, args[0])
			}
			if err := writeFindings(s, *f, findings); err != nil {
				return err
			}
			if n := countDamage(findings); n > 0 {
				return fmt.Errorf("check %s: %w: %d places", args[0], commitlog.ErrCorrupt, n)
			}
			if *f == formatJSON {
				return nil
			}
			return sayWhole(s, args[0])
		},
	}
}

// sayWhole says, beside the data, that nothing is wrong and how much was looked at: silence could mean that nothing was.
func sayWhole(s streams, dir string) error {
	i, err := brokerlite.Inspect(nil, dir, nil)
	if err != nil {
		return err
	}
	records := 0
	for _, t := range i.Topics {
		for _, p := range t.Partitions {
			records += p.Records
		}
	}
	_, err = fmt.Fprintf(s.err, "no damage found in %s topics, %s records\n", thousands(int64(len(i.Topics))), thousands(int64(records)))
	return err
}

// hinted adds to err, which says that dir is no data directory, where one is: programs keep it beside their tables.
func hinted(err error, dir string) error {
	below := filepath.Join(dir, "log")
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, missing := os.Stat(filepath.Join(below, "LOCK")); missing != nil {
		return err
	}
	return fmt.Errorf("%w; there is one in %s", err, below)
}

func writeFindings(s streams, f format, findings []brokerlite.Finding) error {
	if len(findings) == 0 && f != formatJSON {
		return nil // no table of nothing
	}
	if f == formatJSON {
		if findings == nil {
			findings = []brokerlite.Finding{} // an empty list, not null
		}
		return writeJSON(s.out, findings)
	}
	rows := [][]string{}
	for _, finding := range findings {
		kind := "note"
		if finding.Damage {
			kind = "damage"
		}
		at := ""
		if finding.At >= 0 {
			at = strconv.FormatInt(finding.At, 10)
		}
		rows = append(rows, []string{kind, finding.File, at, finding.What})
	}
	return writeTable(s.out, []string{"kind", "file", "at", "what"}, rows)
}

func countDamage(findings []brokerlite.Finding) (n int) {
	for _, finding := range findings {
		if finding.Damage {
			n++
		}
	}
	return n
}
