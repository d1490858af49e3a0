package seglog

import "time"

// Log is one partition on disk. See the package comment for who may call what at the same time.
type Log struct{}

// Files bounds how many files of sealed segments are open. Safe for concurrent use, shared by any number of logs.
type Files struct{}

// NewFiles gives room for limit open files. Readers at work may pass it; nothing idle is kept beyond it.
func NewFiles(limit int) *Files { panic("not built") }

// Open opens the partition in dir, which it creates if need be. k is what the checkpoint knows, the zero Known for a new
// partition. A known segment that is missing or short is *Damage. Behind the known end nothing is looked at: Redo says
// what belongs there, and CutBehind, which must be called before the first Append, removes the rest.
func Open(dir string, c Config, k Known) (*Log, error) { panic("not built") }

// Append writes a batch whose base offset is Next and whose leader epoch and checksum are final, and gives its place. The
// bytes are not kept. They are in the page cache when it returns, not on disk. After an error the log is as before.
// now decides about the age of the segment.
func (l *Log) Append(batch []byte, now time.Time) (Place, error) { panic("not built") }

// Redo makes the log hold batch at p, as the write-ahead log says. A place below what Open was told is passed over
// (S-55); any other must continue the log without a gap, or the answer is *Damage.
func (l *Log) Redo(p Place, batch []byte) error { panic("not built") }

// CutBehind ends recovery: everything in the directory behind the last byte that Open and Redo know goes, valid or not,
// and so do segments and leftovers nobody knows. What remains is synced when it returns.
func (l *Log) CutBehind() error { panic("not built") }

// TakeBack undoes the newest appends: p becomes the end, next the next offset. For batches that the write-ahead log
// refused because the disk is full; no reader has seen them.
func (l *Log) TakeBack(p Place, next int64) error { panic("not built") }

// Sync makes durable all that was appended before the call: bytes, then directory entries; and writes sidecars of sealed
// segments. A failed sync is final: the log refuses all further writes.
func (l *Log) Sync() error { panic("not built") }

// Known describes the log as it is now, for a checkpoint. It is durable once a Sync that began later has returned nil.
func (l *Log) Known() Known { panic("not built") }

// Read appends to dst whole batches from the one that holds offset on (or, where compaction left a hole, the next one):
// those that end below limit, up to maxBytes together; the first may be larger. Nothing there yet is no error: dst comes
// back as it was. Below the start or above the end it is *OutOfRange. Checksums are verified.
func (l *Log) Read(offset int64, maxBytes int, limit int64, dst []byte) ([]byte, error) { panic("not built") }

// Stamp is a record found by time.
type Stamp struct {
	// Offset and Timestamp, in milliseconds, of the record; LeaderEpoch of its batch.
	Offset      int64
	Timestamp   int64
	LeaderEpoch int32
}

// OffsetForTime finds the first record at or above the start and below limit whose timestamp is at least ts.
func (l *Log) OffsetForTime(ts, limit int64) (s Stamp, found bool, err error) { panic("not built") }

// LatestTime finds the first record below limit with the largest timestamp.
func (l *Log) LatestTime(limit int64) (s Stamp, found bool, err error) { panic("not built") }

// Aborted is a transaction that was aborted in this partition.
type Aborted struct {
	ProducerID int64
	// First is the offset of its first record, Last that of its marker.
	First, Last int64
}

// Aborted gives the aborted transactions that have a record in [from, upTo), by first offset.
func (l *Log) Aborted(from, upTo int64) ([]Aborted, error) { panic("not built") }

// DropBefore raises the start to offset, if it is above it, and removes the segments wholly below, but never the one that
// grows. The new start must be durable elsewhere before the call (S-55).
func (l *Log) DropBefore(offset int64) error { panic("not built") }

// Start is the first offset that may be read.
func (l *Log) Start() int64 { panic("not built") }

// Next is the offset that the next record gets.
func (l *Log) Next() int64 { panic("not built") }

// Bytes is the size of all segments together.
func (l *Log) Bytes() int64 { panic("not built") }

// SetLimits changes when segments end, from the next append on.
func (l *Log) SetLimits(limits Limits) { panic("not built") }

// Close lets go of the files; readers at work finish. It does not sync. Later calls fail.
func (l *Log) Close() error { panic("not built") }
