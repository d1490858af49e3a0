// Package seglog is the chain of segments of one partition: files whose bytes are Kafka v2 record batches, exactly as on
// the wire.
//
//	log, err := seglog.Open(dir, seglog.Config{FS: vfs.OS}, checkpoint.Known)   // what the checkpoint says
//	err = log.Redo(place, batch)                                               // what the write-ahead log says
//	err = log.CutBehind()                                                      // the rest goes, however valid
//	place, err := log.Append(batch, now)
//	batches, err := log.Read(offset, 1<<20, highWatermark, buffer)
//
// Promises
//   - What Open's Known and Redo describe is there, byte for byte, or the answer is *Damage, which names file, byte and
//     expectation and leaves the file alone; what they do not describe is gone after CutBehind (S-49).
//   - Read returns whole batches whose checksum was verified just now.
//   - A reader is never disturbed by DropBefore, by a roll or by Close.
//   - Indexes are derived: any doubt about a sidecar and it is built anew from the batches.
//
// Nothing appended is durable before Sync; between two checkpoints the write-ahead log is what makes it so.
//
// Concurrency: Append, Redo, CutBehind and TakeBack are the writer's, one at a time, and Known is for whoever keeps the
// writer out meanwhile; everything else may be called at any time by anyone.
package seglog
