package processor

import (
	"github.com/millrun/millrun/internal/decl"
)

// Edge is one part of a processor's declaration, made by the functions of this package.
type Edge struct {
	apply func(p *decl.Processor)
	once  string // what a processor takes once; "" for the others
	site  decl.Site
}

// On handles each record of s that has a value; a processor has one On per stream. A returned error, a panic and bytes that
// do not decode go the way of OnError, and the record has then changed nothing. The handler is called by one goroutine at a
// time per partition, and by several for several partitions.
func On[K, V any](s *Stream[K, V], handle func(ctx Context, key K, value V) error) Edge {
	site := decl.UseSite()
	return Edge{site: site, apply: func(p *decl.Processor) {
		if !usable(p, site, "On", s == nil, handle == nil) {
			return
		}
		in := input(p, s.decl, site)
		if in == nil {
			return
		}
		if in.Handle != nil {
			p.Faults = append(p.Faults, errorAt(site, "processor %s has two On of stream %s, the first at %s: merge them", p.Name, s.decl.Name, in.Site))
			return
		}
		in.Stream, in.Site, in.Handle = s.decl, site, eraseHandler(s, handle)
	}}
}

// OnTombstone handles each record of s that has no value; it stands beside an On. Without it such a record is an error.
func OnTombstone[K, V any](s *Stream[K, V], handle func(ctx Context, key K) error) Edge {
	site := decl.UseSite()
	return Edge{site: site, apply: func(p *decl.Processor) {
		if !usable(p, site, "OnTombstone", s == nil, handle == nil) {
			return
		}
		in := input(p, s.decl, site)
		if in == nil {
			return
		}
		if in.Tombstone != nil {
			p.Faults = append(p.Faults, errorAt(site, "processor %s has two OnTombstone of stream %s: merge them", p.Name, s.decl.Name))
			return
		}
		in.Tombstone = eraseTombstone(s, handle)
	}}
}

func usable(p *decl.Processor, site decl.Site, edge string, noStream, noHandler bool) bool {
	if noStream {
		p.Faults = append(p.Faults, errorAt(site, "processor %s: the stream of %s is nil (argument 1)", p.Name, edge))
	}
	if noHandler {
		p.Faults = append(p.Faults, errorAt(site, "processor %s: the handler of %s is nil (argument 2)", p.Name, edge))
	}
	return !noStream && !noHandler
}

// input finds the input of that topic, or adds it. nil: the processor has the topic with other formats, and that is a fault.
func input(p *decl.Processor, s *decl.Stream, site decl.Site) *decl.Input {
	for i := range p.Inputs {
		in := &p.Inputs[i]
		if in.Stream.Name != s.Name || in.Stream.Internal != s.Internal {
			continue
		}
		if first := in.Stream; first.ValueFormat != s.ValueFormat || !first.Unkeyed && !s.Unkeyed && first.KeyFormat != s.KeyFormat {
			p.Faults = append(p.Faults, errorAt(site, "processor %s reads stream %s in two formats: %s to %s here, declared at %s, and %s to %s at %s, declared at %s: share one handle",
				p.Name, s.Name, s.KeyFormat, s.ValueFormat, s.Site, first.KeyFormat, first.ValueFormat, in.Site, first.Site))
			return nil
		}
		return in
	}
	p.Inputs = append(p.Inputs, decl.Input{Stream: s, Site: site})
	return &p.Inputs[len(p.Inputs)-1]
}

// Owns gives tables to the processor; a table has one owner.
func Owns(tables ...AnyTable) Edge {
	return tablesEdge("Owns", tables, func(p *decl.Processor, t *decl.Table) { p.Owns = append(p.Owns, t) })
}

// Reads lets the handlers read tables of other processors of the application, or of a NewTopicTable, in the same partition as
// their record: both must have as many partitions as the inputs, filled by the same partitioner. Each task has a copy of its
// own, loaded before its first record and followed from then on: a past that the owner has committed, never going back, but
// not what it committed a moment ago (S-20). A table that no worker has run yet is empty. A rebuild sees today's entries, so it
// proves nothing (S-29).
func Reads(tables ...AnyTable) Edge {
	return tablesEdge("Reads", tables, func(p *decl.Processor, t *decl.Table) { p.Reads = append(p.Reads, t) })
}

// ReadsGlobal is Reads of every partition, whatever their number: each worker has one copy for all its tasks (S-22). It is for
// small tables that many keys look into. Two tasks may see different moments. A key that stands in several partitions is
// found where the partitioner would put it, else in the lowest of them.
func ReadsGlobal(tables ...AnyTable) Edge {
	return tablesEdge("ReadsGlobal", tables, func(p *decl.Processor, t *decl.Table) { p.Globals = append(p.Globals, t) })
}

// tablesEdge hands the declarations of tables to add, and reports nil ones.
func tablesEdge(name string, tables []AnyTable, add func(*decl.Processor, *decl.Table)) Edge {
	site := decl.UseSite()
	tables = append([]AnyTable(nil), tables...)
	return Edge{site: site, apply: func(p *decl.Processor) {
		for i, t := range tables {
			if t == nil || t.Decl() == nil {
				p.Faults = append(p.Faults, errorAt(site, "processor %s: argument %d of %s is nil", p.Name, i+1, name))
				continue
			}
			add(p, t.Decl())
		}
	}}
}

// Emits lists the streams that the handlers send to. Sending to another one is a fault.
func Emits(streams ...AnyStream) Edge {
	site := decl.UseSite()
	streams = append([]AnyStream(nil), streams...)
	return Edge{site: site, apply: func(p *decl.Processor) {
		for i, s := range streams {
			if s == nil || s.Decl() == nil {
				p.Faults = append(p.Faults, errorAt(site, "processor %s: argument %d of Emits is nil", p.Name, i+1))
				continue
			}
			p.Emits = append(p.Emits, s.Decl())
		}
	}}
}

// Version names the code; the default is "1". Raise it when handlers give other results: the worker then rebuilds the tables
// from offset zero and switches. No machine can see that a handler has changed.
func Version(v string) Edge {
	site := decl.UseSite()
	return Edge{site: site, once: "Version", apply: func(p *decl.Processor) {
		if v == "" {
			p.Faults = append(p.Faults, errorAt(site, "processor %s: Version is empty: leave it out for \"1\"", p.Name))
			return
		}
		p.Version = v
	}}
}

// Start is where a processor begins at its very first start.
type Start = decl.Start

const (
	// Beginning is the first record that the log still has.
	Beginning = decl.Beginning
	// End is behind the last record there is at the first start.
	End = decl.End
)

// StartAt says where the first start begins, when nothing is committed yet; the default is Beginning. It has no meaning ever
// after: where the processor began is remembered, and a rebuild begins there too.
func StartAt(s Start) Edge {
	site := decl.UseSite()
	return Edge{site: site, once: "StartAt", apply: func(p *decl.Processor) {
		if s != Beginning && s != End {
			p.Faults = append(p.Faults, errorAt(site, "processor %s: StartAt(%d): want Beginning or End", p.Name, s))
			return
		}
		p.StartAt = s
	}}
}
