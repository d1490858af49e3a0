package worker

import "fmt"

// FingerprintError says that a program declares another shape under the same Version (S-32).
type FingerprintError struct {
	Processor, Version string
	Differences        []string
}

func (e *FingerprintError) Error() string {
	s := fmt.Sprintf("processor %s has Version %q, as the edition that serves, but declares something else:", e.Processor, e.Version)
	for _, d := range e.Differences {
		s += "\n  " + d
	}
	return s + "\nRaise processor.Version to rebuild it, or put the declaration back."
}
