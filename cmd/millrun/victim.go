package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/millrun/millrun/examples/flights"
)

// victim is a child process of the demo: this program again, with the hidden command demo-work. Its standard output carries
// one JSON line per report. Its standard input is a pipe that nothing is written to: when the demo dies, the pipe ends, and
// so does the child.
type victim struct {
	cmd      *exec.Cmd
	reports  *bufio.Scanner
	errors   *tail
	lifeline io.Closer
}

// startVictim starts a child on dir that loads rows up to until (0: all). Whoever calls it must call kill or wait.
func startVictim(dir string, from source, until int64) (*victim, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to start it again: %w", err)
	}
	v := &victim{cmd: exec.Command(self, append([]string{demoWorkName, "--dir", dir, "--until", strconv.FormatInt(until, 10)}, from.args()...)...), errors: &tail{}}
	v.cmd.Stderr = v.errors
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if v.lifeline, err = v.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	v.reports = bufio.NewScanner(out)
	if err := v.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the child: %w", err)
	}
	return v, nil
}

// next gives the child's next report; ok is false when it has ended, or closed its output.
func (v *victim) next() (p flights.Progress, ok bool, err error) {
	if !v.reports.Scan() {
		return p, false, v.reports.Err()
	}
	if err := json.Unmarshal(v.reports.Bytes(), &p); err != nil {
		return p, false, fmt.Errorf("the child reported %q: %w", v.reports.Bytes(), err)
	}
	return p, true, nil
}

// kill ends the child the hard way (SIGKILL) and waits until it is gone. It is an error if the child had ended by itself.
func (v *victim) kill() error {
	if err := v.cmd.Process.Kill(); err != nil {
		return errors.Join(fmt.Errorf("kill the child: %w", err), v.wait())
	}
	err := v.wait()
	var ended *exec.ExitError
	if errors.As(err, &ended) && !ended.Exited() {
		return nil
	}
	if err == nil {
		return errors.New("the child ended by itself before it could be killed")
	}
	return err
}

// wait returns when the child has ended; nil: with exit code 0.
func (v *victim) wait() error {
	v.lifeline.Close()
	for v.reports.Scan() { // what is left in the pipe
	}
	err := v.cmd.Wait()
	if text := v.errors.text(); err != nil && text != "" {
		return fmt.Errorf("the child: %w: %s", err, text)
	}
	if err != nil {
		return fmt.Errorf("the child: %w", err)
	}
	return nil
}

// watch calls each for every report until each says enough, the child ends, or ctx does. enough is false in the two last
// cases.
func (v *victim) watch(ctx context.Context, each func(flights.Progress) (enough bool)) (enough bool, err error) {
	stop := context.AfterFunc(ctx, func() { v.cmd.Process.Signal(syscall.SIGTERM) }) // ends the pipe, and so the loop
	defer stop()
	for {
		p, ok, err := v.next()
		if err != nil || !ok {
			return false, errors.Join(err, ctx.Err())
		}
		if each(p) {
			return true, nil
		}
	}
}

// tail keeps the last bytes that were written to it.
type tail struct{ kept []byte }

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailBytes; over > 0 {
		t.kept = bytes.Clone(t.kept[over:])
	}
	return len(p), nil
}

func (t *tail) text() string { return strings.TrimSpace(string(t.kept)) }
