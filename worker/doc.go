// Package worker runs the processors of a topology: it joins their consumer groups, keeps their tables, and commits what
// they do exactly once.
//
//	log, err := embedded.Open("data")
//	err = worker.Run(ctx, app, log, worker.Config{StateDir: "data/state", Partitions: 8})
//
// Promised. Records of one key in one stream reach the handler in log order, one at a time. A record's table changes, emits
// and input position take effect together, once, whatever is killed when; and only if its handler returned nil. A record
// that cannot be handled goes the way of the processor's error policy and never stops other tasks.
//
// How it is built, in reading order: Worker starts a unit for each processor; a unit is a member of the processor's group and
// starts tasks for its partitions; a task takes records and gathers their effects; the tasks of a lane commit together.
// A build is the same tasks, following another edition.
//
// Limits stand in Config, each with its default; Status shows those in force.
package worker
