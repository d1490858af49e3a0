// Package journal is the format and the fold of a processor's journal topic.
//
// The journal is one compacted topic per processor with one partition per task, written in the same transaction as the
// task's other effects and never read by users. Its keys are
//
//	p/<edition>  the task's latest Position in that edition
//	o/<number>   an Order entry: which inputs were taken, in which order, and what was decided about records (S-24, S-26)
//	s/<edition>  Parked: the task stands at a record and why (S-59); a tombstone when it goes on
//
// Numbers in keys are zero-padded decimals, so that keys sort by number in any tool. Values begin with a version byte; an
// unknown one is an error that says so. The page docs/format/journal.md shows the bytes.
package journal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrun/millrun/commitlog"
)

// Position is where a task of one edition stands after a commit.
type Position struct {
	Commit     int64 // commits of this task in this edition, the first is 1
	StreamTime int64 // ms; the highest event time handled, -1 before the first
	Orders     int64 // the number that the next order entry gets; a serving edition carries its predecessor's on
	Inputs     []Input
	Copies     []Copy // of tables of others; none where the processor reads none
}

// Input is the next offset of one input. Stream is the declared name, which for an internal stream is not the topic's.
type Input struct {
	Stream string
	Next   int64
}

// Copy is how far the task had read a table of others (S-20): no later owner of the task may begin with less. Topic is the id of
// the topic that the entries came from; another one is another table.
type Copy struct {
	Table string
	Topic [16]byte
	Next  int64
}

// Next returns the next offset of a stream, -1 if the position does not have it.
func (p *Position) Next(stream string) int64 {
	for _, in := range p.Inputs {
		if in.Stream == stream {
			return in.Next
		}
	}
	return -1
}

// Order is what one commit says about the sequence of its inputs. Names holds the inputs that runs and decisions refer to;
// From is the next offset of each when the commit began.
type Order struct {
	Number    int64
	Names     []string
	From      []int64
	Runs      []Run
	Decisions []Decision
}

// Run says that the input Names[Input] was taken up to, and not including, offset UpTo.
type Run struct {
	Input int
	UpTo  int64
}

// Decision says that the record at Offset of Names[Input] was not handled in the normal way, and why.
type Decision struct {
	Input  int
	Offset int64
	Kind   Kind
	Reason string
}

// Kind is the kind of a Decision.
type Kind byte

// DeadLettered went to the dead-letter topic, Skipped was counted and logged.
const (
	DeadLettered Kind = 1
	Skipped      Kind = 2
)

func (k Kind) String() string {
	switch k {
	case DeadLettered:
		return "dead-lettered"
	case Skipped:
		return "skipped"
	default: // never parsed; a mistake of ours
		return "decision " + strconv.Itoa(int(k))
	}
}

// Parked says where a task stands still and why.
type Parked struct {
	Stream string
	Record commitlog.Position
	Time   int64 // ms, when it stopped
	Reason string
}

// Entry is one record of the journal, decoded: exactly one of Position, Order and Parked is set, or Resumed is true.
type Entry struct {
	Edition  int // of a Position or Parked
	Position *Position
	Order    *Order
	Parked   *Parked
	Resumed  bool // the tombstone of a Parked
}

// ErrVersion says that a record was written by a newer program: it has a version, or a kind of decision, that this one does not
// know.
var ErrVersion = errors.New("journal: a newer program wrote this record")

// PositionKey is the key of an edition's position.
func PositionKey(edition int) []byte { return fmt.Appendf(nil, "p/%06d", edition) }

// OrderKey is the key of an order entry.
func OrderKey(number int64) []byte { return fmt.Appendf(nil, "o/%018d", number) }

// ParkedKey is the key of an edition's Parked record.
func ParkedKey(edition int) []byte { return fmt.Appendf(nil, "s/%06d", edition) }

// Parse decodes one record.
func Parse(key, value []byte) (Entry, error) {
	kind, rest, ok := strings.Cut(string(key), "/")
	number, err := strconv.ParseInt(rest, 10, 64)
	if !ok || err != nil || number < 0 {
		return Entry{}, fmt.Errorf("journal: key %q: want p/, o/ or s/ and a number", key)
	}
	switch kind {
	case "p":
		p, err := ParsePosition(value)
		return Entry{Edition: int(number), Position: &p}, err
	case "o":
		o, err := parseOrder(number, value)
		return Entry{Order: &o}, err
	case "s":
		if value == nil {
			return Entry{Edition: int(number), Resumed: true}, nil
		}
		s, err := parseParked(value)
		return Entry{Edition: int(number), Parked: &s}, err
	}
	return Entry{}, fmt.Errorf("journal: key %q: want p/, o/ or s/ and a number", key)
}
