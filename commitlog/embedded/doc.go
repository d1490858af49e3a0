// Package embedded is the commitlog driver for brokerlite in the same process: no port, no connection, no copy of what is
// not needed.
//
//	log, err := embedded.Open("data")
//	if err != nil { ... }
//	defer log.Close()
//
// Every call is a Kafka request given to Broker.Handle, so the rules are those of the broker's listener. Transactions use
// protocol version 2 (KIP-890): partitions and groups join by themselves and every end of a transaction brings a new epoch.
//
// Promises: those of commitlog. A context that ends gives the wait up at once; the request itself goes on inside the
// broker, and a Transactor that is used again first learns what came of it.
//
// Limits: one process owns the directory; a second is refused by the broker's lock. Group members that join here die with
// the process and are not restored.
package embedded
