package topology

import (
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
)

// check gives all faults, in the order of the declarations.
func (t *Topology) check() (faults []error) {
	if err := names.Check(t.name); err != nil {
		faults = append(faults, fault(decl.UseSite(), "application: %w", err))
	}
	for i, p := range t.processors {
		for _, before := range t.processors[:i] {
			if before.Name == p.Name {
				faults = append(faults, fault(p.Site, "processor %s is declared twice, first at %s: a name is a consumer group", p.Name, before.Site))
			}
		}
		faults = append(faults, t.checkProcessor(p)...)
	}
	faults = append(faults, t.checkStreams()...)
	faults = append(faults, t.checkTables()...)
	faults = append(faults, t.checkForeign()...)
	faults = append(faults, t.checkInternal()...)
	return append(faults, t.checkNames()...)
}

// checkProcessor looks at one processor by itself.
func (t *Topology) checkProcessor(p *decl.Processor) []error {
	faults := append([]error(nil), p.Faults...)
	if err := names.Check(p.Name); err != nil {
		faults = append(faults, fault(p.Site, "processor: %w", err))
	}
	if len(p.Inputs) == 0 {
		faults = append(faults, fault(p.Site, "%s has no input: add On", called("processor", p.Name)))
	}
	for _, in := range p.Inputs {
		if in.Handle == nil && in.Tombstone != nil {
			faults = append(faults, fault(in.Site, "processor %s: OnTombstone of stream %s stands without On: add On", p.Name, in.Stream.Name))
		}
	}
	for i, s := range p.Emits {
		for _, before := range p.Emits[:i] {
			if before.Name == s.Name && before.Internal == s.Internal {
				faults = append(faults, fault(p.Site, "processor %s: Emits names stream %s twice", p.Name, s.Name))
			}
		}
	}
	return append(faults, checkCopartitioned(p)...)
}

// checkCopartitioned: one task takes the same partition of every input, so a key must be hashed to the same one in each. Keys
// that mean nothing are hashed by nobody.
func checkCopartitioned(p *decl.Processor) (faults []error) {
	var first *decl.Stream
	for _, in := range p.Inputs {
		s := in.Stream
		switch {
		case s.Unkeyed:
		case first == nil:
			first = s
		case s.Partitioner.Name() != first.Partitioner.Name():
			faults = append(faults, fault(in.Site, "processor %s: its inputs are partitioned differently: %s by %s, %s by %s: "+
				"if the topics are written so, move one through an internal stream, else say PartitionBy",
				p.Name, first.Name, first.Partitioner.Name(), s.Name, s.Partitioner.Name()))
		}
	}
	return faults
}

// checkNames looks for topics that would be called the same. Streams of dead letters are missing here: reading them is fine,
// and no table can have their name.
func (t *Topology) checkNames() (faults []error) {
	taken := map[string]string{names.Control(t.name): "the control topic of " + t.name}
	take := func(site decl.Site, topic, what string) {
		if other, ok := taken[topic]; ok && other != what {
			faults = append(faults, fault(site, "%s would have the same topic as %s (%s): rename one", what, other, topic))
		}
		taken[topic] = what
		if err := names.CheckLength(topic); err != nil {
			faults = append(faults, fault(site, "%s: %w: shorten the names", what, err))
		}
	}
	for _, p := range t.processors {
		take(p.Site, names.Journal(t.name, p.Name), "the journal of processor "+p.Name)
		for _, own := range p.Owns {
			take(own.Site, names.Changelog(t.name, p.Name, own.Name, 1), "the changelog of table "+own.Name)
		}
		for _, s := range p.Emits {
			if s.Internal {
				take(s.Site, names.Internal(t.name, p.Name, s.Name, 1), "the internal stream "+s.Name)
			}
		}
	}
	for _, p := range t.processors {
		for _, d := range foreign(p) {
			if d.Topic {
				take(d.Site, d.Name, "the stream "+d.Name) // a table may read the topic of a stream
			}
		}
	}
	for _, u := range t.uses() {
		if !u.stream.Internal {
			take(u.stream.Site, u.stream.Name, "the stream "+u.stream.Name)
		}
	}
	return faults
}
