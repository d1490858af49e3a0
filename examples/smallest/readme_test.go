package main

import (
	_ "embed"
	"os"
	"strings"
	"testing"
)

//go:embed main.go
var source string

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block gives the first block of that language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "```"+language+"\n")
	inside, _, closed := strings.Cut(after, "```")
	if !found || !closed {
		t.Fatalf("README.md has no %s block", language)
	}
	return inside
}

func TestReadmeShowsThisProgram(t *testing.T) {
	_, program, _ := strings.Cut(source, "\n)\n\n")
	shown := block(t, readme(t), "go")
	if shown != program {
		t.Errorf("README.md shows:\n%s\nmain.go has, after its imports:\n%s", shown, program)
	}
	if lines := strings.Count(shown, "\n"); lines > 30 {
		t.Errorf("the program of README.md has %d lines, want at most 30", lines)
	}
}

func TestReadmeNeedsExactlyTwoCommands(t *testing.T) {
	const want = "go run ./cmd/millrun demo\ngo test ./...\n"
	text := readme(t)
	if got := block(t, text, "sh"); got != want || strings.Count(text, "```sh") != 1 {
		t.Errorf("README.md gives the commands:\n%swant these and no other block:\n%s", got, want)
	}
}

func TestReadmeNamesOnlyFoldersThatExist(t *testing.T) {
	_, rows, _ := strings.Cut(readme(t), "| folder | what is in it |\n|---|---|\n")
	rows, _, _ = strings.Cut(rows, "\n\n")
	named := 0
	for row := range strings.Lines(rows) {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		for name := range strings.SplitSeq(first, ", ") {
			name = strings.Trim(name, "`")
			if info, err := os.Stat("../../" + name); err != nil || !info.IsDir() {
				t.Errorf("README.md names the folder %q: %v", name, err)
			}
			named++
		}
	}
	if named < 10 {
		t.Errorf("README.md names %d folders, want its map", named)
	}
}
