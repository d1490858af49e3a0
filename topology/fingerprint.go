package topology

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/names"
)

// Fingerprint is what a processor's state depends on, as far as declarations tell: inputs in their order, internal streams,
// tables, and the formats of all. It is text of one line for each, kept in the control topic with the edition it describes.
// What handlers do is not in it; that is what Version is for. Tables that are read and not owned are not in it either: their
// owner may give them another format under a Version of its own, which must not refuse its readers, and what a reader made of
// them is outside the proof anyway (S-29).
//
// The text of a declaration never changes: another one would refuse every program that runs. What declarations learn to say
// later is written at the end of a line, and only where a declaration says it. docs/format/fingerprint.md has the rules.
type Fingerprint string

// FingerprintOf is for the runtime.
func FingerprintOf(p *decl.Processor) Fingerprint {
	var lines []string
	for i, in := range p.Inputs {
		lines = append(lines, fmt.Sprintf("input %s: number %d, %s", in.Stream.Name, i+1, streamPrint(in.Stream)))
	}
	var rest []string
	for _, s := range p.Emits {
		if s.Internal {
			rest = append(rest, fmt.Sprintf("internal stream %s: %s", s.Name, streamPrint(s)))
		}
	}
	for _, t := range p.Owns {
		rest = append(rest, fmt.Sprintf("table %s: key %s, value %s", t.Name, word(t.KeyFormat), word(t.ValueFormat)))
	}
	sort.Strings(rest) // the order in which tables are listed means nothing
	return Fingerprint(strings.Join(append(lines, rest...), "\n"))
}

func streamPrint(s *decl.Stream) string {
	by := "partitioned by " + word(s.Partitioner.Name())
	if s.Unkeyed {
		by = "any partition"
	}
	at := "record time"
	if s.EventTime != nil {
		at = "event time"
	}
	return fmt.Sprintf("key %s, value %s, %s, %s", word(s.KeyFormat), word(s.ValueFormat), by, at)
}

// word gives a name that a program made up, quoted where it could be taken for more than one word of the text, or would not
// come back from the control topic's JSON as it was.
func word(name string) string {
	if quoted := strconv.Quote(name); strings.ContainsAny(name, ",:") || quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// Topics is for the runtime: the topics that belong to an edition of this fingerprint alone, which are the changelogs of its
// tables, its internal streams, and the dead letters of its build. A program of another version finds them too.
func (f Fingerprint) Topics(app, processor string, edition int) (topics []string) {
	for _, p := range f.parts() {
		if table, ok := strings.CutPrefix(p.name, "table "); ok {
			topics = append(topics, names.Changelog(app, processor, table, edition))
		} else if stream, ok := strings.CutPrefix(p.name, "internal stream "); ok {
			topics = append(topics, names.Internal(app, processor, stream, edition))
		}
	}
	return append(topics, names.DeadLettersOf(app, processor, edition))
}

// Difference says in sentences how now differs from f, what the older program declared; none if and only if they are equal.
// It understands no attribute: whatever is written in one text and not in the other counts, of newer programs too.
func (f Fingerprint) Difference(now Fingerprint) (sentences []string) {
	older, newer := f.parts(), now.parts()
	for _, was := range older {
		is, ok := find(newer, was.name)
		switch {
		case !ok:
			sentences = append(sentences, was.name+" is gone")
		case is.print != was.print:
			sentences = append(sentences, fmt.Sprintf("%s was (%s), is (%s)", was.name, was.print, is.print))
		}
	}
	for _, is := range newer {
		if _, ok := find(older, is.name); !ok {
			sentences = append(sentences, is.name+" is new")
		}
	}
	if len(sentences) == 0 && f != now { // the same lines in another order or number: no program writes that
		sentences = append(sentences, fmt.Sprintf("the fingerprint was %q, is %q", string(f), string(now)))
	}
	return sentences
}

// part is a line: what it is about, and what it says of that. A line of another form is all name.
type part struct{ name, print string }

func (f Fingerprint) parts() (parts []part) {
	for line := range strings.SplitSeq(string(f), "\n") {
		if name, print, ok := strings.Cut(line, ": "); ok {
			parts = append(parts, part{name, print})
		} else if line != "" {
			parts = append(parts, part{name: strconv.Quote(line)})
		}
	}
	return parts
}

func find(parts []part, name string) (part, bool) {
	for _, p := range parts {
		if p.name == name {
			return p, true
		}
	}
	return part{}, false
}
