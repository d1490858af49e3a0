package guide

import "testing"

func TestBlocksKnowsLanguageAndName(t *testing.T) {
	got, err := Blocks("a\n```go x/y.go\nb\n```\nc\n```sh\nd\n```\n")
	if err != nil || len(got) != 2 || got[0] != (Block{2, "go", "x/y.go", "b\n"}) || got[1] != (Block{6, "sh", "", "d\n"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, page := range []string{"```go\n", "```go\n```sh\n"} {
		if _, err := Blocks(page); err == nil {
			t.Errorf("no fault in %q", page)
		}
	}
}

func TestPatchRefusesLinesThatAreNotThere(t *testing.T) {
	got, err := Patch("a\nb\nc\nd\n", " a\n-b\n+x\n...\n d\n+e\n")
	if err != nil || got != "a\nx\nc\nd\ne\n" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, diff := range []string{"-z\n", "-b\n-d\n", "b\n"} {
		if _, err := Patch("a\nb\nc\nd\n", diff); err == nil {
			t.Errorf("no fault in %q", diff)
		}
	}
}
