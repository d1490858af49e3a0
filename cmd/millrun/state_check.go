package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// stateFinding is a state.Finding as state check prints it.
type stateFinding struct {
	Store string `json:"store"`
	File  string `json:"file"`
	What  string `json:"what"`
}

func newStateCheck(s streams, f *format) *cobra.Command {
	return &cobra.Command{
		Use:   "check DIR",
		Short: "Read tables, checksums included, and list damage",
		Long: `Read every table at or below a directory and list what is wrong. Nothing is changed.

The exit code is 7 if something is. A worker that finds the same moves the store aside and builds it anew from the changelogs,
so nothing is lost; deleting the task's directory does the same.`,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeDirectory,
		RunE: func(_ *cobra.Command, args []string) error {
			found, stores, err := checkStores(args[0])
			if err != nil {
				return err
			}
			if err := writeStateFindings(s, *f, found); err != nil {
				return err
			}
			if len(found) > 0 {
				return fmt.Errorf("check %s: %w: %d places", args[0], commitlog.ErrCorrupt, len(found))
			}
			if *f == formatTable {
				fmt.Fprintf(s.err, "no damage found in %d stores\n", stores)
			}
			return nil
		},
	}
}

// checkStores gives what is wrong in the stores at or below dir, and how many there are.
func checkStores(dir string) (all []stateFinding, stores int, err error) {
	in, err := findStores(dir)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	all = []stateFinding{}
	for _, name := range in.names {
		found, err := state.Check(vfs.OS, in.path(name))
		if err != nil {
			return nil, 0, err
		}
		for _, one := range found {
			all = append(all, stateFinding{name, one.File, one.What})
		}
	}
	return all, len(in.names), nil
}

func writeStateFindings(s streams, f format, found []stateFinding) error {
	if f == formatJSON {
		return writeJSON(s.out, found)
	}
	if len(found) == 0 {
		return nil // no table of nothing
	}
	rows := [][]string{}
	for _, one := range found {
		rows = append(rows, []string{one.Store, one.File, one.What})
	}
	return writeTable(s.out, []string{"store", "file", "what"}, rows)
}
