// Package lint holds the house rules of this repository as tests: which package may import which, that every package and
// every exported name is documented, that time, tests and globals are handled as agreed, and that no file grows beyond
// what a reader takes in.
//
// Each rule is a function from a parsed tree to findings. It runs twice: on this repository, where any finding fails, and
// on a small tree in testdata with planted faults, where exactly the findings listed there must come out; so a rule that
// has gone blind fails too. Exceptions are entries in the rule's own list, each with its reason.
//
// The package has only tests; nothing imports it.
package lint
