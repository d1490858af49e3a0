// Package topology checks the processors of one application together and knows everything that follows from them: derived
// names, which inputs must be partitioned alike, what a rebuild proves. It does no I/O.
//
//	var app = topology.MustNew("clicks", counter)
//
// A Topology never changes and is safe for concurrent use: tests, workers, views and tools share one. New reports every fault
// at once, each with its place and what to change. What only the log can tell (how many partitions a topic has) is checked by
// the worker when it starts.
package topology
