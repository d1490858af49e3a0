package topology

import (
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
)

// use is a stream in its place in a processor.
type use struct {
	processor *decl.Processor
	stream    *decl.Stream
	emitted   bool
}

func (t *Topology) uses() (uses []use) {
	for _, p := range t.processors {
		for _, in := range p.Inputs {
			uses = append(uses, use{p, in.Stream, false})
		}
		for _, s := range p.Emits {
			uses = append(uses, use{p, s, true})
		}
	}
	return uses
}

// checkStreams looks at each handle once, and at each topic's handles together.
func (t *Topology) checkStreams() (faults []error) {
	seen := map[*decl.Stream]bool{}
	topics := map[string][]*decl.Stream{}
	for _, u := range t.uses() {
		s := u.stream
		if seen[s] {
			continue
		}
		seen[s] = true
		for _, err := range s.Faults {
			faults = append(faults, fault(s.Site, "stream %s: %w", s.Name, err))
		}
		check := names.CheckTopic
		if s.Internal {
			check = names.Check
		}
		if err := check(s.Name); err != nil {
			faults = append(faults, fault(s.Site, "stream: %w", err))
		}
		for _, other := range topics[s.Name] {
			faults = append(faults, disagree(other, s)...)
		}
		topics[s.Name] = append(topics[s.Name], s)
	}
	return faults
}

// disagree says where two handles of one topic differ in what its bytes mean. A handle without keys beside one with keys is
// no difference: it only looks away.
func disagree(a, b *decl.Stream) (faults []error) {
	differ := func(what, of, with string) {
		faults = append(faults, fault(b.Site, "stream %s is declared twice with another %s: %s here, %s at %s: share one handle",
			b.Name, what, with, of, a.Site))
	}
	if a.Internal != b.Internal {
		kind := map[bool]string{true: "internal", false: "public"}
		differ("kind", kind[a.Internal], kind[b.Internal])
		return faults
	}
	if a.ValueFormat != b.ValueFormat {
		differ("value format", a.ValueFormat, b.ValueFormat)
	}
	if a.Unkeyed || b.Unkeyed {
		return faults
	}
	if a.KeyFormat != b.KeyFormat {
		differ("key format", a.KeyFormat, b.KeyFormat)
	}
	if a.Partitioner.Name() != b.Partitioner.Name() {
		differ("partitioner", a.Partitioner.Name(), b.Partitioner.Name())
	}
	return faults
}

// checkInternal: an internal stream has one emitter, which also consumes it.
func (t *Topology) checkInternal() (faults []error) {
	emitter := map[string]*decl.Processor{}
	consumed := map[string]bool{}
	for _, u := range t.uses() {
		if !u.stream.Internal || !u.emitted {
			continue
		}
		if first := emitter[u.stream.Name]; first != nil && first != u.processor {
			faults = append(faults, fault(u.processor.Site, "internal stream %s is emitted by two processors, %s and %s: give each its own",
				u.stream.Name, first.Name, u.processor.Name))
			continue
		}
		emitter[u.stream.Name] = u.processor
	}
	for _, u := range t.uses() {
		if !u.stream.Internal || u.emitted {
			continue
		}
		consumed[u.stream.Name] = true
		switch by := emitter[u.stream.Name]; {
		case by == nil:
			faults = append(faults, fault(u.processor.Site, "processor %s consumes internal stream %s, which nobody emits: add Emits",
				u.processor.Name, u.stream.Name))
		case by != u.processor:
			faults = append(faults, fault(u.processor.Site, "processor %s consumes internal stream %s of processor %s: "+
				"handle it there, or make it a NewStream", u.processor.Name, u.stream.Name, by.Name))
		}
	}
	for _, u := range t.uses() {
		if u.stream.Internal && u.emitted && !consumed[u.stream.Name] {
			faults = append(faults, fault(u.processor.Site, "processor %s emits internal stream %s, which nobody consumes: add On, or make it a NewStream",
				u.processor.Name, u.stream.Name))
		}
	}
	return faults
}
