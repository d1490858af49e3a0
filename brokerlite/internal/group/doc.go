// Package group is Kafka's classic group coordinator as a pure machine: who is a member of which consumer group, who
// leads, who owns what, and which offsets are committed. Requests, time and random bits come in as arguments; replies
// and records to persist come out. Inside there are no locks, goroutines, clocks, sockets or sleeps.
//
//	m, err := group.New(group.Config{Random: rand.Uint64, Exists: topics.Has})
//	effects := m.Step(group.Call{Token: 1, Request: joinGroup}, now)
//	// append effects.Records, wait until durable, send effects.Replies, call m.Tick at effects.Wake
//
// State has two halves. The ledger is what the log says: the last generation of each group, its offsets, and offsets
// staged by open transactions. It changes only by folding a record, the same way live and in recovery, so a restart
// finds exactly what was acknowledged. The live half (who waits, who is due, whose silence has lasted how long) is not
// persisted; Recovered builds it from the ledger.
//
// Promises: generations of a group never go back while it exists (deleting it ends it); offsets do not expire, which
// differs from Kafka's seven days; a call gets exactly one reply; a static member returns to its place without a
// rebalance; members that joined from the broker's own process are not restored, all others are, with one full session
// timeout (S-58). The rules are those of Kafka's coordinator with KIP-345 (static members), KIP-394 (member id
// required), KIP-447 (members checked in transactions), KIP-800 (reasons, ignored) and KIP-814 (skip assignment).
//
// Limits: see Config. KIP-848 groups and offset retention are not here.
package group
