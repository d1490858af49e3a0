package processor

import (
	"time"

	"github.com/millrun/millrun/internal/decl"
)

// Fate is what becomes of a record whose attempts are used up.
type Fate = decl.Fate

const (
	// Stop parks the task at the record, with its location in the worker's status, and leaves the others running. A restart
	// tries the record once more.
	Stop = decl.Stop
	// DeadLetter sends the record with its original bytes, and headers that say where it stood and why it failed, to the
	// topic <app>.<processor>.dead-letters. What edition N cannot handle while it is built goes to
	// <app>.<processor>.dead-letters.eN, where it stays when the edition serves and until it is dropped (S-40).
	DeadLetter = decl.DeadLetter
	// Skip counts the record and logs it.
	Skip = decl.Skip
)

// ErrorPolicy is what happens to a record whose handler fails or panics, or whose bytes do not decode. The zero policy stops
// the task at the record, so that nothing is lost while somebody looks.
type ErrorPolicy struct {
	Retries    int           // further attempts, with nothing of the record staged between them; 0: none
	Backoff    time.Duration // before the first retry, then doubled; 0: 100 ms
	MaxBackoff time.Duration // the longest wait; 0: 10 s
	Then       Fate          // 0: Stop
}

// OnError sets the processor's policy. Later records of the partition wait while one is retried. What cannot go well a
// second time (bytes that do not decode, a use of an undeclared handle, an error made by Permanent) is not retried.
func OnError(policy ErrorPolicy) Edge {
	site := decl.UseSite()
	return Edge{site: site, once: "OnError", apply: func(p *decl.Processor) {
		p.Faults = append(p.Faults, policy.faults(site, p.Name)...)
		p.OnError = policy.decl()
	}}
}

func (e ErrorPolicy) faults(site decl.Site, processor string) (faults []error) {
	if e.Retries < 0 {
		faults = append(faults, errorAt(site, "processor %s: OnError: Retries is %d: want 0 or more", processor, e.Retries))
	}
	if e.Backoff < 0 || e.MaxBackoff < 0 {
		faults = append(faults, errorAt(site, "processor %s: OnError: Backoff is %v and MaxBackoff %v: want 0 or more", processor, e.Backoff, e.MaxBackoff))
	}
	if e.Then < Stop || e.Then > Skip {
		faults = append(faults, errorAt(site, "processor %s: OnError: Then is %d: want Stop, DeadLetter or Skip", processor, e.Then))
	}
	return faults
}

func (e ErrorPolicy) decl() decl.ErrorPolicy {
	d := decl.ErrorPolicy{Retries: e.Retries, Backoff: e.Backoff, MaxBackoff: e.MaxBackoff, Then: e.Then}
	if d.Backoff == 0 {
		d.Backoff = 100 * time.Millisecond
	}
	if d.MaxBackoff == 0 {
		d.MaxBackoff = 10 * time.Second
	}
	return d
}
