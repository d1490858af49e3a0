//go:build invariants || race

package invariant

// Enabled says whether this program carries the checks.
const Enabled = true
