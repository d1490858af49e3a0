package vfstest

import (
	"errors"
	"io/fs"
	"slices"
)

func nameTests() []test {
	return []test{
		{"WhatDoesNotExistIsErrNotExist", missing},
		{"ADirectoryIsNotAFile", directoryIsNoFile},
		{"MkdirAllMakesParentsAndMayBeRepeated", mkdirAll},
		{"AFileInThePlaceOfADirectoryIsRefused", fileInTheWay},
		{"ListIsSortedAndShallow", listSorted},
		{"RemoveTakesFilesAndEmptyDirectories", removes},
		{"RemoveAllTakesATreeAndForgivesAMissingName", removeAll},
		{"RenameReplacesAFileInOneStep", renameReplaces},
		{"RenameMovesADirectoryWithWhatIsInIt", renameDirectory},
		{"RenameOverADirectoryIsRefused", renameOverDirectory},
		{"FreeIsPositive", free},
	}
}

func missing(e env) {
	_, openErr := e.Open(e.path("no"))
	_, openWriteErr := e.OpenReadWrite(e.path("no"))
	_, createErr := e.Create(e.path("no/f"))
	_, listErr := e.List(e.path("no"))
	_, statErr := e.Stat(e.path("no"))
	_, lockErr := e.Lock(e.path("no/LOCK"))
	_, freeErr := e.Free(e.path("no"))
	for op, err := range map[string]error{
		"Open": openErr, "OpenReadWrite": openWriteErr, "Create": createErr, "List": listErr, "Stat": statErr,
		"Lock": lockErr, "Free": freeErr, "Remove": e.Remove(e.path("no")), "SyncDir": e.SyncDir(e.path("no")),
		"Rename": e.Rename(e.path("no"), e.path("to")),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			e.Errorf("%s of a missing name gave %v, want fs.ErrNotExist", op, err)
		}
	}
}

func directoryIsNoFile(e env) {
	_, createErr := e.Create(e.dir)
	_, openErr := e.Open(e.dir)
	_, openWriteErr := e.OpenReadWrite(e.dir)
	for op, err := range map[string]error{"Create": createErr, "Open": openErr, "OpenReadWrite": openWriteErr} {
		if err == nil {
			e.Errorf("%s of a directory gave no error", op)
		}
	}
	info, err := e.Stat(e.dir)
	if err != nil || !info.Dir {
		e.Errorf("Stat of a directory gave %+v, %v", info, err)
	}
}

func mkdirAll(e env) {
	for range 2 {
		must(e.T, e.MkdirAll(e.path("a/b/c"), 0o700))
	}
	e.write("a/b/c/f", "x")
	if got := e.read("a/b/../b/c/f"); got != "x" {
		e.Errorf("the file holds %q, want x", got)
	}
	must(e.T, e.SyncDir(e.path("a/b")))
}

func fileInTheWay(e env) {
	e.write("f", "x")
	_, createErr := e.Create(e.path("f/g"))
	_, listErr := e.List(e.path("f"))
	for op, err := range map[string]error{
		"Create": createErr, "List": listErr, "MkdirAll": e.MkdirAll(e.path("f/g"), 0o700),
	} {
		if err == nil {
			e.Errorf("%s below a file gave no error", op)
		}
	}
}

func listSorted(e env) {
	e.write("b", "")
	e.write("a", "")
	must(e.T, e.MkdirAll(e.path("c/deep"), 0o700))
	names, err := e.List(e.dir)
	if want := []string{"a", "b", "c"}; err != nil || !slices.Equal(names, want) {
		e.Errorf("List gave %v, %v; want %v", names, err, want)
	}
	names, err = e.List(e.path("c/deep"))
	if err != nil || len(names) != 0 {
		e.Errorf("List of an empty directory gave %v, %v", names, err)
	}
}

func removes(e env) {
	must(e.T, e.MkdirAll(e.path("d"), 0o700))
	e.write("d/f", "x")
	if err := e.Remove(e.path("d")); err == nil {
		e.Error("Remove of a directory that is not empty gave no error")
	}
	must(e.T, e.Remove(e.path("d/f")))
	must(e.T, e.Remove(e.path("d")))
	if names, err := e.List(e.dir); err != nil || len(names) != 0 {
		e.Errorf("List gave %v, %v; want nothing", names, err)
	}
}

func removeAll(e env) {
	must(e.T, e.MkdirAll(e.path("d/e"), 0o700))
	e.write("d/e/f", "x")
	e.write("d/g", "x")
	for range 2 {
		must(e.T, e.RemoveAll(e.path("d")))
	}
	must(e.T, e.RemoveAll(e.path("never/there")))
	if _, err := e.Stat(e.path("d")); !errors.Is(err, fs.ErrNotExist) {
		e.Errorf("Stat gave %v, want fs.ErrNotExist", err)
	}
}

func renameReplaces(e env) {
	e.write("new", "new")
	e.write("old", "old bytes")
	must(e.T, e.Rename(e.path("new"), e.path("old")))
	if got := e.read("old"); got != "new" {
		e.Errorf("the file holds %q, want new", got)
	}
	must(e.T, e.Rename(e.path("old"), e.path("old")))
	if names, err := e.List(e.dir); err != nil || !slices.Equal(names, []string{"old"}) {
		e.Errorf("List gave %v, %v; want old alone", names, err)
	}
}

func renameDirectory(e env) {
	must(e.T, e.MkdirAll(e.path("a/in"), 0o700))
	e.write("a/in/f", "x")
	if err := e.Rename(e.path("a"), e.path("a/in/a")); err == nil {
		e.Error("Rename of a directory into itself gave no error")
	}
	must(e.T, e.Rename(e.path("a"), e.path("b")))
	if got := e.read("b/in/f"); got != "x" {
		e.Errorf("the file holds %q, want x", got)
	}
}

func renameOverDirectory(e env) {
	must(e.T, e.MkdirAll(e.path("d"), 0o700))
	must(e.T, e.MkdirAll(e.path("from"), 0o700))
	e.write("f", "x")
	if err := e.Rename(e.path("f"), e.path("d")); err == nil {
		e.Error("Rename of a file over a directory gave no error")
	}
	if err := e.Rename(e.path("from"), e.path("f")); err == nil {
		e.Error("Rename of a directory over a file gave no error")
	}
}

func free(e env) {
	if n, err := e.Free(e.dir); err != nil || n <= 0 {
		e.Errorf("Free gave %d, %v", n, err)
	}
}
