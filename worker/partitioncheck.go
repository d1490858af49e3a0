package worker

import (
	"fmt"
	"runtime/debug"

	"github.com/millrun/millrun/internal/decl"
)

// The partitioner of each input is checked for its first records and then now and then (S-68).
const (
	checkFirst = 1000
	checkEvery = 1000
)

// checkPartition checks that the key belongs to this partition by the stream's partitioner.
func (t *task) checkPartition(in *input, key []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, at: decl.PanicSite(), stack: debug.Stack()}
		}
	}()
	in.seen++
	if in.seen >= checkFirst {
		in.checks = checkEvery
	}
	if in.stream.Unkeyed || key == nil {
		return nil
	}
	n := t.ed.partitions
	want := in.stream.Partitioner.Partition(key, n)
	if want == t.partition {
		return nil
	}
	if in.stream.Foreign {
		t.counts.foreign++
		return nil
	}
	return &stopError{fmt.Errorf("key %q of stream %s is in partition %d, but %s puts it into %d of %d: the producer uses another partitioner; say so with PartitionBy, or count such records with AllowForeignPartitions",
		key, in.stream.Name, t.partition, in.stream.Partitioner.Name(), want, n)}
}
