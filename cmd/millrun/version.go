package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// buildFacts is what version prints.
type buildFacts struct {
	Version  string `json:"version"`  // of the module; "(devel)" when built from a working tree
	Revision string `json:"revision"` // of the source; "" when not known
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// String is what version and --version print.
func (b buildFacts) String() string {
	words := []string{"millrun", b.Version, b.Revision, b.Go, b.Platform}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

func newVersion(s streams, f *format) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Tell which build this is",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			b := readBuild()
			if *f == formatJSON {
				return writeJSON(s.out, b)
			}
			_, err := fmt.Fprintln(s.out, b)
			return err
		},
	}
}

func readBuild() buildFacts {
	b := buildFacts{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			b.Revision = setting.Value
		}
	}
	return b
}
