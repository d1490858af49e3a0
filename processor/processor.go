package processor

import (
	"github.com/millrun/millrun/internal/decl"
)

// Processor is a named set of handlers over inputs that are partitioned alike, with its tables and outputs. It runs as one
// consumer group; a task is one processor on one partition. It is immutable, and may be part of several topologies.
type Processor struct{ decl *decl.Processor }

// New declares a processor. It never fails: topology.New reports the faults of all parts at once.
func New(name string, edges ...Edge) *Processor {
	p := &decl.Processor{Name: name, Version: "1", OnError: ErrorPolicy{}.decl(), Site: decl.UseSite()}
	given := edgesGiven{}
	for i, e := range edges {
		if e.apply == nil {
			p.Faults = append(p.Faults, errorAt(p.Site, "processor %s: argument %d of processor.New is no edge: make it with On, Owns and so on", name, i+2))
			continue
		}
		if e.once != "" && given.twice(e) {
			p.Faults = append(p.Faults, errorAt(e.site, "processor %s: %s is given twice, first at %s", name, e.once, given[e.once]))
			continue
		}
		e.apply(p)
	}
	return &Processor{p}
}

// Name is the name that the processor was declared with.
func (p *Processor) Name() string {
	if d := p.Decl(); d != nil {
		return d.Name
	}
	return ""
}

// Decl is for the runtime: nil if p was not made by New.
func (p *Processor) Decl() *decl.Processor {
	if p == nil {
		return nil
	}
	return p.decl
}

// edgesGiven remembers where the edges stand that a processor takes once.
type edgesGiven map[string]decl.Site

func (g edgesGiven) twice(e Edge) bool {
	if _, ok := g[e.once]; ok {
		return true
	}
	g[e.once] = e.site
	return false
}
