package topology

import (
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/processor"
)

// Topology is the processors of one application, found to fit together.
type Topology struct {
	name       string
	processors []*decl.Processor
}

// New checks the processors of an application. Its error is a *Faults with all that is wrong. The application's name is part
// of every derived name: its groups, topics and directories are found again by it.
func New(app string, processors ...*processor.Processor) (*Topology, error) {
	t := &Topology{name: app}
	var faults []error
	for i, p := range processors {
		switch d := p.Decl(); {
		case d != nil:
			t.processors = append(t.processors, d)
		case p == nil:
			faults = append(faults, fault(decl.UseSite(), "%s: argument %d of topology.New is nil", called("application", app), i+2))
		default:
			faults = append(faults, fault(decl.UseSite(), "%s: argument %d of topology.New was not made by processor.New", called("application", app), i+2))
		}
	}
	if len(processors) == 0 {
		faults = append(faults, fault(decl.UseSite(), "%s has no processor", called("application", app)))
	}
	if faults = append(faults, t.check()...); len(faults) > 0 {
		return nil, &Faults{App: app, List: faults}
	}
	return t, nil
}

// MustNew is New for package variables: it panics with the faults.
func MustNew(app string, processors ...*processor.Processor) *Topology {
	t, err := New(app, processors...)
	if err != nil {
		panic(err)
	}
	return t
}

// Name is the application's name.
func (t *Topology) Name() string { return t.name }

// Processors is for the runtime: the declarations, in the order they were given. Not to be changed.
func (t *Topology) Processors() []*decl.Processor { return t.processors }

// Processor is for the runtime: the processor of that name, nil if there is none.
func (t *Topology) Processor(name string) *decl.Processor {
	for _, p := range t.processors {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Owner is for the runtime: the processor that owns the table of that name, nil if none does.
func (t *Topology) Owner(table string) *decl.Processor {
	for _, p := range t.processors {
		for _, own := range p.Owns {
			if own.Name == table && !own.Topic {
				return p
			}
		}
	}
	return nil
}

// Emitter is for the runtime: the processor that an internal stream belongs to, nil if there is none.
func (t *Topology) Emitter(internal string) *decl.Processor {
	for _, p := range t.processors {
		for _, s := range p.Emits {
			if s.Internal && s.Name == internal {
				return p
			}
		}
	}
	return nil
}

// Partitioner is for the runtime: how the keys of a processor's tables are hashed, which is how those of its inputs are; of a
// processor whose inputs are all without keys: Murmur2.
func Partitioner(p *decl.Processor) processor.Partitioner {
	for _, in := range p.Inputs {
		if !in.Stream.Unkeyed {
			return in.Stream.Partitioner
		}
	}
	return processor.Murmur2
}
