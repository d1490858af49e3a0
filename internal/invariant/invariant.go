// Package invariant holds checks that are free in production and on in tests.
//
// Enabled is a constant: code under "if invariant.Enabled" costs nothing unless the program was built with the tag
// "invariants" or with the race detector.
package invariant

import "fmt"

// Check panics with the formatted message when ok is false and checks are enabled.
func Check(ok bool, format string, args ...any) {
	if Enabled && !ok {
		panic("invariant broken: " + fmt.Sprintf(format, args...))
	}
}
