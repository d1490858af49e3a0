package worker

import "github.com/millrun/millrun/internal/journal"

// recorder notes the order in which a task takes from several public inputs, and what it decides (S-24, S-26).
type recorder struct {
	several   bool // more than one public input
	last      *input
	entry     journal.Order
	index     map[*input]int
	recording bool
}

// begin starts an entry at the inputs' present positions. Internal inputs are not part of it.
func (o *recorder) begin(inputs []*input) {
	o.entry = journal.Order{}
	o.last = nil
	o.index = map[*input]int{}
	for _, in := range inputs {
		if in.stream.Internal {
			continue
		}
		o.index[in] = len(o.entry.Names)
		o.entry.Names = append(o.entry.Names, in.stream.Name)
		o.entry.From = append(o.entry.From, in.next)
	}
	o.several = len(o.entry.Names) > 1
	o.recording = true
}

// took notes that in was taken up to in.next.
func (o *recorder) took(in *input) {
	if !o.several || !o.recording || in.stream.Internal {
		return
	}
	if o.last == in {
		o.entry.Runs[len(o.entry.Runs)-1].UpTo = in.next
		return
	}
	o.last = in
	o.entry.Runs = append(o.entry.Runs, journal.Run{Input: o.index[in], UpTo: in.next})
}

// decided notes that a record was not handled in the normal way.
func (o *recorder) decided(in *input, offset int64, kind journal.Kind, reason string) {
	if !o.recording || in.stream.Internal {
		return
	}
	o.entry.Decisions = append(o.entry.Decisions,
		journal.Decision{Input: o.index[in], Offset: offset, Kind: kind, Reason: cut(reason, 1024)})
}

// take ends the entry; nil when there is nothing to say. The next one begins where it ends.
func (o *recorder) take(inputs []*input, number int64) *journal.Order {
	if !o.recording || len(o.entry.Runs) == 0 && len(o.entry.Decisions) == 0 {
		return nil
	}
	e := o.entry
	e.Number = number
	o.begin(inputs)
	return &e
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
