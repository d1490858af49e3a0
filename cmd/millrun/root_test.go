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
		{"bogus", `no command "bogus": want one of demo, log, version`},
		{"--bogus", "unknown flag: --bogus"},
		{"version extra", "1 arguments, want none"},
		{"version -o xml", "want table or json"},
		{"log bogus", `no command "bogus": want one of check, inspect`},
		{"log check", "0 arguments, want DIR"},
		{"log inspect a b", "2 arguments, want DIR"},
		{"demo --kills 1", "--kills is 1, want at least 2"},
		{"demo extra", "1 arguments, want none"},
	} {
		code, out, err := millrun(t, strings.Fields(c.args)...)
		if code != exitUsage || out != "" || !strings.Contains(err, c.says) || !strings.Contains(err, "--help'.") {
			t.Errorf("millrun %s: code %d, output %q, error %q, want code %d and %q", c.args, code, out, err, exitUsage, c.says)
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
