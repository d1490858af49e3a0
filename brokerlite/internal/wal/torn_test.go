package wal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

// rounds gives where the rounds of a file begin, and where the last ends.
func rounds(t testing.TB, fs vfs.FS, name string) (at []int64) {
	t.Helper()
	b := contents(t, fs, name)
	h, ok, err := parseFileHeader(name, b)
	if err != nil || !ok {
		t.Fatalf("%s: header %v, %v", name, ok, err)
	}
	p := int64(blockBytes)
	for {
		at = append(at, p)
		r, ok := parseRoundHeader(b[min(p, int64(len(b))):])
		if !ok || r.salt != h.salt {
			return at
		}
		p += r.size()
	}
}

const firstFile = "wal/00000000000000000001.wal"

// S-51; B7 and B8 of the reliability list.
func TestLastRoundTornAnywhereIsCut(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{}, 0)
	for range 4 {
		write(t, l, 5000)
	}
	at := rounds(t, fs, firstFile)
	last, end := at[3], at[3]+roundHeaderBytes+recordBytes+5000
	for p := last; p < end; p += 61 {
		disk := fs.Clone()
		b := contents(t, disk, firstFile)
		overwrite(t, disk, firstFile, []byte{b[p] ^ 0x10}, p)
		_, got := mustOpen(t, disk, Config{}, 0)
		got.wantUpTo(t, 1, 3, 5000)
		if c := got.report.Cut; p >= last+4 && (c == nil || c.File != firstFile || c.At != last) {
			t.Fatalf("byte %d: cut %v, want at %d", p, c, last)
		}
	}
	for p := last; p < end; p += 512 { // sectors that did not arrive, and all behind them
		for _, n := range []int64{512, end - p} {
			disk := fs.Clone()
			overwrite(t, disk, firstFile, make([]byte, min(n, end-p)), p)
			_, got := mustOpen(t, disk, Config{}, 0)
			got.wantUpTo(t, 1, 3, 5000)
		}
	}
	for p := last; p < end; p += 512 { // a file that ends
		disk := fs.Clone()
		f, err := disk.OpenReadWrite(firstFile)
		if err = errors.Join(err, f.Truncate(p), f.Close()); err != nil {
			t.Fatal(err)
		}
		_, got := mustOpen(t, disk, Config{}, 0)
		got.wantUpTo(t, 1, 3, 5000)
	}
}

// S-51.
func TestEarlierRoundBadAnywhereIsDamage(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{FileBytes: minFileBytes}, 0)
	for range 12 { // two files
		write(t, l, 5000)
	}
	second := "wal/00000000000000000002.wal"
	at := rounds(t, fs, firstFile)
	for _, c := range []struct {
		name, file string
		from, to   int64
		want       int64
	}{
		{"first round", firstFile, at[0], at[0] + 5000, at[0]},
		{"middle", firstFile, at[2], at[2] + 5000, at[2]},
		{"last of its file", firstFile, at[len(at)-2], at[len(at)-2] + 5000, at[len(at)-2]},
		{"first of the last file", second, blockBytes, blockBytes + 5000, blockBytes},
		{"header of the last file", second, 0, fileHeaderBytes, 0},
	} {
		for p := c.from; p < c.to; p += 47 {
			disk := fs.Clone()
			b := contents(t, disk, c.file)
			overwrite(t, disk, c.file, []byte{b[p] ^ 1}, p)
			before := contents(t, disk, c.file)
			_, _, err := openLog(disk, Config{FileBytes: minFileBytes}, 0)
			var damage *Damage
			if !errors.As(err, &damage) || damage.File != c.file || damage.At != c.want {
				t.Fatalf("%s: byte %d: %v, want damage at byte %d of %s", c.name, p, err, c.want, c.file)
			}
			if !bytes.Equal(before, contents(t, disk, c.file)) {
				t.Fatalf("%s: byte %d: the file was changed", c.name, p)
			}
		}
	}
}

func TestMissingFileIsDamage(t *testing.T) {
	for n, name := range []string{"wal/00000000000000000001.wal", "wal/00000000000000000002.wal"} {
		fs := newMem(t)
		l, _ := mustOpen(t, fs, Config{FileBytes: minFileBytes}, 0)
		for range 30 {
			write(t, l, 5000)
		}
		if err := errors.Join(l.Close(), fs.Remove(name)); err != nil {
			t.Fatal(err)
		}
		_, _, err := openLog(fs, Config{FileBytes: minFileBytes}, 0)
		var damage *Damage
		if !errors.As(err, &damage) {
			t.Errorf("without file %d: %v", n+1, err)
		}
	}
}

// Records that the checkpoint holds are not missed.
func TestDamageBelowTheCheckpointIsPassedOver(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{}, 0)
	for range 6 {
		write(t, l, 5000)
	}
	at := rounds(t, fs, firstFile)
	overwrite(t, fs, firstFile, []byte("damage"), at[1]+100)
	disk := fs.Clone()
	_, got := mustOpen(t, disk, Config{}, 3)
	got.wantUpTo(t, 4, 6, 5000)
	if _, _, err := openLog(fs.Clone(), Config{}, 1); err == nil {
		t.Error("a record the checkpoint does not hold was passed over")
	}
}

