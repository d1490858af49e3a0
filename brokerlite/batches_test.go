package brokerlite_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/vfs"
)

// batchesOf lists the batches of a/0 as "first-last", markers with what they say.
func batchesOf(t *testing.T, fs vfs.FS) string {
	t.Helper()
	var seen []string
	err := brokerlite.Batches(fs, "data", "a", 0, func(b brokerlite.InspectedBatch, data recordbatch.Batch) error {
		text := fmt.Sprint(b.First, "-", b.Last)
		if b.Marker {
			m, err := recordbatch.ParseMarker(data)
			if err != nil {
				return err
			}
			text += fmt.Sprint(" commit ", m.Commit)
		}
		seen = append(seen, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(seen, ", ")
}

func TestBatchesGivesSegmentsAndThenWhatAStartWouldRedo(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x", "y")
	r.restart() // its checkpoint has the first batch
	p := r.init("tx")
	r.produce(p, "a", 0, "z")
	r.end(p, false)
	image := r.mem.CrashClone()
	want(t, "after a crash", batchesOf(t, image), "0-1, 2-2, 3-3 commit false")
	topics, err := brokerlite.Topics(image, "data")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "next", topics[0].Partitions[0].Next, 4)
	want(t, "after a stop", batchesOf(t, r.stop()), "0-1, 2-2, 3-3 commit false")
	r.open()
}

func TestBatchesTellsWhatDoesNotExistAndEndsWithItsVisitor(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	r.produce(nobody, "a", 0, "x")
	image := r.mem.CrashClone()
	enough := errors.New("enough")
	for _, c := range []struct {
		topic string
		index int32
		want  error
	}{{"b", 0, brokerlite.ErrNoPartition}, {"a", 1, brokerlite.ErrNoPartition}, {"a", -1, brokerlite.ErrNoPartition}, {"a", 0, enough}} {
		err := brokerlite.Batches(image, "data", c.topic, c.index, func(brokerlite.InspectedBatch, recordbatch.Batch) error { return enough })
		wantErr(t, fmt.Sprint(c.topic, "/", c.index), err, c.want)
	}
}
