package kill

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// plan is how often a child is killed on its way to total rows.
type plan struct {
	child string
	total int
	kills int
	seed  uint64
}

// run kills the child as often as planned, lets it finish, and returns the directory of its log and tables. Each child but
// the last may load only a part of the rows, so that none is done before its kill.
func (p plan) run(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Logf("seed %d", p.seed)
	random := rand.New(rand.NewPCG(p.seed, 0))
	for k := range p.kills {
		part := p.total / (p.kills + 1)
		target := 0 // each third kill: whatever the child is at, be it opening the log or restoring a table
		if k%3 != 1 {
			target = k*part + random.IntN(part)
		}
		wait := random.IntN(25) // reports after that
		if reached := p.killOnce(t, dir, (k+1)*part, target, wait); reached >= 0 {
			t.Logf("kill %d: %d rows handled, wanted %d and %d more reports", k+1, reached, target, wait)
		}
	}
	v := p.start(t, dir, 0)
	for v.reports.Scan() {
	}
	if err := v.wait(); err != nil {
		t.Fatalf("the child that was left alone: %v", err)
	}
	return dir
}

// killOnce kills a child some reports after it said that target rows are handled, and tells what it said last.
func (p plan) killOnce(t *testing.T, dir string, until, target, wait int) (reached int) {
	t.Helper()
	v := p.start(t, dir, until)
	for v.reports.Scan() {
		var err error
		if reached, err = strconv.Atoi(v.reports.Text()); err != nil {
			t.Fatalf("the child reported %q", v.reports.Text())
		}
		if reached < target {
			continue
		}
		if wait--; wait < 0 {
			if err := v.kill(); err != nil {
				t.Fatal(err)
			}
			return reached
		}
	}
	t.Fatalf("the child ended at %d rows, before its kill at %d: %v", reached, target, v.wait())
	return 0
}

// victim is a child at work.
type victim struct {
	cmd      *exec.Cmd
	reports  *bufio.Scanner
	complain bytes.Buffer
	lifeline io.Closer
}

func (p plan) start(t *testing.T, dir string, until int) *victim {
	t.Helper()
	v := &victim{cmd: exec.Command(os.Args[0])}
	v.cmd.Env = append(os.Environ(), childEnv+"="+p.child, dirEnv+"="+dir, untilEnv+"="+strconv.Itoa(until))
	v.cmd.Stderr = &v.complain
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if v.lifeline, err = v.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	v.reports = bufio.NewScanner(out)
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return v
}

// kill ends the child with SIGKILL. That it had ended by itself is an error.
func (v *victim) kill() error {
	if err := v.cmd.Process.Kill(); err != nil {
		return errors.Join(err, v.wait())
	}
	err := v.wait()
	var ended *exec.ExitError
	if errors.As(err, &ended) && !ended.Exited() {
		return nil
	}
	return errors.Join(errors.New("the child ended before it was killed"), err)
}

func (v *victim) wait() error {
	v.lifeline.Close()
	for v.reports.Scan() {
	}
	if err := v.cmd.Wait(); err != nil {
		return errors.Join(err, errors.New(strings.TrimSpace(v.complain.String())))
	}
	return nil
}
