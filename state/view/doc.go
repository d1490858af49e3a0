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
// Limits: the copy lives in memory, twice while editions change.
package view
