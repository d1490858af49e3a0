package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongCommandLinesEndWithUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"bogus", `no command "bogus": want one of completion, demo, log, state, topology, version`},
		{"--bogus", "unknown flag: --bogus"},
		{"version extra", "1 argument, want none"},
		{"version -o xml", "want table or json"},
		{"log bogus", `no command "bogus": want one of check, inspect`},
		{"log check", "0 arguments, want DIR"},
		{"log inspect a b", "2 arguments, want DIR alone (quote a name that has spaces)"},
		{"log inspect a --from 3", "--from needs --topic"},
		{"log inspect a --topic t --from yesterday", `--from is "yesterday", want an offset or a time`},
		{"log inspect a --topic t --limit -1", "--limit is -1, want 0 or more"},
		{"log inspect a --topic t --key-format xml", "want one of auto, text, json"},
		{"state bogus", `no command "bogus": want one of check, inspect`},
		{"state inspect", "0 arguments, want DIR"},
		{"state inspect a --key k", "--key needs --table"},
		{"state inspect a --table t --key k --prefix p", "--key and --prefix, want one of them"},
		{"state inspect a --table t --key k --key-format int64", `--key "k" is no int64`},
		{"state inspect a --table t --prefix 1 --key-format int64", "--prefix means nothing with --key-format int64"},
		{"completion tcsh", `no shell "tcsh": want bash, zsh, fish or powershell`},
		{"completion", "0 arguments, want SHELL"},
		{"help bogus", `no command or page "bogus"`},
		{"help log bogus", `no command or page "log bogus"`},
		{"topology a b", "2 arguments, want at most EXAMPLE"},
		{"topology bogus", `no example "bogus": want one of flights`},
		{"topology flights --format svg", `--format is "svg", want text, mermaid or dot`},
		{"demo --kills 1", "--kills is 1, want at least 2"},
		{"demo extra", "1 argument, want none"},
		{"log", "millrun log needs a command: one of check, inspect"},
		{"state", "millrun state needs a command: one of check, inspect"},
	} {
		code, out, err := millrun(t, strings.Fields(c.args)...)
		if code != exitUsage || out != "" || !strings.Contains(err, c.says) || !strings.Contains(err, "--help'.") {
			t.Errorf("millrun %s: code %d, output %q, error %q, want code %d and %q", c.args, code, out, err, exitUsage, c.says)
		}
	}
}

// A variable of a script that was never set is no directory.
func TestAnEmptyArgumentIsRefused(t *testing.T) {
	for _, args := range [][]string{{"log", "inspect", ""}, {"log", "check", ""}, {"state", "inspect", ""}, {"state", "check", ""}} {
		code, out, err := millrun(t, args...)
		if code != exitUsage || out != "" || !strings.Contains(err, "DIR is empty") {
			t.Errorf("millrun %q: code %d, output %q, error %q", args, code, out, err)
		}
	}
}

func TestHelpListsEveryExitCode(t *testing.T) {
	code, out, err := millrun(t, "help", "exit-codes")
	if code != exitOK || err != "" {
		t.Fatalf("code %d, error %q", code, err)
	}
	for _, want := range []string{"\n  0 ", "\n  1 ", "\n  2 ", "\n  3 ", "\n  4 ", "\n  5 ", "\n  6 ", "\n  7 ", "\n  130 "} {
		if !strings.Contains(out, want) {
			t.Errorf("the page has no line for code%s:\n%s", want, out)
		}
	}
}

func TestHelpGoesToStandardOutputAndHidesTheChild(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"help"}} {
		code, out, err := millrun(t, args...)
		if code != exitOK || err != "" || !strings.Contains(out, "demo") || strings.Contains(out, demoWorkName) {
			t.Errorf("millrun %v: code %d, error %q, output:\n%s", args, code, err, out)
		}
	}
}

func TestVersionIsOneLineOrOneObject(t *testing.T) {
	code, out, err := millrun(t, "version")
	if code != exitOK || err != "" || !strings.HasPrefix(out, "millrun ") || strings.Count(out, "\n") != 1 {
		t.Errorf("code %d, error %q, output %q", code, err, out)
	}
	if code, flag, err := millrun(t, "--version"); code != exitOK || err != "" || flag != out {
		t.Errorf("--version: code %d, error %q, output %q, want %q", code, err, flag, out)
	}
	code, out, err = millrun(t, "version", "-o", "json")
	var b map[string]string
	if fault := json.Unmarshal([]byte(out), &b); code != exitOK || err != "" || fault != nil || b["go"] == "" || b["version"] == "" {
		t.Errorf("code %d, error %q, output %q, %v", code, err, out, fault)
	}
}

func TestDemoRefusesADirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, err := millrun(t, "demo", "--dir", dir)
	if code != exitConflict || out != "" || !strings.Contains(err, "is not empty") {
		t.Errorf("code %d, output %q, error %q, want code %d", code, out, err, exitConflict)
	}
}

func TestCompletionScriptsNameTheProgram(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, out, err := millrun(t, "completion", shell)
		if code != exitOK || err != "" || !strings.Contains(out, "millrun") {
			t.Errorf("%s: code %d, error %q, %d bytes", shell, code, err, len(out))
		}
	}
}

func TestHelpOfACommandIsItsOwn(t *testing.T) {
	code, out, err := millrun(t, "help", "state", "inspect")
	if code != exitOK || err != "" || !strings.Contains(out, "--prefix") || !strings.Contains(out, "help for inspect") {
		t.Errorf("code %d, error %q, output:\n%s", code, err, out)
	}
}
