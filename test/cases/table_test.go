package cases_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// core are the numbers of the core list. The other cards are about brokers over a network, windows, joins and timers.
var core = strings.Fields(`C-01 C-02 C-04 C-05 C-07 C-08 C-10 C-11 C-12 C-13 C-15 C-16 C-17 C-19 C-20 C-21 C-22 C-23 C-24 C-25 C-26
	C-29 C-31 C-32 C-34 C-36 C-38 C-40 C-49 C-62 C-64 C-65 C-82`)

// card is one row of docs/cases.md.
type card struct {
	number, fault, waits string
	tests                []place
}

// place is a test function of a package.
type place struct{ dir, name string }

var (
	row       = regexp.MustCompile(`^\| (C-\d\d) \| (.*?) \|(.*?)\|(.*?)\|$`)
	directory = regexp.MustCompile("`([^`]+)`")
	function  = regexp.MustCompile(`\bTest\w+`)
)

func parseCards(page string) (cards []card) {
	for _, line := range strings.Split(page, "\n") {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		c := card{number: m[1], fault: strings.TrimSpace(m[2]), waits: strings.TrimSpace(m[4])}
		for _, part := range strings.Split(m[3], ";") {
			dir := ""
			if d := directory.FindStringSubmatch(part); d != nil {
				dir = d[1]
			}
			for _, name := range function.FindAllString(part, -1) {
				c.tests = append(c.tests, place{dir, name})
			}
		}
		cards = append(cards, c)
	}
	return cards
}

// faultsOf checks rows against the list of cards and a lookup of tests.
func faultsOf(cards []card, exists func(place) bool) (faults []string) {
	seen := map[string]bool{}
	for _, c := range cards {
		if seen[c.number] {
			faults = append(faults, c.number+" is there twice")
		}
		seen[c.number] = true
		if c.fault == "" || len(c.tests) == 0 && c.waits == "" {
			faults = append(faults, c.number+" has neither a test nor a reason, or says no fault")
		}
		for _, p := range c.tests {
			if !exists(p) {
				faults = append(faults, c.number+": there is no "+p.name+" in "+p.dir)
			}
		}
	}
	for _, number := range core {
		if !seen[number] {
			faults = append(faults, number+" is missing")
		}
	}
	return faults
}

func TestEveryCardHasATestOrAReason(t *testing.T) {
	page, err := os.ReadFile("../../docs/cases.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]bool{}
	exists := func(p place) bool {
		if found[p.dir] == nil {
			found[p.dir] = testsOf(t, filepath.Join("..", "..", filepath.FromSlash(p.dir)))
		}
		return found[p.dir][p.name]
	}
	for _, fault := range faultsOf(parseCards(string(page)), exists) {
		t.Error("docs/cases.md: " + fault)
	}
}

// testsOf gives the test functions of a directory's packages.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}

// The check notices what it is there for.
func TestTheCheckOfTheTableFindsItsFaults(t *testing.T) {
	good := "| C-01 | a | `x` TestA, TestB; `y` TestC | |\n| C-02 | b | | waits for rain |\n"
	exists := func(p place) bool {
		return p == place{"x", "TestA"} || p == place{"x", "TestB"} || p == place{"y", "TestC"}
	}
	count := func(page string) int { return len(faultsOf(parseCards(page), exists)) }
	rest := len(core) - 2 // which are missing in every page here
	for _, c := range []struct {
		page string
		more int
	}{
		{good, 0},
		{strings.Replace(good, "TestB", "TestD", 1), 1},
		{strings.Replace(good, "`y` TestC", "`x` TestC", 1), 1},
		{strings.Replace(good, "waits for rain", "", 1), 1},
		{strings.Replace(good, "C-02", "C-03", 1), 1},
		{strings.Replace(good, "C-02", "C-01", 1), 2},
	} {
		if got := count(c.page); got != rest+c.more {
			t.Errorf("%d faults, want %d, in\n%s", got, rest+c.more, c.page)
		}
	}
}
