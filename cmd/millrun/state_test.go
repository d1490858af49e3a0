package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

func TestStateCommandsRefuseADirectoryInUse(t *testing.T) {
	dir := storyTables(t)
	task := filepath.Join(dir, "app", "p.e1", "0")
	commands := [][]string{{"inspect"}, {"inspect", "--table", "names"}, {"check"}}
	expect := func(held string, dirs ...string) {
		t.Helper()
		for _, d := range dirs {
			for _, command := range commands {
				code, out, err := millrun(t, append([]string{"state", command[0], d}, command[1:]...)...)
				if code != exitConflict || out != "" || !strings.Contains(err, "in use") {
					t.Errorf("%s held: state %v %s: code %d, output %q, error %q", held, command, d, code, out, err)
				}
			}
		}
	}
	worker, err := state.LockDir(vfs.OS, filepath.Join(dir, "app"))
	if err != nil {
		t.Fatal(err)
	}
	expect("application", dir, filepath.Join(dir, "app"))
	if err := worker.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := vfs.OS.Lock(filepath.Join(task, "LOCK"))
	if err != nil {
		t.Fatal(err)
	}
	expect("store", dir, task)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		if code, _, err := millrun(t, append([]string{"state", command[0], dir}, command[1:]...)...); code != exitOK {
			t.Errorf("state %v, nobody there: code %d, error %s", command, code, err)
		}
	}
}

func TestStateCommandsTellWhatIsNotThere(t *testing.T) {
	dir := storyTables(t)
	for _, c := range []struct{ args, says string }{
		{"state inspect " + filepath.Join(dir, "missing"), "no such file"},
		{"state check " + t.TempDir(), "holds no tables"},
		{"state inspect --table nobody " + dir, "no table nobody"},
		{"log inspect --topic nobody " + storyLog(t), "has no topic nobody"},
		{"log inspect --topic ids --partition 2 " + storyLog(t), "topic ids has 2 partitions"},
	} {
		code, out, err := millrun(t, strings.Fields(c.args)...)
		if code != exitNotFound || out != "" || !strings.Contains(err, c.says) {
			t.Errorf("%s: code %d, output %q, error %q, want code %d and %q", c.args, code, out, err, exitNotFound, c.says)
		}
	}
}

func TestStateCommandsTellDamage(t *testing.T) {
	dir := storyTables(t)
	barrier := filepath.Join(dir, "app", "p.e1", "0", "live", "BARRIER")
	data, err := os.ReadFile(barrier)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(barrier, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"state check", "state inspect", "state inspect --table names"} {
		code, out, err := millrun(t, append(strings.Fields(args), dir)...)
		if code != exitDamaged || !strings.Contains(out+err, "checksum") {
			t.Errorf("%s: code %d, output %s, error %s", args, code, out, err)
		}
	}
}

func TestInspectionChangesNothing(t *testing.T) {
	dir := storyTables(t)
	before := contentsOf(t, dir)
	for _, args := range []string{"state check", "state inspect", "state inspect --table names"} {
		if code, _, err := millrun(t, append(strings.Fields(args), dir)...); code != exitOK {
			t.Errorf("%s: code %d, error %s", args, code, err)
		}
	}
	if after := contentsOf(t, dir); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// contentsOf lists names and bytes of all files below dir.
func contentsOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		b.WriteString(name + " " + string(data) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStateInspectDoesNotGuessAtKeysThatMayBeNumbers(t *testing.T) {
	code, out, err := millrun(t, "state", "inspect", storyTables(t), "--table", "numbers")
	if code != exitOK || !strings.Contains(err, "name --key-format") || !strings.Contains(out, "0x7fdfffffffffffff") {
		t.Errorf("code %d, error %q, output:\n%s", code, err, out)
	}
}
