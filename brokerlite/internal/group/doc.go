// Package group is Kafka's classic group coordinator as a pure machine: requests, time and randomness come in,
// replies and records to persist come out.
package group
