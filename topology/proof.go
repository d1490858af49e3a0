package topology

import "github.com/millrun/millrun/internal/decl"

// Proof says what it means that a rebuild gives the same tables.
type Proof int8

const (
	// Exact: the inputs are public and taken in recorded order, and the processor uses its own tables only. Equal tables prove
	// that state and log agree.
	Exact Proof = iota
	// OrderDependent: records pass an internal stream, whose order between several tasks a replay does not repeat. A difference
	// may be order alone.
	OrderDependent
	// Open: the tables depend on what the log no longer has: the older values of a compacted input, or what a table of others
	// held at the time. Compared, never called proof.
	Open
	// Changed: another code version, other inputs or codecs. A comparison shows what the change did.
	Changed
)

// String gives the word that plans and reports use.
func (p Proof) String() string {
	switch p {
	case Exact:
		return "exact"
	case OrderDependent:
		return "order-dependent"
	case Open:
		return "declared open"
	default:
		return "changed"
	}
}

// Says is what a comparison of two editions may claim.
func (p Proof) Says() string {
	switch p {
	case Exact:
		return "a rebuild gives equal tables, or names the first keys that differ"
	case OrderDependent:
		return "a rebuild gives equal tables, or names keys; a difference may be the order of internal streams alone"
	case Open:
		return "a rebuild is compared, and proves nothing: the log no longer has what the tables were made of"
	default:
		return "a rebuild shows what the change did, and proves nothing"
	}
}

// ProofOf is for the runtime: what the declaration of p allows to prove. A log can only take away from it: compacted or cut
// inputs make it Open, another code version Changed.
func ProofOf(p *decl.Processor) Proof {
	if len(p.Reads)+len(p.Globals) > 0 {
		return Open
	}
	for _, in := range p.Inputs {
		if in.Stream.Internal {
			return OrderDependent
		}
	}
	return Exact
}
