package vfstest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
)

func fileTests() []test {
	return []test{
		{"CreateGivesAnEmptyFileThatCanBeWrittenAndRead", createIsReadWrite},
		{"CreateEmptiesAnExistingFile", createEmpties},
		{"OpenIsForReadingOnly", openRefusesWrites},
		{"OpenReadWriteKeepsTheBytes", openReadWriteKeeps},
		{"TwoHandlesSeeOneFile", handlesShare},
		{"ReadBehindTheEndIsEOF", readEOF},
		{"WriteBehindTheEndLeavesZerosBetween", writeLeavesZeros},
		{"TruncateCutsAndGrowsWithZeros", truncateZeros},
		{"RandomWritesAndTruncationsMatchAByteSlice", randomModel},
		{"WritesToDistinctRangesMayRunTogether", parallelWrites},
		{"AClosedFileRefusesAllWork", closedRefuses},
		{"NegativeOffsetsAreRefused", negativeOffsets},
	}
}

func createIsReadWrite(e env) {
	f, err := e.Create(e.path("f"))
	must(e.T, err)
	if got := content(e.T, f); got != "" {
		e.Errorf("a new file holds %q", got)
	}
	n, err := f.WriteAt([]byte("hello"), 0)
	if n != 5 || err != nil {
		e.Errorf("WriteAt gave %d, %v", n, err)
	}
	must(e.T, f.Sync())
	if got := content(e.T, f); got != "hello" {
		e.Errorf("the file holds %q, want hello", got)
	}
	must(e.T, f.Close())
	info, err := e.Stat(e.path("f"))
	if err != nil || info.Size != 5 || info.Dir {
		e.Errorf("Stat gave %+v, %v", info, err)
	}
}

func createEmpties(e env) {
	e.write("f", "old bytes")
	e.write("f", "new")
	if got := e.read("f"); got != "new" {
		e.Errorf("the file holds %q, want new", got)
	}
}

func openRefusesWrites(e env) {
	e.write("f", "abc")
	f, err := e.Open(e.path("f"))
	must(e.T, err)
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		e.Error("WriteAt on a file opened for reading gave no error")
	}
	if err := f.Truncate(0); err == nil {
		e.Error("Truncate on a file opened for reading gave no error")
	}
	if got := e.read("f"); got != "abc" {
		e.Errorf("the file holds %q, want abc", got)
	}
}

func openReadWriteKeeps(e env) {
	e.write("f", "abcdef")
	f, err := e.OpenReadWrite(e.path("f"))
	must(e.T, err)
	_, err = f.WriteAt([]byte("XY"), 2)
	must(e.T, err)
	must(e.T, f.Close())
	if got := e.read("f"); got != "abXYef" {
		e.Errorf("the file holds %q, want abXYef", got)
	}
}

func handlesShare(e env) {
	e.write("f", "abc")
	reader, err := e.Open(e.path("f"))
	must(e.T, err)
	defer reader.Close()
	writer, err := e.OpenReadWrite(e.path("f"))
	must(e.T, err)
	defer writer.Close()
	_, err = writer.WriteAt([]byte("defg"), 3)
	must(e.T, err)
	if got := content(e.T, reader); got != "abcdefg" {
		e.Errorf("the reader sees %q, want abcdefg", got)
	}
}

func readEOF(e env) {
	e.write("f", "abc")
	f, err := e.Open(e.path("f"))
	must(e.T, err)
	defer f.Close()
	for _, c := range []struct {
		off  int64
		len  int
		want string
		err  error
	}{
		{0, 3, "abc", nil}, {0, 4, "abc", io.EOF}, {2, 5, "c", io.EOF}, {3, 1, "", io.EOF}, {100, 1, "", io.EOF}, {1, 0, "", nil},
	} {
		p := make([]byte, c.len)
		n, err := f.ReadAt(p, c.off)
		if string(p[:n]) != c.want || !errors.Is(err, c.err) {
			e.Errorf("ReadAt(%d bytes, %d) gave %q, %v; want %q, %v", c.len, c.off, p[:n], err, c.want, c.err)
		}
	}
}

