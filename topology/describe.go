package topology

import (
	"fmt"
	"strings"

	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
)

// Format is how Describe writes.
type Format int8

const (
	// Text is for people: one block per processor, in the order of declaration.
	Text Format = iota
	// Mermaid is a flow chart that Markdown viewers draw: streams, processors and tables; internal streams are dotted.
	Mermaid
	// DOT is the same for Graphviz.
	DOT
)

// Describe shows the plan: processors, inputs, tables and outputs, the names derived from them, and what a rebuild of each
// processor proves. The same program gives the same text. In derived names <N> stands for the number of the edition.
// Drawings show streams, processors and tables alone, each with the topic derived from it or, a processor, its proof class.
func (t *Topology) Describe(f Format) string {
	switch f {
	case Mermaid:
		return t.graph().mermaid()
	case DOT:
		return t.graph().dot(t.name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "application %s\n", t.name)
	line(&b, "control", names.Control(t.name))
	for _, p := range t.processors {
		b.WriteByte('\n')
		t.describe(&b, p)
	}
	return b.String()
}

func (t *Topology) describe(b *strings.Builder, p *decl.Processor) {
	fmt.Fprintf(b, "processor %s, version %s\n", p.Name, p.Version)
	for _, in := range p.Inputs {
		line(b, "consumes", t.streamLine(p, in.Stream)+tombstones(in))
	}
	for _, own := range p.Owns {
		line(b, "owns", fmt.Sprintf("%s: %s to %s, changelog %s", own.Name, own.KeyFormat, own.ValueFormat,
			number(names.Changelog(t.name, p.Name, own.Name, 1))))
	}
	for _, d := range p.Reads {
		line(b, "reads", t.foreignLine(d)+", the same partition, a copy in each task")
	}
	for _, d := range p.Globals {
		line(b, "reads", t.foreignLine(d)+", every partition, a copy on each worker")
	}
	for _, s := range p.Emits {
		line(b, "emits", t.streamLine(p, s))
	}
	line(b, "starts at", p.StartAt.String())
	line(b, "on error", policy(p.OnError))
	line(b, "group", number(names.Group(t.name, p.Name, 1)))
	line(b, "journal", names.Journal(t.name, p.Name))
	if p.OnError.Then == decl.DeadLetter {
		line(b, "letters", names.DeadLetters(t.name, p.Name)+", of a build "+number(names.DeadLettersOf(t.name, p.Name, 1)))
	}
	line(b, "proof", fmt.Sprintf("%s: %s", ProofOf(p), ProofOf(p).Says()))
}

func line(b *strings.Builder, what, text string) { fmt.Fprintf(b, "  %-10s %s\n", what, text) }

func (t *Topology) streamLine(p *decl.Processor, s *decl.Stream) string {
	text := fmt.Sprintf("%s: %s to %s", s.Name, s.KeyFormat, s.ValueFormat)
	if !s.Unkeyed {
		text += ", by " + s.Partitioner.Name()
	}
	if s.EventTime != nil {
		text += ", event time from the value"
	}
	if s.Foreign {
		text += ", foreign partitions allowed"
	}
	if s.Internal {
		text += ", internal topic " + number(names.Internal(t.name, p.Name, s.Name, 1))
	}
	return text
}

// foreignLine says where the entries of a table come from that is read and not owned.
func (t *Topology) foreignLine(d *decl.Table) string {
	from := "of topic " + d.Name
	if owner := t.Owner(d.Name); !d.Topic && owner != nil {
		from = "of processor " + owner.Name
	}
	return fmt.Sprintf("%s: %s to %s, %s", d.Name, d.KeyFormat, d.ValueFormat, from)
}

func tombstones(in decl.Input) string {
	if in.Tombstone != nil {
		return ", and its tombstones"
	}
	return ""
}

// number puts <N> for the edition, which only the log knows.
func number(derived string) string { return strings.TrimSuffix(derived, names.Edition(1)) + "e<N>" }

func policy(e decl.ErrorPolicy) string {
	if e.Retries == 0 {
		return e.Then.String()
	}
	times := "retries"
	if e.Retries == 1 {
		times = "retry"
	}
	return fmt.Sprintf("%d %s after %v to %v, then %s", e.Retries, times, e.Backoff, e.MaxBackoff, e.Then)
}
