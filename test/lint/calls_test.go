package lint

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"testing"
)

// callsOf finds uses of the given names of an imported package, however the file calls it.
func callsOf(f *file, importPath string, names []string) []*ast.SelectorExpr {
	local := ""
	for _, spec := range f.imports() {
		if unquote(spec) != importPath {
			continue
		}
		local = path.Base(importPath)
		if spec.Name != nil {
			local = spec.Name.Name
		}
	}
	if local == "" {
		return nil
	}
	var found []*ast.SelectorExpr
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || !slices.Contains(names, sel.Sel.Name) {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && x.Obj == nil { // Obj: a local variable of that name
			found = append(found, sel)
		}
		return true
	})
	return found
}

// clockExceptions may read the machine's time.
var clockExceptions = []exception{
	{"internal/clock", "it is the seam"},
	{"cmd/millrun", "talks to a person: rates, time left and child processes are of the machine's time"},
	{"examples", "programs of users, who own no clock of ours"},
}

func TestTimeComesFromTheClock(t *testing.T) { holds(t, "clock", timeFromClock) }

// timeFromClock looks at what is shipped. A package for tests may lose patience in real time.
func timeFromClock(t *tree) []string {
	names := []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}
	var found []string
	for _, f := range t.files {
		if !f.shipped() || excepted(f, clockExceptions) {
			continue
		}
		for _, c := range callsOf(f, "time", names) {
			found = append(found, fmt.Sprintf("%s: time.%s: take a clock.Clock, so that a test can hold the time", t.at(f, c.Pos()), c.Sel.Name))
		}
	}
	return found
}

func TestTestsNeitherSleepNorSkip(t *testing.T) { holds(t, "tests", noSleepNoSkip) }

// noSleepNoSkip lets time.Sleep pass in a file that imports testing/synctest: in its bubbles, often behind a helper, a
// sleep costs no time and proves what it waits for.
func noSleepNoSkip(t *tree) []string {
	var found []string
	for _, f := range t.files {
		if !f.test && f.shipped() {
			continue
		}
		bubbles := slices.ContainsFunc(f.ast.Imports, func(s *ast.ImportSpec) bool { return unquote(s) == "testing/synctest" })
		for _, c := range callsOf(f, "time", []string{"Sleep"}) {
			if !bubbles {
				found = append(found, fmt.Sprintf("%s: time.Sleep: wait for what you wait for, or use synctest", t.at(f, c.Pos())))
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if ok && isSkip(sel.Sel.Name) && isTesting(sel.X) {
				found = append(found, fmt.Sprintf("%s: %s: a skipped test proves nothing", t.at(f, call.Pos()), sel.Sel.Name))
			}
			return true
		})
	}
	return found
}

func isSkip(name string) bool { return name == "Skip" || name == "Skipf" || name == "SkipNow" }

// isTesting guesses by name: the test handle is called t, b, f or tb here.
func isTesting(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && slices.Contains([]string{"t", "b", "f", "tb"}, id.Name)
}
