// Package control is the format and the fold of an application's control topic: the event log of its editions.
//
// The topic has one partition, is not compacted and is kept for ever. Anyone may write to it: each event names the state
// version it expects, the fold ignores events that come too late, and so the first valid one wins and every reader, early
// or late, arrives at the same State (S-34). The value of a record is JSON with the format version of its kind in "v"; its key is
// the processor's name, for the reader with a tool. docs/format/control.md lists the fields.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Kind is the kind of an Event.
type Kind string

// The kinds, in the order of a rebuild. Created makes the first edition, which serves at once. Rebuild starts to build the
// next one. Switch asks the serving edition to stop. Held says that a task of the serving edition takes no more from its
// public inputs, Stopped that it has stopped altogether, Ready that a task of the next edition stands where the other one
// stopped. Serving makes the next edition the serving one. Cancel ends a build, Dropped says that an edition's topics are gone.
const (
	Created Kind = "created"
	Rebuild Kind = "rebuild"
	Switch  Kind = "switch"
	Held    Kind = "held"
	Stopped Kind = "stopped"
	Ready   Kind = "ready"
	Serving Kind = "serving"
	Cancel  Kind = "cancel"
	Dropped Kind = "dropped"
)

// Event is one record of the control topic.
type Event struct {
	V         int    `json:"v"` // of its kind; Append sets it
	Kind      Kind   `json:"kind"`
	Processor string `json:"processor"`
	Expects   int64  `json:"expects"` // the Version of the processor's state that this event was written for
	Edition   int    `json:"edition"` // Held and Stopped: the serving one; else the one that is made, built, switched to, ended
	Time      int64  `json:"time"`    // ms, for people

	// Of Created and Rebuild.
	Code        string             `json:"code,omitempty"`        // processor.Version
	Fingerprint string             `json:"fingerprint,omitempty"` // of the declaration (S-32)
	Partitions  int32              `json:"partitions,omitempty"`  // tasks
	Base        map[string][]int64 `json:"base,omitempty"`        // first offset per public input stream and partition
	Topics      map[string]string  `json:"topics,omitempty"`      // id of each public input, in hex: a topic made anew is another one
	From        int                `json:"from,omitempty"`        // Rebuild: the serving edition it starts from
	Frozen      bool               `json:"frozen,omitempty"`      // Rebuild: nobody runs the serving edition's code any more (S-33)
	ByHand      bool               `json:"by_hand,omitempty"`     // Rebuild: wait for a Serving event from outside
	Keep        bool               `json:"keep,omitempty"`        // Rebuild: serve even when the tables differ

	// Of Held, Stopped and Ready.
	Partition int32            `json:"partition,omitempty"`
	Next      map[string]int64 `json:"next,omitempty"`    // Held, Stopped: position per public input stream
	Records   int64            `json:"records,omitempty"` // Ready: records read for the build
	Fenced    int64            `json:"fenced,omitempty"`  // Ready: emits held back
	Entries   int64            `json:"entries,omitempty"` // Ready: table entries compared
	Differ    []Difference     `json:"differ,omitempty"`  // Ready: the first keys that differ
	DifferN   int64            `json:"differ_n,omitempty"`

	Reason string `json:"reason,omitempty"` // Rebuild, Cancel
}

// Difference is one key whose values differ between two editions. Nil: absent there.
type Difference struct {
	Table string `json:"table"`
	Key   []byte `json:"key"`
	Old   []byte `json:"old"`
	New   []byte `json:"new"`
}

// String names the key and its table, for people: at most 64 bytes of the key.
func (d Difference) String() string {
	key, more := d.Key, ""
	if len(key) > 64 {
		key, more = key[:64], "..."
	}
	return fmt.Sprintf("%q%s of table %s", key, more, d.Table)
}

// version is the format version in which this program writes a kind, and the highest in which it reads it; 0 for a kind that it
// does not know. Each kind counts by itself: a field that readers must not pass over raises the version of the kind that has
// it, and whoever never meets that kind goes on. A field that means nothing to a reader which does not know it raises nothing.
func (k Kind) version() int {
	switch k {
	case Created, Rebuild, Switch, Held, Stopped, Ready, Serving, Cancel, Dropped:
		return 1
	}
	return 0
}

// ErrVersion says that a newer program wrote a record, of a kind or in a version that this one does not know: a reader must
// stop, not guess, for others fold the record and come to another state (S-34).
var ErrVersion = errors.New("control: a newer program wrote this record")

// Append appends the value of an event's record.
func Append(dst []byte, e Event) []byte {
	if e.V = e.Kind.version(); e.V == 0 {
		panic(fmt.Sprintf("control: no kind of event: %q", e.Kind))
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("control: %v", err)) // an Event has no field that can fail
	}
	return append(dst, b...)
}

// Parse reads one value. The error wraps ErrVersion if the record is of a kind or a version that this program does not know.
func Parse(value []byte) (Event, error) {
	var head struct { // first and alone: another version may give the other fields other types
		V         int    `json:"v"`
		Kind      Kind   `json:"kind"`
		Processor string `json:"processor"`
	}
	if err := json.Unmarshal(value, &head); err != nil {
		return Event{}, fmt.Errorf("control: record: %w", err)
	}
	if head.V < 1 || head.Processor == "" || head.Kind == "" {
		return Event{}, errors.New("control: record without version, processor or kind")
	}
	switch known := head.Kind.version(); {
	case known == 0:
		return Event{}, fmt.Errorf("%w: its kind is %q, which this program does not know", ErrVersion, head.Kind)
	case head.V > known:
		return Event{}, fmt.Errorf("%w: %q has version %d, this program reads up to %d", ErrVersion, head.Kind, head.V, known)
	}
	var e Event
	if err := json.Unmarshal(value, &e); err != nil {
		return e, fmt.Errorf("control: record: %w", err)
	}
	return e, nil
}
