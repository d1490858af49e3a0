package main

import (
	_ "embed"
	"strings"
	"testing"
)

//go:embed testdata/golden.txt
var golden string

func TestWordsAreCountedOverAllPartitions(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	text := strings.NewReader("To be, or not to be:\nthat is the question.\n\nTo die, to sleep.\n")
	if err := run(t.Context(), dir, text, &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != golden {
		t.Errorf("got:\n%swant:\n%s", out.String(), golden)
	}
}
