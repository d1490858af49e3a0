package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// floor is one step of the order: packages that may import those of the steps above it in this list, and not one
// another. "/..." stands for a package and all below it, which may import one another.
type floor struct {
	number   int // as in the design; several steps may share a floor
	packages []string
}

// floors is the whole import order. A package that is not here has no place yet: give it one.
var floors = []floor{
	{0, []string{"codec", "commitlog", "internal/vfs", "internal/clock", "internal/invariant", "internal/names",
		"brokerlite/recordbatch"}},
	{0, []string{"internal/metrics"}},
	{0, []string{"internal/metrics/collector"}},
	{0, []string{"internal/decl", "internal/schema", "codec/codectest", "internal/vfs/vfstest", "commitlog/logtest"}},
	{0, []string{"internal/decl/decltest"}},
	{1, []string{"internal/control", "internal/journal", "processor", "commitlog/kafka"}},
	{1, []string{"brokerlite/internal/seglog", "brokerlite/internal/wal", "brokerlite/internal/wire",
		"brokerlite/internal/meta"}},
	{1, []string{"brokerlite/internal/settings", "brokerlite/internal/group", "brokerlite/internal/txn",
		"brokerlite/internal/auth", "brokerlite/internal/partition"}},
	{1, []string{"brokerlite/internal/engine", "brokerlite/grouptest"}},
	{1, []string{"brokerlite/internal/api"}},
	{2, []string{"topology", "processor/producer", "state/internal/levelfs"}},
	{2, []string{"state"}},
	{2, []string{"state/statetest"}},
	{3, []string{"brokerlite", "state/view", "topology/edition"}},
	{3, []string{"worker/internal/..."}},
	{3, []string{"worker"}},
	{4, []string{"commitlog/embedded"}},
	{5, []string{"topology/topologytest", "console"}},
	{6, []string{"examples/..."}},
	{7, []string{"cmd/millrun"}},
	{8, []string{"test/..."}}, // measures and tortures the whole, and is shipped to nobody
}

// step gives the place of a package in floors, -1 for none.
func step(dir string) int {
	return slices.IndexFunc(floors, func(f floor) bool {
		return slices.ContainsFunc(f.packages, func(p string) bool { return matches(dir, p) })
	})
}

// matches tells whether a package or import path is the pattern, or below it where that ends in "/...".
func matches(dir, pattern string) bool {
	if parent, all := strings.CutSuffix(pattern, "/..."); all {
		return under(dir, parent)
	}
	return dir == pattern
}

func TestImportsPointDownTheFloors(t *testing.T) { holds(t, "floors", importsPointDown) }

// importsPointDown looks at all but test files, which may use whatever stands above them.
func importsPointDown(t *tree) []string {
	var found []string
	homeless := map[string]bool{}
	for _, f := range t.files {
		if f.test {
			continue
		}
		from := step(f.dir)
		if from < 0 && !homeless[f.dir] {
			homeless[f.dir] = true
			found = append(found, fmt.Sprintf("%s: package %s stands on no floor: add it to floors in test/lint", f.path, f.dir))
		}
		for _, spec := range f.imports() {
			target, ours := strings.CutPrefix(unquote(spec), module+"/")
			if !ours || from < 0 {
				continue
			}
			to := step(target)
			if to < from && to >= 0 || to == from && sharesPattern(f.dir, target) {
				continue
			}
			found = append(found, fmt.Sprintf("%s: %s may not import %s: %s", t.at(f, spec.Pos()), f.dir, target, why(from, to)))
		}
	}
	return found
}

// sharesPattern tells whether one "/..." of floors covers both.
func sharesPattern(a, b string) bool {
	for _, f := range floors {
		for _, p := range f.packages {
			if strings.HasSuffix(p, "/...") && matches(a, p) && matches(b, p) {
				return true
			}
		}
	}
	return false
}

func why(from, to int) string {
	switch {
	case to < 0:
		return "that package stands on no floor"
	case to == from:
		return fmt.Sprintf("both stand on one step of floor %d", floors[from].number)
	default:
		return fmt.Sprintf("floor %d is above floor %d in the order", floors[to].number, floors[from].number)
	}
}

func TestEveryFloorNamesAPackageOnce(t *testing.T) {
	seen := map[string]bool{}
	for i, f := range floors {
		if i > 0 && f.number < floors[i-1].number {
			t.Errorf("floor %d stands after floor %d", f.number, floors[i-1].number)
		}
		for _, p := range f.packages {
			if seen[p] {
				t.Errorf("%s stands on two floors", p)
			}
			seen[p] = true
		}
	}
}
