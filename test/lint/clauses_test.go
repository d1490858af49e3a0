package lint

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	cited  = regexp.MustCompile(`\bS-\d+\b`)
	clause = regexp.MustCompile(`(?m)^\*\*(S-\d+)\. `)
)

func TestCitedClausesExist(t *testing.T) { holds(t, "clauses", clausesExist) }

// clausesExist looks for each "S-n" of the code in docs/semantics.md, where each may be stated once.
func clausesExist(t *tree) []string {
	const page = "docs/semantics.md"
	stated := map[string]bool{}
	var found []string
	for _, text := range t.texts {
		if text.path != page {
			continue
		}
		for _, match := range clause.FindAllStringSubmatch(text.bytes, -1) {
			if stated[match[1]] {
				found = append(found, fmt.Sprintf("%s: %s is stated twice", page, match[1]))
			}
			stated[match[1]] = true
		}
	}
	for _, text := range t.texts {
		for i, line := range strings.Split(text.bytes, "\n") {
			for _, number := range cited.FindAllString(line, -1) {
				if !stated[number] {
					found = append(found, fmt.Sprintf("%s:%d: %s is not stated in %s", text.path, i+1, number, page))
				}
			}
		}
	}
	return found
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)

func TestLinksOfThePagesLeadSomewhere(t *testing.T) { holds(t, "links", linksLead) }

// linksLead follows the relative links of every page to a file or folder of the tree.
func linksLead(t *tree) []string {
	there := map[string]bool{}
	for _, text := range t.texts {
		for name := text.path; name != "."; name = path.Dir(name) {
			there[name] = true
		}
	}
	var found []string
	for _, text := range t.texts {
		if path.Ext(text.path) != ".md" {
			continue
		}
		for i, line := range strings.Split(text.bytes, "\n") {
			for _, match := range link.FindAllStringSubmatch(line, -1) {
				target := match[1]
				if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
					continue
				}
				if name := path.Join(path.Dir(text.path), target); !there[name] {
					found = append(found, fmt.Sprintf("%s:%d: %s leads nowhere", text.path, i+1, target))
				}
			}
		}
	}
	return found
}
