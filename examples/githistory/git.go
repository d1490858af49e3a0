package githistory

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// settings keep the user's configuration from changing what git prints.
var settings = []string{"--no-pager", "-c", "core.quotePath=true", "-c", "log.showRoot=true", "-c", "log.showSignature=false",
	"-c", "log.diffMerges=off", "-c", "log.follow=false", "-c", "diff.renames=true", "-c", "diff.relative=false",
	"-c", "diff.submodule=short", "-c", "color.ui=false"}

// git runs one git command and gives its output as it comes. close waits for the end: the command's own fault, with what it
// said, unless read did not want the rest.
type git struct {
	cmd   *exec.Cmd
	out   *bufio.Reader
	said  said
	end   context.CancelFunc
	which string
}

func start(ctx context.Context, repo string, args ...string) (*git, error) {
	ctx, end := context.WithCancel(ctx)
	g := &git{end: end, which: "git " + args[0]}
	g.cmd = exec.CommandContext(ctx, "git", append(append([]string{"-C", repo}, settings...), args...)...)
	g.cmd.Env = append(slices.DeleteFunc(os.Environ(), elsewhere), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0")
	g.cmd.Stderr = &g.said
	pipe, err := g.cmd.StdoutPipe()
	if err == nil {
		err = g.cmd.Start()
	}
	if err != nil {
		end()
		return nil, fmt.Errorf("%s in %s: %w", g.which, repo, err)
	}
	g.out = bufio.NewReaderSize(pipe, longest)
	return g, nil
}

// longest is how long one field of git's output may be: a path, a name.
const longest = 256 << 10

// elsewhere tells variables that would lead git to another repository than the one that was named.
func elsewhere(env string) bool {
	for _, name := range [...]string{"GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=", "GIT_OBJECT_DIRECTORY=", "GIT_PREFIX="} {
		if strings.HasPrefix(env, name) {
			return true
		}
	}
	return false
}

// close ends the command. done: its output was read to the end, so a bad exit is an error.
func (g *git) close(done bool) error {
	defer g.end()
	if !done {
		g.end()
	}
	err := g.cmd.Wait()
	if err == nil || !done {
		return nil
	}
	if text := strings.TrimSpace(string(g.said.kept)); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return fmt.Errorf("%s: %w", g.which, err)
}

// each calls use for each piece of the output up to a byte, without that byte, until it returns an error. The bytes are
// valid in the call.
func each(ctx context.Context, repo string, until byte, use func(piece []byte) error, args ...string) error {
	g, err := start(ctx, repo, args...)
	if err != nil {
		return err
	}
	for {
		piece, err := g.out.ReadSlice(until)
		if err == nil || errors.Is(err, io.EOF) && len(piece) > 0 {
			if bad := use(bytes.TrimSuffix(piece, []byte{until})); bad != nil {
				return errors.Join(bad, g.close(false))
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return g.close(true)
		case err != nil:
			return errors.Join(fmt.Errorf("%s: read: %w", g.which, err), g.close(false))
		}
	}
}

// line gives the one line that a command prints.
func line(ctx context.Context, repo string, args ...string) (string, error) {
	text := ""
	err := each(ctx, repo, '\n', func(piece []byte) error {
		text = string(piece)
		return nil
	}, args...)
	return text, err
}

// Head gives the commit that a repository stands at.
func Head(ctx context.Context, repo string) (string, error) {
	if _, err := os.Stat(repo); err != nil {
		return "", fmt.Errorf("repository: %w", err)
	}
	head, err := line(ctx, repo, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return "", fmt.Errorf("the repository %s has no commit to begin with: %w", repo, err)
	}
	return head, nil
}

// said keeps the last bytes that a command wrote to standard error.
type said struct{ kept []byte }

func (s *said) Write(p []byte) (int, error) {
	const most = 4 << 10
	s.kept = append(s.kept, p...)
	if over := len(s.kept) - most; over > 0 {
		s.kept = bytes.Clone(s.kept[over:])
	}
	return len(p), nil
}
