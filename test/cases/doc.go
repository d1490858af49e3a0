// Package cases holds faults that people met in other stream processors, each as a script with its exact answer, run against
// Millrun. A card has a number, C-01 and so on; docs/cases.md says in one line what went wrong elsewhere and which test of
// the tree shows that it does not happen here.
//
// Everything is in the tests: the real runtime on the real embedded log, on a disk in memory.
package cases