// The story of S-49 inside the log itself: a cut round must not come back, however valid its bytes are.
func TestCutRoundNeverComesBack(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{}, 0)
	write(t, l, 5000)
	write(t, l, 5000) // X
	at := rounds(t, fs, firstFile)
	whole := contents(t, fs, firstFile)

	disk := fs.Clone()
	overwrite(t, disk, firstFile, make([]byte, 512), at[1]) // X did not arrive
	l, got := mustOpen(t, disk, Config{}, 0)
	got.wantUpTo(t, 1, 1, 5000)
	if lsn, err := l.Append(testKind, []byte("Y")); err != nil || lsn != 2 {
		t.Fatal(lsn, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, disk, firstFile, whole, 0) // X is back
	_, got = mustOpen(t, disk, Config{}, 0)
	if got.last() != 2 || string(got.payloads[2]) != "Y" {
		t.Fatalf("replayed %v, record 2 is %.20q, want Y", got.lsns, got.payloads[2])
	}
}

func TestRecycledFilesHideTheirOldRounds(t *testing.T) {
	fs := newMem(t)
	c := Config{FileBytes: minFileBytes, Random: salts(3)}
	covered := LSN(0)
	l, _ := mustOpen(t, fs, c, covered)
	for i := range 200 {
		last := write(t, l, 3000+i*17)
		if i%11 == 10 {
			covered = last - 3
			if err := l.Covered(covered); err != nil {
				t.Fatal(err)
			}
		}
		if i%7 == 0 {
			if l.Err() != nil {
				t.Fatal(l.Err())
			}
			_, got := mustOpen(t, fs.CrashClone(), c, covered)
			if got.last() != last || len(got.lsns) != int(last-covered) {
				t.Fatalf("after %d: replayed %v, want %d to %d", i, got.lsns, covered+1, last)
			}
		}
	}
	names, err := fs.List("wal")
	if err != nil || len(names) > 12 {
		t.Errorf("%d files, %v: %v", len(names), err, names)
	}
}

func TestUnknownVersionIsRefused(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{}, 0)
	write(t, l, 1)
	h := fileHeader{number: 1, salt: 1}.encode()
	h[11] = 2
	reseal(h)
	overwrite(t, fs, firstFile, h, 0)
	_, _, err := openLog(fs.Clone(), Config{}, 0)
	var version *VersionError
	if !errors.As(err, &version) || version.Version != 2 {
		t.Fatal(err)
	}
}

// Bytes of an old use of the file, or of another log, may be intact rounds and even name the right record.
func TestRoundOfAnotherLifeIsNotRead(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{}, 0)
	write(t, l, 100)
	write(t, l, 100)
	at := rounds(t, fs, firstFile)
	h, _, err := parseFileHeader(firstFile, contents(t, fs, firstFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]roundHeader{
		"other salt":            {salt: h.salt + 1, previous: 2, first: 3, last: 3, count: 1},
		"other record before":   {salt: h.salt, previous: 3, first: 4, last: 4, count: 1},
		"earlier record before": {salt: h.salt, previous: 1, first: 2, last: 2, count: 1},
	} {
		g := newGroup(nil)
		g.add(c.first, false, testKind, payload(c.first, 100))
		c.length = uint32(len(g.buf) - roundHeaderBytes)
		c.seal(g.buf)
		disk := fs.Clone()
		overwrite(t, disk, firstFile, g.buf, at[2])
		_, got := mustOpen(t, disk, Config{}, 0)
		if len(got.lsns) != 2 {
			t.Errorf("%s: replayed %v", name, got.lsns)
		}
	}
}

// Only so is a round without a header damage, and not the torn start of a file.
func TestHeaderIsDurableBeforeTheFirstRound(t *testing.T) {
	fs := newMem(t)
	faulty := vfs.NewFaulty(fs)
	l, _ := mustOpen(t, faulty, Config{FileBytes: minFileBytes}, 0)
	files := map[string]bool{}
	faulty.SetHook(func(op vfs.Op) error {
		if op.Kind != vfs.KindSync || files[op.Name] {
			return nil
		}
		files[op.Name] = true
		if n := int64(len(contents(t, fs, op.Name))); n != blockBytes {
			t.Errorf("%s has %d bytes at its first sync, want the header alone", op.Name, n)
		}
		return nil
	})
	for range 20 {
		write(t, l, 20_000)
	}
	if len(files) < 3 {
		t.Errorf("only %d files", len(files))
	}
}

func TestRoundsFillWholeBlocks(t *testing.T) {
	fs := newMem(t)
	l, _ := mustOpen(t, fs, Config{}, 0)
	write(t, l, zeroStep) // large enough to do without zeros ahead
	if n := len(contents(t, fs, firstFile)); n != blockBytes+zeroStep+blockBytes {
		t.Errorf("%d bytes, want %d", n, blockBytes+zeroStep+blockBytes)
	}
}
