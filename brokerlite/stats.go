package brokerlite

import "time"

// Stats are figures of a broker at one moment. Counts begin with Open.
type Stats struct {
	// Failed says that a fault stopped the broker (Err); DiskFull that new work is refused until there is room again.
	Failed, DiskFull bool
	// Flush is the mode in force.
	Flush Flush
	// Syncs are the syncs of the write-ahead log that succeeded. None in the mode FlushOS.
	Syncs Durations
	// WALBytes is what the write-ahead log holds that no snapshot covers, to within 64 KiB.
	WALBytes int64
	// Checkpoints are those that succeeded; CheckpointFailures counts the others.
	Checkpoints        Durations
	CheckpointFailures int64
	// Topics and Partitions count what exists; FaultyPartitions are those that answer with a storage fault.
	Topics, Partitions, FaultyPartitions int
	// OpenTransactions are open now. OldestTransaction is the age of the oldest, since it began or since Open; 0: none.
	OpenTransactions  int
	OldestTransaction time.Duration
}

// Durations are spans of time in classes.
type Durations struct {
	Count  int64                   // spans
	Total  time.Duration           // their sum
	AtMost map[time.Duration]int64 // spans that were not longer than the bound; the caller's own map
}

// Stats may be called at any time, after Close too, and from any goroutine. It waits for no disk.
func (b *Broker) Stats() Stats {
	s := b.engine.Stats()
	out := Stats{Failed: b.Err() != nil, DiskFull: b.engine.Full(), Syncs: Durations(s.Syncs), WALBytes: s.WALBytes,
		Checkpoints: Durations(s.Checkpoints), CheckpointFailures: s.CheckpointFailures, Topics: s.Topics,
		Partitions: s.Partitions, FaultyPartitions: s.Faulty, OpenTransactions: s.OpenTransactions,
		OldestTransaction: s.OldestTransaction}
	if b.engine.NoSync() {
		out.Flush = FlushOS
	}
	return out
}
