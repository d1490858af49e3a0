package processor_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var (
	wanted   = regexp.MustCompile(`// want "(.*)"`)
	complain = regexp.MustCompile(`wrong\.go:(\d+):\d+: (.*)`)
)

// What the compiler can refuse it must refuse: a wrong program that compiles is a promise of the types that got lost.
func TestWrongProgramsDoNotCompile(t *testing.T) {
	source, err := os.ReadFile("testdata/wrong/wrong.go")
	if err != nil {
		t.Fatal(err)
	}
	// -e: all errors, not the first ten
	out, err := exec.Command("go", "build", "-gcflags=-e", "./testdata/wrong").CombinedOutput()
	if err == nil {
		t.Fatal("testdata/wrong compiles")
	}
	said := map[string]string{}
	for _, m := range complain.FindAllStringSubmatch(string(out), -1) {
		said[m[1]] += m[2] + "\n"
	}
	lines := 0
	for i, line := range strings.Split(string(source), "\n") {
		at := fmt.Sprint(i + 1)
		want := wanted.FindStringSubmatch(line)
		switch {
		case want == nil && said[at] != "":
			t.Errorf("line %s should compile: %s", at, said[at])
		case want != nil && !strings.Contains(said[at], want[1]):
			t.Errorf("line %s: the compiler says %q, want something with %q:\n%s", at, said[at], want[1], line)
		}
		if want != nil {
			lines++
		}
	}
	if lines < 15 {
		t.Errorf("%d wrong lines were checked, want at least 15", lines)
	}
}
