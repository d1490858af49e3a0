package guide

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// order is the order in which the guide is read; each page may use what those before it made.
var order = []string{"first-program", "tables-and-keys", "errors-and-dead-letters", "read-your-own-write", "schemas", "testing", "rebuild"}

const pages = "../../docs/guide"

// A reader follows the guide page by page: what it shows compiles, runs and prints what it says.
func TestTheGuideDoesWhatItSays(t *testing.T) {
	r := newReader(t)
	for _, name := range order {
		ok := t.Run(name, func(t *testing.T) { r.read(t, filepath.Join(pages, name+".md")) })
		if !ok {
			break // later pages stand on it
		}
	}
}

func TestThereIsNoPageThatNobodyRuns(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(pages, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		if name != "README" && !slices.Contains(order, name) {
			t.Errorf("%s is not in the order of reading", file)
		}
		if name != "README" && !strings.Contains(string(index), "("+name+".md)") {
			t.Errorf("README.md of the guide does not name %s", file)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]+\.md)`)

func TestLinksOfTheGuideLeadSomewhere(t *testing.T) {
	for _, name := range append([]string{"README"}, order...) {
		page, err := os.ReadFile(filepath.Join(pages, name+".md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(page), -1) {
			if _, err := os.Stat(filepath.Join(pages, found[1])); err != nil {
				t.Errorf("%s.md: %v", name, err)
			}
		}
	}
}

// reader is somebody with a directory "hello" beside a clone of Millrun, and the program millrun on the PATH.
type reader struct {
	dir     string
	env     []string
	address string // what localhost:8080 becomes
}

func newReader(t *testing.T) *reader {
	t.Helper()
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	above := t.TempDir()
	r := &reader{dir: filepath.Join(above, "hello"), address: freeAddress(t)}
	bin := filepath.Join(above, "bin")
	for _, err := range []error{os.Mkdir(r.dir, 0o755), os.Mkdir(bin, 0o755), os.Symlink(repo, filepath.Join(above, "millrun"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s", "-o", bin, "./cmd/millrun")
	build.Dir = repo
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	r.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GOWORK=",
		"GOFLAGS=-ldflags=-s -vet=off") // half the time of a build goes into what nobody here reads
	return r
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *reader) read(t *testing.T, file string) {
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := Blocks(string(page))
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range blocks {
		switch {
		case b.Language == "go" && strings.HasSuffix(b.Name, ".go"):
			r.write(t, b.Name, b.Text)
		case b.Language == "diff" && strings.HasSuffix(b.Name, ".go"):
			r.patch(t, b)
		case b.Language == "sh" && b.Name == "server":
			stop := r.serve(t, b)
			defer stop()
		case b.Language == "sh" && b.Name == "":
			want := ""
			if i+1 < len(blocks) && blocks[i+1].Language == "text" {
				want = blocks[i+1].Text
			}
			r.run(t, b, want)
		case b.Language == "text":
		default:
			t.Fatalf("line %d: a block of %q %q: see the package comment", b.Line, b.Language, b.Name)
		}
	}
}

func (r *reader) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "localhost:8080", r.address)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	gofmt := exec.CommandContext(t.Context(), "gofmt", "-l", file)
	if out, err := gofmt.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("gofmt of %s: %v %s", name, err, out)
	}
}

func (r *reader) patch(t *testing.T, b Block) {
	t.Helper()
	old, err := os.ReadFile(filepath.Join(r.dir, b.Name))
	if err != nil {
		t.Fatalf("line %d: %v", b.Line, err)
	}
	changed, err := Patch(string(old), b.Text)
	if err != nil {
		t.Fatalf("line %d: %v", b.Line, err)
	}
	r.write(t, b.Name, changed)
}

func (r *reader) command(ctx context.Context, b Block) *exec.Cmd {
	c := exec.CommandContext(ctx, "sh", "-e", "-c", strings.ReplaceAll(b.Text, "localhost:8080", r.address))
	c.Dir, c.Env = r.dir, r.env
	return c
}

// passing is what go test prints of time and cache.
var passing = regexp.MustCompile(`(?m)^(ok  \t\S+)\t.*$`)

func (r *reader) run(t *testing.T, b Block, want string) {
	t.Helper()
	c := r.command(t.Context(), b)
	var out, errors bytes.Buffer
	c.Stdout, c.Stderr = &out, &errors
	if err := c.Run(); err != nil {
		t.Fatalf("line %d: %v\n%s\n%s", b.Line, err, out.String(), errors.String())
	}
	got := passing.ReplaceAllString(out.String(), "$1")
	if want != "" && got != passing.ReplaceAllString(want, "$1") {
		t.Errorf("line %d: got:\n%swant:\n%s", b.Line, got, want)
	}
}

// serve starts the program, waits until it listens, and returns what interrupts it and waits for a good end.
func (r *reader) serve(t *testing.T, b Block) (stop func()) {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(r.dir, strings.TrimSpace(b.Text)))
	c.Dir, c.Env = r.dir, r.env
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatalf("line %d: %v", b.Line, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }() // ends with the program, which stop ends
	for deadline := time.Now().Add(20 * time.Second); ; {
		connection, err := net.DialTimeout("tcp", r.address, time.Second)
		if err == nil {
			connection.Close()
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("line %d: the server ended: %v\n%s", b.Line, err, out.String())
		case <-time.After(20 * time.Millisecond): // it is another process: there is nothing else to wait on
		}
		if time.Now().After(deadline) {
			_ = c.Process.Kill()
			t.Fatalf("line %d: the server does not listen: %v\n%s", b.Line, err, out.String())
		}
	}
	return func() {
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Errorf("line %d: %v", b.Line, err)
		}
		if err := <-ended; err != nil {
			t.Errorf("line %d: interrupted, the server ends with %v\n%s", b.Line, err, out.String())
		}
	}
}
