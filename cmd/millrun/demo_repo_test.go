package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// smallRepo makes a repository with commits on one branch and a merge now and then.
func smallRepo(t *testing.T, commits int) string {
	t.Helper()
	dir := t.TempDir()
	var script strings.Builder
	for i := 1; i <= commits; i++ {
		fmt.Fprintf(&script, "commit refs/heads/main\nmark :%d\nauthor A%d <a@x> %d +0000\ncommitter C <c@x> %d +0000\ndata 1\nm\n",
			i, i%5, 1_700_000_000+i, 1_700_000_000+i)
		if i > 2 && i%10 == 0 {
			fmt.Fprintf(&script, "from :%d\nmerge :%d\n", i-1, i-2)
		}
		text := strings.Repeat("line\n", i%7)
		fmt.Fprintf(&script, "M 100644 inline d%d/f%d\ndata %d\n%s\n", i%4, i%9, len(text), text)
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"fast-import", "--quiet"}} {
		c := exec.Command("git", args...)
		c.Dir, c.Stdin = dir, strings.NewReader(script.String())
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args[0], err, out)
		}
	}
	return dir
}

func TestDemoTellsTheSameStoryOfARepository(t *testing.T) {
	repo := smallRepo(t, 200)
	code, out, err := millrun(t, "demo", "--repo", repo, "--kills", "2", "-o", "json")
	if code != exitOK {
		t.Fatalf("code %d, error %s, output %s", code, err, out)
	}
	var r report
	if fault := json.Unmarshal([]byte(out), &r); fault != nil {
		t.Fatalf("%v in %s", fault, out)
	}
	if r.Records < 200 || r.Kills != 2 || len(r.Checks) < 20 {
		t.Errorf("%d records, %d kills, %d checks", r.Records, r.Kills, len(r.Checks))
	}
	for _, want := range []string{"history of " + repo, "killed the child", `view of authors: "A`} {
		if !strings.Contains(err, want) {
			t.Errorf("standard error lacks %q:\n%s", want, err)
		}
	}
}

func TestDemoOfWhatIsNoRepositorySaysSo(t *testing.T) {
	code, out, err := millrun(t, "demo", "--repo", t.TempDir())
	if code != exitFailure || out != "" || !strings.Contains(err, "not a git repository") {
		t.Errorf("code %d, output %q, error %q", code, out, err)
	}
}
