// Package view shows a table to code outside its processor: a read-only copy, kept up to date from the table's changelog.
//
//	totals, err := view.Open(ctx, app, log, table, view.Config{})
//	if err != nil { ... }
//	defer totals.Close()
//	total, ok, err := totals.Get(ctx, "alice", view.AtLeast(pos)) // pos: where a producer put alice's record
//
// Promised (S-45): per partition a committed prefix of the owner's table that never goes back while the view is open. What one
// commit did to a partition shows at once, as long as it is below 64 MiB. When another edition of the table begins to serve,
// the view goes on with the old one until its copy of the new one is complete, and then changes over in one step (S-46); an
// iteration under way stays with what it began with. A view creates nothing in the log, ever (S-47).
//
// Not promised: that it has what was committed a moment ago; AtLeast and Ready wait for that. Two partitions, and two views,
// may show different moments. A transaction that is open in front of others holds its partition back, for its timeout at
// most.
//
// On disk (Config.Dir) a copy outlives the program: the next view reads only what the log has gained since the last barrier,
// which is taken every 30 s, every 64 MiB, and by Close. What was filled from another log or topic, is ahead of it, or too old to
// know of every deletion, is moved aside and filled anew (S-12). The copy of an edition that answers no more is removed as soon
// as nobody iterates over it.
//
// When something fails, a view answers as long as it can do so honestly, that is with what was committed once: while the log is
// away reads give what was last known, and after a fault of its disk as well, for good. What needs more, AtLeast, Ready, or a copy
// that is not complete, waits for the log or returns the fault of the disk at once. Status tells which it is, and how old the data
// are. A view whose disk was full is closed and opened again. What it cannot make sense of, such as damage in the log, ends it: then
// every read returns that error.
//
// Limits: the copy lives in memory, or on disk, twice while editions change. On disk each partition that is followed is a
// LevelDB with three buffers of 1 MiB, about 4 files and 5 goroutines; a commit above 64 MiB in one partition may show in parts.
package view
