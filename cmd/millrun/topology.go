package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/examples/flights"
	"github.com/millrun/millrun/examples/fraud"
	"github.com/millrun/millrun/examples/githistory"
	"github.com/millrun/millrun/topology"
)

// example is an application that comes with Millrun.
type example struct {
	name, short string
	app         *topology.Topology
}

func examples() []example {
	return []example{
		{"flights", "departures from New York in 2013, per carrier, airport, plane and day", flights.App},
		{"fraud", "payments and refunds of a bank, with alerts; reads tables of others", fraud.App},
		{"githistory", "changes of a Git repository, per file, author and directory", githistory.App},
	}
}

const topologyLong = `Print the plan of an application that comes with Millrun: its processors with inputs, tables and outputs, the names derived
from them, and what a rebuild of each processor proves. Without EXAMPLE, list the applications.

A program of your own prints the same with app.Describe(topology.Text).`

func newTopology(s streams, f *format) *cobra.Command {
	formats := map[string]topology.Format{"text": topology.Text, "mermaid": topology.Mermaid, "dot": topology.DOT}
	as := "text"
	c := &cobra.Command{
		Use:   "topology [EXAMPLE]",
		Short: "Print the plan of an application that comes with Millrun",
		Long:  topologyLong,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef(c, "%d arguments, want at most EXAMPLE", len(args))
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return exampleNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			how, known := formats[as]
			if !known {
				return usagef(c, "--format is %q, want text, mermaid or dot", as)
			}
			if len(args) == 0 {
				return listExamples(s.out, *f)
			}
			at := slices.IndexFunc(examples(), func(e example) bool { return e.name == args[0] })
			if at < 0 {
				return usagef(c, "no example %q: want one of %s", args[0], strings.Join(exampleNames(), ", "))
			}
			plan := examples()[at].app.Describe(how)
			if *f == formatJSON {
				return writeJSON(s.out, map[string]string{"name": args[0], "format": as, "plan": plan})
			}
			_, err := fmt.Fprint(s.out, plan)
			return err
		},
	}
	c.Flags().StringVar(&as, "format", as, "text, mermaid or dot")
	complete(c, "format", fixed("text", "mermaid", "dot"))
	return c
}

func exampleNames() (names []string) {
	for _, e := range examples() {
		names = append(names, e.name)
	}
	return names
}

func listExamples(w io.Writer, f format) error {
	if f == formatJSON {
		return writeJSON(w, exampleNames())
	}
	rows := [][]string{}
	for _, e := range examples() {
		rows = append(rows, []string{e.name, e.short})
	}
	return writeTable(w, []string{"example", "what it counts"}, rows)
}
