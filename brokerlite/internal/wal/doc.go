// Package wal is the write-ahead log of a data directory: one queue of records, one committer, one sync for everything
// that came in meanwhile.
//
//	log, report, err := wal.Open(dir, wal.Config{FS: vfs.OS, OnDurable: publish}, checkpoint.LSN, apply)
//	if err := log.Admit(ctx); err != nil { ... }       // outside all locks: waits while the queue is full
//	partition.mu.Lock()
//	lsn, err := log.Append(kindBatch, header, batch)   // inside the partition's lock: never waits, copies the bytes
//	partition.mu.Unlock()
//	err = log.Wait(ctx, lsn)                           // nil: the record survives a power cut
//
// Promises
//   - Records become durable in the order of their Append calls; the order on disk is the order of LSNs (S-50).
//   - Wait returns nil only after a sync that covers the record succeeded. With Config.NoSync it is the write instead.
//   - Config.OnDurable runs after that sync and before any waiter wakes, so that what it publishes is there when they do.
//   - Open replays exactly the records that were durable, and perhaps some that were written and whose outcome nobody was
//     told; never one behind a hole. What it replayed is synced before it returns.
//   - A torn end is cut and reported; a record that a later round or file claims as synced and that cannot be read is
//     *Damage, and nothing is changed on disk (S-51).
//   - A failed sync is final (S-57): see Log.Err. A full disk is not: see Log.Resume.
//
// Caveats: bits lost in the very last round cannot be told from a torn write; they are cut. The package knows nothing of
// what the records mean.
package wal
