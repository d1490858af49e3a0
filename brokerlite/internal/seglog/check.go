package seglog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// Summary says what Check or Walk found in a partition.
type Summary struct {
	Segments, Batches, Records int
	// Bytes are those of intact batches.
	Bytes int64
	// First is the first offset there is, Next that behind the last batch.
	First, Next int64
	// Tail is the end of the newest segment that holds no intact batch, nil if there is none. It may be what a crash left
	// and recovery will cut, or damage: only the checkpoint and the write-ahead log can tell.
	Tail *Damage
	// Stale names sidecars that cannot be trusted and why. They cost a scan, no data.
	Stale []string
}

// BatchAt is one batch as Walk shows it. Batch is valid during the call.
type BatchAt struct {
	File  string
	At    int64
	Batch recordbatch.Batch
}

// Walk reads a partition that nobody writes, batch by batch with its checksum, and changes nothing. visit may be nil. The
// error is *Damage for a bad byte that is not in the tail, or one of reading or of visit. Compaction leaves holes between
// offsets, so only their order is checked.
func Walk(fs vfs.FS, dir string, visit func(BatchAt) error) (Summary, error) {
	w := walker{fs: fs, dir: dir, visit: visit}
	names, err := fs.List(dir)
	if err != nil {
		return w.sum, err
	}
	var bases []int64
	for _, name := range names {
		if base, ok := parseName(name, logSuffix); ok {
			bases = append(bases, base)
		}
	}
	for i, base := range bases {
		if i == 0 {
			w.sum.First, w.sum.Next = base, base
		}
		next := int64(-1)
		if i+1 < len(bases) {
			next = bases[i+1]
		}
		if err := w.segment(base, next); err != nil {
			return w.sum, err
		}
	}
	return w.sum, nil
}

// Check reads a whole partition and gives the first damage as its error.
func Check(fs vfs.FS, dir string) (Summary, error) { return Walk(fs, dir, nil) }

// Dump writes one line for each batch.
func Dump(w io.Writer, fs vfs.FS, dir string) (Summary, error) {
	return Walk(fs, dir, func(b BatchAt) error {
		kind := "data"
		switch {
		case b.Batch.Control():
			kind = "marker"
		case b.Batch.Transactional():
			kind = "transactional"
		}
		_, err := fmt.Fprintf(w, "%s\t%d\t%d bytes\toffsets %d-%d\t%d records\tepoch %d\tproducer %d/%d\tsequence %d\tto %d ms\t%s\t%s\n",
			path.Base(b.File), b.At, len(b.Batch), b.Batch.BaseOffset(), b.Batch.LastOffset(), b.Batch.Count(),
			b.Batch.LeaderEpoch(), b.Batch.ProducerID(), b.Batch.ProducerEpoch(), b.Batch.BaseSequence(), b.Batch.MaxTimestamp(),
			b.Batch.Compression(), kind)
		return err
	})
}

type walker struct {
	fs    vfs.FS
	dir   string
	visit func(BatchAt) error
	sum   Summary
}

// segment reads one segment; next is the base of the one behind it, -1 for the newest.
func (w *walker) segment(base, next int64) (err error) {
	name := logName(w.dir, base)
	f, err := w.fs.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return err
	}
	r := &reader{f: f, name: name, base: base, next: next, bytes: size, pool: &buffers}
	defer r.release()
	w.sum.Segments++
	w.sum.Next = max(w.sum.Next, base)
	if err := w.batches(r); err != nil {
		var damage *Damage
		if next >= 0 || !errors.As(err, &damage) {
			return err
		}
		w.sum.Tail = damage
	}
	if next >= 0 {
		return w.sidecar(base, next, size)
	}
	return nil
}

func (w *walker) batches(r *reader) error {
	offset := r.base
	for at := int64(0); at < r.bytes; {
		_, size, err := r.header(at, offset)
		if err != nil {
			return err
		}
		b, err := r.batch(at, size)
		if err != nil {
			return err
		}
		if w.visit != nil {
			if err := w.visit(BatchAt{File: r.name, At: at, Batch: b}); err != nil {
				return err
			}
		}
		w.sum.Batches++
		w.sum.Records += int(b.Count())
		w.sum.Bytes += size
		w.sum.Next = b.NextOffset()
		offset = b.NextOffset()
		at += size
	}
	return nil
}

func (w *walker) sidecar(base, next, size int64) error {
	name := indexName(w.dir, base)
	b, err := readAll(w.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, why := decodeIndex(b, base, next, size); why != "" {
		w.sum.Stale = append(w.sum.Stale, name+": "+why)
	}
	return nil
}
