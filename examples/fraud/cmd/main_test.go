package main

import (
	_ "embed"
	"strings"
	"testing"
)

//go:embed testdata/golden.txt
var golden string

func TestTheStoryEndsAsItAlwaysDoes(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), t.TempDir(), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != golden {
		t.Errorf("got:\n%swant:\n%s", out.String(), golden)
	}
}
