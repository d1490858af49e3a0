package brokerlite_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// flip damages one byte of a file.
func flip(t *testing.T, fs vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// Whatever is read of a stopped directory names damage by file and byte, in each kind of file.
func TestDamageIsNamedInEveryKindOfFile(t *testing.T) {
	const segment = "data/topics/a-0.1/00000000000000000000.log"
	for _, c := range []struct {
		what  string
		spoil func(r *rig) string // gives the file
		at    int64               // -1: the error names no byte
		opens bool
	}{
		{"a record", func(r *rig) string { flip(t, r.mem, segment, 69); return segment }, 17, true},
		{"the head of a batch", func(r *rig) string { flip(t, r.mem, segment, 16); return segment }, 16, true},
		{"a short segment", func(r *rig) string {
			f, err := r.mem.OpenReadWrite(segment)
			if err == nil {
				err = errors.Join(f.Truncate(40), f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			return segment
		}, 40, true},
		{"a lost segment", func(r *rig) string {
			if err := r.mem.Remove(segment); err != nil {
				t.Fatal(err)
			}
			return segment
		}, 0, true},
		{"all snapshots", func(r *rig) string {
			names, err := r.mem.List("data/meta")
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				flip(t, r.mem, "data/meta/"+n, 30)
			}
			return "data/meta/" + names[0]
		}, -1, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := newRig(t, brokerlite.Config{})
			r.create("a", 1)
			r.produce(nobody, "a", 0, "one", "two")
			if err := r.b.Close(); err != nil {
				t.Fatal(err)
			}
			file := c.spoil(r)
			_, inspected := brokerlite.Inspect(r.mem, "data", nil)
			walked := brokerlite.Batches(r.mem, "data", "a", 0, func(brokerlite.InspectedBatch, recordbatch.Batch) error { return nil })
			b, opened := brokerlite.Open("data", r.c)
			if c.opens {
				wantErr(t, "open", opened, nil)
				b.Close()
			} else {
				wantErr(t, "open", opened, brokerlite.ErrDamaged)
			}
			for what, err := range map[string]error{"inspect": inspected, "batches": walked} {
				wantErr(t, what, err, brokerlite.ErrDamaged)
				if err == nil || !strings.Contains(err.Error(), file) {
					t.Errorf("%s: %v, want the name of %s", what, err, file)
				}
				var place *brokerlite.DamageError
				if c.at < 0 {
					continue
				}
				if !errors.As(err, &place) || place.File != file || place.At != c.at {
					t.Errorf("%s: place %+v, want byte %d of %s", what, place, c.at, file)
				}
			}
		})
	}
}

// A record of the write-ahead log that a later one says was durable.
func TestDamageOfTheWriteAheadLogIsNamed(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	for range 3 {
		r.produce(nobody, "a", 0, "x")
	}
	image := r.mem.CrashClone()
	names, err := image.List("data/wal")
	if err != nil {
		t.Fatal(err)
	}
	name := "data/wal/" + names[0]
	flip(t, image, name, 2*4096+70)
	c := r.c
	c.FS = image
	_, opened := brokerlite.Open("data", c)
	_, inspected := brokerlite.Inspect(image, "data", nil)
	for what, err := range map[string]error{"open": opened, "inspect": inspected} {
		var place *brokerlite.DamageError
		if !errors.Is(err, brokerlite.ErrDamaged) || !errors.As(err, &place) || place.File != name || place.At != 2*4096 {
			t.Errorf("%s: %v at %+v, want damage at byte %d of %s", what, err, place, 2*4096, name)
		}
	}
}

// S-48: a transaction's end and a new epoch are not told before they are durable, first word or repeat.
func TestTransactionAnswersWaitForTheSync(t *testing.T) {
	given, cancel := context.WithCancel(context.Background())
	cancel() // an answer that must wait becomes this context's error
	for _, what := range []string{"end", "repeated end", "init", "refused end"} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t, brokerlite.Config{})
			r.create("a", 1)
			p := r.init("tx")
			r.produce(p, "a", 0, "x")
			_, gate := slowSync(r)
			done := make(chan error, 1)
			go func() { _, err := r.tryProduce(nobody, "a", 0, "y"); done <- err }()
			<-gate.entered // from here on nothing becomes durable
			end := endRequest(p, true)
			switch what {
			case "repeated end":
				r.b.Handle(given, brokerlite.Embedded, end)
			case "refused end":
				r.b.Handle(given, brokerlite.Embedded, endRequest(p, false))
			}
			var err error
			if what == "init" {
				_, err = r.b.Handle(given, brokerlite.Embedded, initRequest("tx", nobody))
			} else {
				_, err = r.b.Handle(given, brokerlite.Embedded, end)
			}
			wantErr(t, "an answer before the sync", err, context.Canceled)
			close(gate.release)
			wantErr(t, "the write before it", <-done, nil)
		})
	}
}

// A process that ends between the rename of the very first snapshot and the sync of its directory leaves a name that the
// next start reads and that a power cut would take away, with everything acknowledged since.
func TestFirstSnapshotIsDurableBeforeAnythingIsAcknowledged(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.b.Close()
	r.mem = vfs.NewMem()
	faulty := vfs.NewFaulty(r.mem)
	renamed := false
	faulty.SetHook(func(op vfs.Op) error {
		renamed = renamed || op.Kind == vfs.KindRename && strings.HasSuffix(op.To, ".snap")
		if renamed && op.Kind == vfs.KindSyncDir {
			return syscall.EIO
		}
		return nil
	})
	c := r.c
	c.FS = faulty
	if b, err := brokerlite.Open("data", c); err == nil {
		b.Close()
		t.Fatal("opened without a durable snapshot")
	}
	if names, err := r.mem.List("data/meta"); err != nil || len(names) != 1 {
		t.Fatalf("snapshots: %v %v, want the renamed one", names, err)
	}
	r.open()
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x")
	r.crash()
	want(t, "after the power cut", len(r.values("a", 0, true)), 1)
}

// Where the file system is read-only a stopped directory can be looked at all the same, and Open says what is wrong.
func TestReadOnlyDirectoryIsInspectedAndNotOpened(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x")
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewFaulty(r.mem)
	fs.SetReadOnly(true)
	in, err := brokerlite.Inspect(fs, "data", nil)
	wantErr(t, "inspect", err, nil)
	want(t, "topics", len(in.Topics), 1)
	findings, err := brokerlite.Check(fs, "data")
	wantErr(t, "check", err, nil)
	want(t, "findings", len(findings), 0)
	c := r.c
	c.FS = fs
	_, err = brokerlite.Open("data", c)
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "data") {
		t.Errorf("open: %v, want EROFS and the directory's name", err)
	}
}
