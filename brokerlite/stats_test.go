package brokerlite_test

import (
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
)

func TestStatsTellWhatTheBrokerDid(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	before := r.b.Stats()
	r.create("a", 3)
	r.create("b", 1)
	r.produce(nobody, "a", 0, "x")
	s := r.b.Stats()
	want(t, "topics", s.Topics, 2)
	want(t, "partitions", s.Partitions, 4)
	want(t, "failed, full", [2]bool{s.Failed, s.DiskFull}, [2]bool{})
	want(t, "flush", s.Flush, brokerlite.FlushAlways)
	want(t, "faulty", s.FaultyPartitions, 0)
	if s.Syncs.Count < before.Syncs.Count+3 {
		t.Errorf("%d syncs before two topics and a record, %d after", before.Syncs.Count, s.Syncs.Count)
	}
	want(t, "syncs of no time on a standing clock", s.Syncs.AtMost[100*time.Microsecond], s.Syncs.Count)
	if s.WALBytes <= before.WALBytes {
		t.Errorf("write-ahead log: %d bytes before, %d after", before.WALBytes, s.WALBytes)
	}
	if err := r.b.Close(); err != nil {
		t.Fatal(err)
	}
	s = r.b.Stats()
	want(t, "checkpoints with the one of Close", s.Checkpoints.Count, before.Checkpoints.Count+1)
	want(t, "failed checkpoints", s.CheckpointFailures, 0)
	want(t, "a closed broker has not failed", s.Failed, false)
}

func TestStatsShowTheOldestOpenTransaction(t *testing.T) {
	r := newRig(t, brokerlite.Config{})
	r.create("a", 1)
	want(t, "age without a transaction", r.b.Stats().OldestTransaction, 0)
	old := r.init("old")
	r.produce(old, "a", 0, "1")
	r.clock.Advance(7 * time.Second)
	young := r.init("young")
	r.produce(young, "a", 0, "2")
	r.clock.Advance(2 * time.Second)
	s := r.b.Stats()
	want(t, "open", s.OpenTransactions, 2)
	want(t, "age", s.OldestTransaction, 9*time.Second)
	r.end(old, true)
	s = r.b.Stats()
	want(t, "open after one ended", s.OpenTransactions, 1)
	want(t, "age after the older ended", s.OldestTransaction, 2*time.Second)
}

func TestStatsNameTheModeWithoutSyncs(t *testing.T) {
	r := newRig(t, brokerlite.Config{Flush: brokerlite.FlushOS})
	r.create("a", 1)
	s := r.b.Stats()
	want(t, "flush", s.Flush, brokerlite.FlushOS)
	want(t, "syncs", s.Syncs.Count, 0)
}
