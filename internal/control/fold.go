package control

import (
	"maps"
	"slices"
)

// State is what the control topic says about all processors of an application. The zero State is empty.
type State struct {
	Processors map[string]*Processor
}

// Processor is what is known of one processor. Serving is 0 before the first edition.
type Processor struct {
	Version  int64 // counts the events that changed phase
	Serving  int
	Editions map[int]*Edition
	Build    *Build // nil: nothing is built
}

// Edition is one build of a processor's tables.
type Edition struct {
	Number      int
	Code        string
	Fingerprint string
	Partitions  int32
	Base        map[string][]int64
	Topics      map[string]string // id of each public input
	From        int               // the edition whose recorded order it was built by, 0 for the first
	Cut         map[int32]Stop    // where its predecessor stopped; nil for the first
	Dropped     bool              // its topics are gone, or going
	Cancelled   string            // why its build ended without a switch; "" if it did not
	Stopped     map[int32]Stop    // where it stopped, once another one serves
	Results     map[int32]Result  // what each task compared when the build was ready
}

// Build is a rebuild under way: the edition To is built beside the edition From.
type Build struct {
	From, To             int
	Frozen, ByHand, Keep bool
	Reason               string
	Switch               bool // the serving edition was asked to stop
	Held                 map[int32]Stop
	Stopped              map[int32]Stop
	Ready                map[int32]Result
}

// Stop is the position of a stopped task, per public input stream.
type Stop struct{ Next map[string]int64 }

// Result is what a finished task of a build compared.
type Result struct {
	Records, Fenced, Entries int64
	Differ                   []Difference
	DifferN                  int64
}

// Complete tells whether all n tasks are in m.
func complete[T any](m map[int32]T, n int32) bool { return int32(len(m)) >= n }

// AllHeld tells whether every task of the edition being replaced has left off its public inputs.
func (b *Build) AllHeld(partitions int32) bool { return complete(b.Held, partitions) }

// AllStopped tells whether every task of the edition being replaced has stopped.
func (b *Build) AllStopped(partitions int32) bool { return complete(b.Stopped, partitions) }

// AllReady tells whether every task of the new edition has been compared.
func (b *Build) AllReady(partitions int32) bool { return complete(b.Ready, partitions) }

// Differ counts the differing keys that the tasks reported.
func (b *Build) Differ() (n int64) {
	for _, r := range b.Ready {
		n += r.DifferN
	}
	return n
}

// FirstDifference gives the first differing key, of the lowest partition that has one.
func (b *Build) FirstDifference() (Difference, bool) {
	for _, partition := range slices.Sorted(maps.Keys(b.Ready)) {
		if r := b.Ready[partition]; len(r.Differ) > 0 {
			return r.Differ[0], true
		}
	}
	return Difference{}, false
}

// Processor returns the state of a processor, an empty one if nothing is known.
func (s *State) Processor(name string) *Processor {
	if p := s.Processors[name]; p != nil {
		return p
	}
	return &Processor{Editions: map[int]*Edition{}}
}

// Apply folds one event. It returns false, and changes nothing, for an event that does not fit the state: one that came too
// late, or says what cannot be.
func (s *State) Apply(e Event) bool {
	p := s.Processor(e.Processor)
	if e.Expects != p.Version || !p.apply(e) {
		return false
	}
	switch e.Kind {
	case Held, Stopped, Ready: // tasks report side by side: their order does not matter, so they do not outdate each other
	default:
		p.Version++
	}
	if s.Processors == nil {
		s.Processors = map[string]*Processor{}
	}
	s.Processors[e.Processor] = p
	return true
}

