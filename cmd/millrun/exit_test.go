package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
)

func TestExitCodesTellFaultsApart(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{errors.New("other"), exitFailure},
		{errDisagrees, exitFailure},
		{&usageError{"bad flag"}, exitUsage},
		{fs.ErrNotExist, exitNotFound},
		{commitlog.ErrUnknownTopic, exitNotFound},
		{vfs.ErrLocked, exitConflict},
		{commitlog.ErrGroupNotEmpty, exitConflict},
		{&notColdError{"x"}, exitConflict},
		{commitlog.ErrNotAuthorized, exitUnauthorised},
		{fs.ErrPermission, exitUnauthorised},
		{context.DeadlineExceeded, exitTimeout},
		{commitlog.ErrUnavailable, exitTimeout},
		{&commitlog.PartitionError{Err: commitlog.ErrCorrupt}, exitDamaged},
		{fmt.Errorf("open: %w", brokerlite.ErrDamaged), exitDamaged},
		{errors.Join(fs.ErrNotExist, commitlog.ErrCorrupt), exitDamaged},
	} {
		err := c.err
		if err != nil {
			err = fmt.Errorf("doing something: %w", c.err)
		}
		if got := exitCode(t.Context(), err); got != c.want {
			t.Errorf("exit code of %v is %d, want %d", err, got, c.want)
		}
	}
}

func TestAnInterruptHasItsOwnCode(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := exitCode(ctx, context.Canceled); got != exitInterrupted {
		t.Errorf("exit code is %d, want %d", got, exitInterrupted)
	}
	if got := exitCode(ctx, nil); got != exitOK {
		t.Errorf("exit code of what was done before the interrupt is %d, want %d", got, exitOK)
	}
}

func TestThePageOfTheCommandLineHasTheExitCodes(t *testing.T) {
	page, err := os.ReadFile("../../docs/operate/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), exitCodesText+"\n") {
		t.Errorf("docs/operate/command-line.md has other exit codes than:\n%s", exitCodesText)
	}
}

func TestThePageOfTheCommandLineHasEveryCommandAndNoOther(t *testing.T) {
	page, err := os.ReadFile("../../docs/operate/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	root := newRoot(streams{})
	for _, line := range strings.Split(string(page), "\n") {
		name, ok := strings.CutPrefix(line, "| `millrun ")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, "`")
		words := strings.Fields(name)
		if words[0] == "help" {
			continue // added by cobra when it runs
		}
		found, _, err := root.Find(words)
		if err != nil || found == root {
			t.Errorf("the page has %q: %v", name, err)
			continue
		}
		found.Short = "" // seen
	}
	for _, c := range root.Commands() {
		for _, leaf := range append(c.Commands(), c) {
			if leaf.Runnable() && !leaf.Hidden && leaf.Short != "" && !leaf.HasSubCommands() && leaf.Name() != "version" {
				t.Errorf("the page does not have %q", leaf.CommandPath())
			}
		}
	}
}
