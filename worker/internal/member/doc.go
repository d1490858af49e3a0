// Package member keeps one worker in one consumer group: it joins, divides the partitions when it leads, heartbeats,
// and tells its host which partitions it owns in which generation. It is a machine over commitlog.Groups, the same on
// every log.
//
//	m, err := member.New(member.Config{
//		Groups: log, Group: "shop.order-totals.e1", Topics: []string{"orders", "prices"}, Partitions: 8,
//		WorkerID: "w1", Hooks: tasks,
//	})
//	err = m.Run(ctx) // until ctx ends or membership cannot go on
//
// A rebalance, seen from the host: Prepare (every task commits, the commit gate closes; tasks go on working), then
// Assigned (the gate opens with the new generation). One rebalance moves a partition: the old owner's commits are
// refused by their generation, so a second one, as in Kafka's cooperative protocol, is not needed. When membership is
// gone, Lost comes instead, and the member joins as new.
//
// What it promises: hooks come one at a time and in that order; commits made with Assignment.Member are accepted only
// while it is the group's generation; heartbeats have their own goroutine and go on while a hook works; no goroutine
// outlives Run. What it does not do: a task that is kept through a rebalance may stand on an old position (the answer to
// its last commit was lost), so the host compares it with the committed offsets in each generation (S-6).
//
// The plan is sticky, even to one partition, and the same for the same members; all inputs get the same partition
// numbers. Members speak ConsumerProtocol, so that Kafka's tools can show them; what is ours is in the user data.
package member
