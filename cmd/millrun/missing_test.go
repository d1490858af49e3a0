package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is looked for and not there is told by what is there instead.
func TestADirectoryThatIsNoneIsToldByWhatItIs(t *testing.T) {
	program := t.TempDir()
	if err := os.Rename(logWithRecords(t), filepath.Join(program, "log")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(program, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"inspect", "check"} {
		for _, c := range []struct {
			dir, says, not string
		}{
			{program, "there is one in " + filepath.Join(program, "log"), ""},
			{file, "no data directory", "there is one in"},
			{filepath.Join(program, "none"), "no data directory", "there is one in"},
		} {
			code, out, err := millrun(t, "log", command, c.dir)
			if code != exitNotFound || out != "" || !strings.Contains(err, c.says) || c.not != "" && strings.Contains(err, c.not) {
				t.Errorf("log %s %s: code %d, output %q, error %q, want code %d and %q", command, c.dir, code, out, err, exitNotFound, c.says)
			}
		}
	}
}

func TestACheckWithoutDamageSaysWhatItLookedAt(t *testing.T) {
	code, out, err := millrun(t, "log", "check", logWithRecords(t))
	if code != exitOK || out != "" || !strings.HasPrefix(err, "no damage found in ") || !strings.HasSuffix(err, " records\n") {
		t.Errorf("code %d, output %q, error %q", code, out, err)
	}
	code, out, err = millrun(t, "state", "check", storyTables(t))
	if code != exitOK || out != "" || !strings.HasPrefix(err, "no damage found in ") || !strings.HasSuffix(err, " stores\n") {
		t.Errorf("state: code %d, output %q, error %q", code, out, err)
	}
}

func TestAnInterruptIsToldInOneLine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err strings.Builder
	code := run(ctx, []string{"demo"}, streams{in: strings.NewReader(""), out: &out, err: &err})
	lines := strings.Split(strings.TrimSpace(err.String()), "\n")
	if code != exitInterrupted || lines[len(lines)-1] != "millrun: interrupted" || strings.Contains(err.String(), "context") {
		t.Errorf("code %d, error:\n%s", code, err.String())
	}
}