func (p *Processor) apply(e Event) bool {
	switch e.Kind {
	case Created:
		if p.Serving != 0 || e.Edition != 1 || e.Partitions < 1 {
			return false
		}
		p.Serving = 1
		p.Editions[1] = &Edition{Number: 1, Code: e.Code, Fingerprint: e.Fingerprint, Partitions: e.Partitions, Base: e.Base, Topics: e.Topics}
		return true
	case Rebuild:
		if p.Serving == 0 || p.Build != nil || e.From != p.Serving || e.Edition != p.Latest()+1 {
			return false
		}
		p.Editions[e.Edition] = &Edition{Number: e.Edition, Code: e.Code, Fingerprint: e.Fingerprint,
			Partitions: e.Partitions, Base: e.Base, Topics: e.Topics, From: e.From}
		p.Build = &Build{From: e.From, To: e.Edition, Frozen: e.Frozen, ByHand: e.ByHand, Keep: e.Keep, Reason: e.Reason,
			Held: map[int32]Stop{}, Stopped: map[int32]Stop{}, Ready: map[int32]Result{}}
		return true
	case Dropped:
		ed := p.Editions[e.Edition]
		// Not while a build is under way: it would outdate what tasks are about to report.
		if ed == nil || ed.Dropped || e.Edition == p.Serving || p.Build != nil {
			return false
		}
		ed.Dropped = true
		return true
	}
	return p.Build != nil && p.Build.apply(p, e)
}

// apply folds the events that exist only while a build is under way.
func (b *Build) apply(p *Processor, e Event) bool {
	n := p.Editions[b.From].Partitions
	switch e.Kind {
	case Switch:
		if e.Edition != b.To || b.Switch {
			return false
		}
		b.Switch = true
		return true
	case Held, Stopped:
		if !b.Switch || e.Edition != b.From || e.Partition < 0 || e.Partition >= n {
			return false
		}
		m := b.Held
		if e.Kind == Stopped {
			m = b.Stopped
		}
		if _, ok := m[e.Partition]; ok {
			return false // where a task stopped is said once
		}
		m[e.Partition] = Stop{Next: e.Next}
		return true
	case Ready:
		if e.Edition != b.To || !b.AllStopped(n) || e.Partition < 0 || e.Partition >= n {
			return false
		}
		b.Ready[e.Partition] = Result{e.Records, e.Fenced, e.Entries, e.Differ, e.DifferN}
		return true
	case Serving:
		if e.Edition != b.To || !b.AllReady(n) {
			return false
		}
		p.Serving = b.To
		p.Editions[b.To].Cut = b.Stopped
		p.Editions[b.To].Results = b.Ready
		p.Editions[b.From].Stopped = b.Stopped
		p.Build = nil
		return true
	case Cancel:
		if e.Edition != b.To {
			return false
		}
		p.Editions[b.To].Results = b.Ready
		p.Editions[b.To].Dropped = true
		p.Editions[b.To].Cancelled = e.Reason
		if e.Reason == "" {
			p.Editions[b.To].Cancelled = "cancelled"
		}
		p.Build = nil
		return true
	}
	return false
}

// CodeSince tells where the program that built an edition began to serve: what was decided about records below was decided by
// programs of other versions. nil: it was the first.
func (p *Processor) CodeSince(edition int) map[int32]Stop {
	ed := p.Editions[edition]
	for ed.From != 0 && p.Editions[ed.From].Code == ed.Code {
		ed = p.Editions[ed.From]
	}
	return ed.Cut
}

// Latest is the highest edition number ever given.
func (p *Processor) Latest() int {
	n := 0
	for i := range p.Editions {
		n = max(n, i)
	}
	return n
}

// Clone gives a copy that later events do not change.
func (s *State) Clone() *State {
	c := &State{Processors: make(map[string]*Processor, len(s.Processors))}
	for name, p := range s.Processors {
		q := *p
		q.Editions = make(map[int]*Edition, len(p.Editions))
		for n, e := range p.Editions {
			f := *e
			q.Editions[n] = &f
		}
		if p.Build != nil {
			b := *p.Build
			b.Held, b.Stopped, b.Ready = maps.Clone(b.Held), maps.Clone(b.Stopped), maps.Clone(b.Ready)
			q.Build = &b
		}
		c.Processors[name] = &q
	}
	return c
}