func writeLeavesZeros(e env) {
	f, err := e.Create(e.path("f"))
	must(e.T, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("end"), 10_000)
	must(e.T, err)
	if got, want := content(e.T, f), string(make([]byte, 10_000))+"end"; got != want {
		e.Errorf("the file is not 10,000 zeros and the word end")
	}
}

func truncateZeros(e env) {
	e.write("f", "abcdef")
	f, err := e.OpenReadWrite(e.path("f"))
	must(e.T, err)
	defer f.Close()
	must(e.T, f.Truncate(3))
	must(e.T, f.Truncate(5))
	if got := content(e.T, f); got != "abc\x00\x00" {
		e.Errorf("the file holds %q, want abc and two zeros", got)
	}
	if err := f.Truncate(-1); err == nil {
		e.Error("Truncate(-1) gave no error")
	}
}

// randomModel runs the same seeds each time: the suite tells file systems apart, not runs.
func randomModel(e env) {
	for seed := range uint64(4) {
		randomRun(e, seed)
	}
}

func randomRun(e env, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	f, err := e.Create(e.path("f"))
	must(e.T, err)
	defer f.Close()
	var model []byte
	for step := range 100 {
		switch at := rng.IntN(30_000); rng.IntN(6) {
		case 0:
			must(e.T, f.Truncate(int64(at)))
			model = append(model[:min(at, len(model))], make([]byte, max(0, at-len(model)))...)
		case 1:
			must(e.T, f.Sync())
		default:
			p := make([]byte, 1+rng.IntN(9_000))
			for i := range p {
				p[i] = byte(rng.Uint32() | 1) // never zero, so a lost page shows
			}
			_, err := f.WriteAt(p, int64(at))
			must(e.T, err)
			model = append(model, make([]byte, max(0, at+len(p)-len(model)))...)
			copy(model[at:], p)
		}
		if got := content(e.T, f); got != string(model) {
			e.Fatalf("seed %d: after step %d the file differs from the model", seed, step)
		}
	}
}

func parallelWrites(e env) {
	f, err := e.Create(e.path("f"))
	must(e.T, err)
	defer f.Close()
	const writers, each = 8, 5_000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() { // waited for below
			p := bytes.Repeat([]byte{byte('a' + w)}, each)
			if _, err := f.WriteAt(p, int64(w*each)); err != nil {
				e.Error(err)
			}
			if n, err := f.ReadAt(p, int64(w*each)); n != each {
				e.Error(n, err)
			}
		})
	}
	wg.Wait()
	got := content(e.T, f)
	for w := range writers {
		if part := got[w*each : (w+1)*each]; part != string(bytes.Repeat([]byte{byte('a' + w)}, each)) {
			e.Errorf("the range of writer %d was changed by another", w)
		}
	}
}

func closedRefuses(e env) {
	f, err := e.Create(e.path("f"))
	must(e.T, err)
	must(e.T, f.Close())
	_, readErr := f.ReadAt(make([]byte, 1), 0)
	_, writeErr := f.WriteAt([]byte("x"), 0)
	_, sizeErr := f.Size()
	for op, err := range map[string]error{
		"ReadAt": readErr, "WriteAt": writeErr, "Size": sizeErr,
		"Sync": f.Sync(), "Truncate": f.Truncate(0), "Close": f.Close(),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			e.Errorf("%s of a closed file gave %v, want fs.ErrClosed", op, err)
		}
	}
}

func negativeOffsets(e env) {
	f, err := e.Create(e.path("f"))
	must(e.T, err)
	defer f.Close()
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
		e.Errorf("ReadAt(-1) gave %v", err)
	}
	if _, err := f.WriteAt([]byte("x"), -1); err == nil {
		e.Error("WriteAt(-1) gave no error")
	}
}
