package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/millrun/millrun"

// tree is a repository: its Go files parsed, its other text files as they are.
type tree struct {
	fset  *token.FileSet
	files []*file
	texts []text // every file of words, Go files included
}

// file is one Go file. All files count, whatever their build tags.
type file struct {
	path  string // below the root, with slashes
	dir   string // of the package, "." for the root
	test  bool   // name ends in _test.go
	ast   *ast.File
	lines int
}

type text struct {
	path  string
	bytes string
}

// imports gives the paths a file imports and where.
func (f *file) imports() []*ast.ImportSpec { return f.ast.Imports }

// shipped tells whether a file is part of the product: not a test, not a package for tests, not in the folder test.
func (f *file) shipped() bool {
	return !f.test && !strings.HasSuffix(f.dir, "test") && !under(f.dir, "test")
}

// at gives "path:line" of a node.
func (t *tree) at(f *file, pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.path, t.fset.Position(pos).Line)
}

// add parses one file into the tree; only text of known kinds is taken.
func (t *tree) add(name, bytes string) error {
	switch path.Ext(name) {
	case ".go":
	case ".md", ".yml", ".yaml", ".sh", ".mod", "":
		t.texts = append(t.texts, text{name, bytes})
		return nil
	default:
		return nil
	}
	t.texts = append(t.texts, text{name, bytes})
	parsed, err := parser.ParseFile(t.fset, name, bytes, parser.ParseComments)
	if err != nil {
		return err
	}
	t.files = append(t.files, &file{
		path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), ast: parsed,
		lines: strings.Count(bytes, "\n"),
	})
	return nil
}

// repository gives this repository, parsed once for all rules.
func repository(t *testing.T) *tree {
	t.Helper()
	loaded, err := loadRepository()
	if err != nil {
		t.Fatal(err)
	}
	if len(loaded.files) == 0 {
		t.Fatal("found no Go files: the rules would pass on nothing")
	}
	return loaded
}

var loadRepository = sync.OnceValues(func() (*tree, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	loaded := &tree{fset: token.NewFileSet()}
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(filepath.ToSlash(rel), entry.Name())
		}
		bytes, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return loaded.add(filepath.ToSlash(rel), string(bytes))
	})
	return loaded, err
})

// enter tells whether to look into a folder: not into hidden ones, fixtures and what a demo has left.
func enter(rel, base string) error {
	hidden := strings.HasPrefix(base, ".") && rel != "." && base != ".ci" && base != ".github"
	if hidden || base == "testdata" || rel == "data" {
		return fs.SkipDir
	}
	return nil
}

// fixture loads a small tree from testdata: sections "-- path --", and the findings expected of it under "-- want --".
func fixture(t *testing.T, name string) (loaded *tree, want []string) {
	t.Helper()
	bytes, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	loaded = &tree{fset: token.NewFileSet()}
	for _, section := range strings.Split("\n"+string(bytes), "\n-- ")[1:] {
		name, body, _ := strings.Cut(section, " --\n")
		if name == "want" {
			want = strings.FieldsFunc(body, func(r rune) bool { return r == '\n' })
			continue
		}
		if err := loaded.add(name, body+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	if len(want) == 0 {
		t.Fatalf("testdata/%s.txt expects no finding: it proves nothing", name)
	}
	return loaded, want
}

// rule looks at a tree and says what is wrong, each as "path:line: what and why".
type rule func(*tree) []string

// holds runs a rule on this repository, and on the fixture of the same name to see that it can fail.
func holds(t *testing.T, name string, check rule) {
	t.Helper()
	t.Run("on this repository", func(t *testing.T) {
		for _, finding := range check(repository(t)) {
			t.Error(finding)
		}
	})
	t.Run("on planted faults", func(t *testing.T) {
		planted, want := fixture(t, name)
		got := check(planted)
		slices.Sort(got)
		slices.Sort(want)
		for _, missed := range without(want, got) {
			t.Errorf("not found: %s", missed)
		}
		for _, extra := range without(got, want) {
			t.Errorf("found, and not planted: %s", extra)
		}
	})
}

// without gives what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// unquote gives the path of an import.
func unquote(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser has accepted it
	}
	return p
}

// under tells whether dir is parent or below it.
func under(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

// excepted tells whether one of the exceptions names the file or a folder above it.
func excepted(f *file, list []exception) bool {
	return slices.ContainsFunc(list, func(e exception) bool { return under(f.path, e.path) })
}

// exception frees a file or folder from a rule.
type exception struct{ path, reason string }
