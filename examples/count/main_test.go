package main

import (
	_ "embed"
	"strings"
	"testing"
)

//go:embed testdata/golden.txt
var golden string

func TestCountsGoOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	for range 2 {
		if err := run(t.Context(), dir, &out); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != golden {
		t.Errorf("got:\n%swant:\n%s", out.String(), golden)
	}
}
