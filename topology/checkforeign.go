package topology

import (
	"slices"

	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
)

// checkForeign looks at the tables that processors read and do not own: somebody has to own them or they are topics, and
// nobody has them in two ways (S-20, S-22).
func (t *Topology) checkForeign() (faults []error) {
	topics := map[string]*decl.Table{}
	for _, p := range t.processors {
		for _, own := range p.Owns {
			if own.Topic {
				faults = append(faults, fault(p.Site, "processor %s: Owns names table %s, which is a NewTopicTable: others write its topic; "+
					"name it in Reads or ReadsGlobal, or make it a NewTable", p.Name, own.Name))
			}
		}
		faults = append(faults, twice(p)...)
		for _, d := range foreign(p) {
			if !d.Topic {
				faults = append(faults, t.checkOwned(p, d)...)
				continue
			}
			first := topics[d.Name]
			switch {
			case first == d:
				continue
			case first == nil:
				topics[d.Name] = d
				faults = append(faults, t.checkTopic(d)...)
			case first.KeyFormat != d.KeyFormat || first.ValueFormat != d.ValueFormat:
				faults = append(faults, fault(d.Site, "table %s is declared twice with other formats: %s to %s here, %s to %s at %s: share one handle",
					d.Name, d.KeyFormat, d.ValueFormat, first.KeyFormat, first.ValueFormat, first.Site))
			}
		}
		for _, d := range p.Reads {
			faults = append(faults, t.checkReadBy(p, d)...)
		}
	}
	return faults
}

// foreign lists the tables that a processor reads and does not own.
func foreign(p *decl.Processor) []*decl.Table { return slices.Concat(p.Reads, p.Globals) }

// twice finds tables that one processor names in two ways.
func twice(p *decl.Processor) (faults []error) {
	how := map[string]string{}
	for _, own := range p.Owns {
		how[own.Name] = "Owns"
	}
	name := func(d *decl.Table, edge string) {
		switch before := how[d.Name]; before {
		case "":
			how[d.Name] = edge
		case edge:
			faults = append(faults, fault(p.Site, "processor %s: %s names table %s twice", p.Name, edge, d.Name))
		case "Owns":
			faults = append(faults, fault(p.Site, "processor %s: %s names table %s, which it owns: its handlers read it as it is", p.Name, edge, d.Name))
		default:
			faults = append(faults, fault(p.Site, "processor %s: table %s is named in Reads and in ReadsGlobal: a handler would have two answers; choose one", p.Name, d.Name))
		}
	}
	for _, d := range p.Reads {
		name(d, "Reads")
	}
	for _, d := range p.Globals {
		name(d, "ReadsGlobal")
	}
	return faults
}

// checkOwned finds the owner of a table that is read.
func (t *Topology) checkOwned(p *decl.Processor, d *decl.Table) []error {
	owner := t.Owner(d.Name)
	if owner == nil {
		return []error{fault(d.Site, "processor %s reads table %s, which no processor of %s owns: add Owns to one, or, if others write it, make it a NewTopicTable",
			p.Name, d.Name, t.name)}
	}
	for _, own := range owner.Owns {
		if own.Name == d.Name && own != d {
			return []error{fault(d.Site, "table %s is declared twice, first at %s: rename one, or share the handle", d.Name, own.Site)}
		}
	}
	return nil
}

// checkTopic looks at a NewTopicTable by itself and beside the streams and tables that have its name.
func (t *Topology) checkTopic(d *decl.Table) (faults []error) {
	for _, err := range d.Faults {
		faults = append(faults, fault(d.Site, "table %s: %w", d.Name, err))
	}
	if err := names.CheckTopic(d.Name); err != nil {
		faults = append(faults, fault(d.Site, "table: %w", err))
	}
	for _, u := range t.uses() {
		s := u.stream
		if s.Internal || s.Name != d.Name || s.Unkeyed || s.KeyFormat == d.KeyFormat && s.ValueFormat == d.ValueFormat {
			continue
		}
		return append(faults, fault(d.Site, "table %s reads the topic of stream %s (%s) with other formats: %s to %s here, %s to %s there",
			d.Name, s.Name, s.Site, d.KeyFormat, d.ValueFormat, s.KeyFormat, s.ValueFormat))
	}
	return faults
}

// checkReadBy: what is read by partition must be partitioned as the inputs are, and be no input: a record would find itself, or
// what came after it.
func (t *Topology) checkReadBy(p *decl.Processor, d *decl.Table) []error {
	for _, in := range p.Inputs {
		if d.Topic && !in.Stream.Internal && in.Stream.Name == d.Name {
			return []error{fault(p.Site, "processor %s consumes %s and reads it as a table: keep what its records say in a table that the processor owns", p.Name, d.Name)}
		}
	}
	theirs := d.Partitioner
	if owner := t.Owner(d.Name); !d.Topic && owner != nil {
		theirs = Partitioner(owner)
	}
	if theirs == nil || theirs.Name() == Partitioner(p).Name() {
		return nil
	}
	return []error{fault(p.Site, "processor %s is partitioned by %s, and table %s, which it reads, by %s: name the table in ReadsGlobal, or move the input through an internal stream",
		p.Name, Partitioner(p).Name(), d.Name, theirs.Name())}
}
