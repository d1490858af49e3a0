package main

import (
	"io"

	"github.com/spf13/cobra"
)

const completionLong = `Print a script that lets a shell complete commands, flags and values: topics of a data directory, tables of a state directory,
names of examples.

  bash         source <(millrun completion bash)
  zsh          millrun completion zsh > "${fpath[1]}/_millrun"
  fish         millrun completion fish > ~/.config/fish/completions/millrun.fish
  powershell   millrun completion powershell | Out-String | Invoke-Expression`

func newCompletion(s streams) *cobra.Command {
	scripts := map[string]func(root *cobra.Command, w io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
	}
	return &cobra.Command{
		Use:               "completion SHELL",
		Short:             "Print a script that completes command lines",
		Long:              completionLong,
		Args:              exactly("SHELL"),
		ValidArgsFunction: fixed("bash", "zsh", "fish", "powershell"),
		RunE: func(c *cobra.Command, args []string) error {
			script, known := scripts[args[0]]
			if !known {
				return usagef(c, "no shell %q: want bash, zsh, fish or powershell", args[0])
			}
			return script(c.Root(), s.out)
		},
	}
}
