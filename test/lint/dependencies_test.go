package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var quoted = regexp.MustCompile("`([a-z0-9.-]+\\.[a-z]+/[^` ]+)`")

func TestEveryDependencyIsDecided(t *testing.T) { holds(t, "dependencies", dependenciesDecided) }

// dependenciesDecided looks for the module of every foreign import, tests included, in docs/decisions/dependencies.md.
func dependenciesDecided(t *tree) []string {
	const page = "docs/decisions/dependencies.md"
	var modules []string
	for _, text := range t.texts {
		if text.path == page {
			for _, match := range quoted.FindAllStringSubmatch(text.bytes, -1) {
				modules = append(modules, match[1])
			}
		}
	}
	var found []string
	for _, f := range t.files {
		for _, spec := range f.imports() {
			target := unquote(spec)
			first, _, _ := strings.Cut(target, "/")
			if !strings.Contains(first, ".") || under(target, module) {
				continue
			}
			if !slices.ContainsFunc(modules, func(m string) bool { return under(target, m) }) {
				found = append(found, fmt.Sprintf("%s: %s is not in %s: say there why it is worth it", t.at(f, spec.Pos()), target, page))
			}
		}
	}
	return found
}
