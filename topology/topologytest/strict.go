package topologytest

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/topology"
)

// strict looks at handlers while the story runs, and runs each of them a second time when it is over. The package comment says
// what it looks for; this is how, and why so.
//
// The plain way to find out whether a handler is a function of its record is to run it twice in a row. That breaks stories
// whose handlers count their calls or ask a stand-in for the outside: the story would see each call doubled. Playing the whole
// story a second time would not, but what several tasks send to one internal stream comes in another order each time, so
// honest programs would differ, and a difference in a table says nothing about which record began it.
//
// So the first run of each record is written down, what it read and what it did, and at the end of the story, when all its
// checks are made and worker and log are gone, each record is handled once more by its handler, with the reads answered from
// what is written down (again.go). By then the machine's clock has moved on, and Go gives maps another order. What a handler
// reads and does is compared record by record, whatever went on beside it.
type strict struct {
	mu struct {
		sync.Mutex
		faults []string // not told yet, in order
		found  map[string]bool
		traces []*trace
		bytes  int64 // of traces
	}
}

// traceBytes bounds what is written down of a story. Records beyond it are not run a second time.
const traceBytes = 64 << 20

// around gives the seam of a worker that runs app. It is called by its tasks, each on a goroutine of its own.
func (s *strict) around(app *topology.Topology) func(*decl.Run, *decl.Input, []byte, []byte) error {
	return func(run *decl.Run, in *decl.Input, key, value []byte) error {
		ops := run.Ops
		t := newTrace(run, in, key, value)
		c := &checker{strict: s, trace: t, owns: app.Processor(run.Processor).Owns}
		run.Ops, run.Checker = &recorder{ops, t}, c
		defer func() { run.Ops, run.Checker = ops, nil }()
		err := in.Process(run, key, value)
		if err == nil && run.Faulted() == nil { // of an attempt that fails nothing remains
			c.changed()
			s.keep(t)
		}
		return err
	}
}

func (s *strict) keep(t *trace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.bytes < traceBytes {
		s.mu.bytes += t.bytes
		s.mu.traces = append(s.mu.traces, t)
	}
}

// fault notes what is wrong with a handler. What is said of one place is said once: kind tells such faults apart.
func (s *strict) fault(kind, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.found[kind] {
		return
	}
	if s.mu.found == nil {
		s.mu.found = map[string]bool{}
	}
	s.mu.found[kind] = true
	s.mu.faults = append(s.mu.faults, fmt.Sprintf(format, args...))
}

// untold gives the faults that it has not given before.
func (s *strict) untold() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.mu.faults
	s.mu.faults = nil
	return list
}

// tell fails the test, on the line of the step, for what strict has found.
func (h *Harness) tell() {
	h.t.Helper()
	for _, f := range h.strict.untold() {
		h.t.Errorf("topologytest: %s", f)
	}
}

// checker is what one call of a handler tells beside its bytes.
type checker struct {
	strict *strict
	trace  *trace
	owns   []*decl.Table
	reads  []read
}

// read is a value that a handler was given.
type read struct {
	entry  entry
	site   decl.Site // of Get, or of the loop
	was    []byte
	encode func() ([]byte, error)
}

// readsWatched bounds what is watched of one call: a handler may run over all of a table.
const readsWatched = 1000

// Encoded implements decl.Checker.
func (c *checker) Encoded(what func() string, data []byte, again func() ([]byte, error)) {
	second, err := again()
	if err == nil && string(second) == string(data) {
		return
	}
	shown := decl.ShowKey(second)
	if err != nil {
		shown = err.Error()
	}
	site := decl.UseSite()
	c.strict.fault("encode"+what()+string(site), "%s encodes %s (%s) to other bytes the second time: first %s, then %s: a codec gives one value the same bytes always, so it sorts the keys of maps",
		c.trace.handler(), what(), site, decl.ShowKey(data), shown)
}

// Read implements decl.Checker.
func (c *checker) Read(t *decl.Table, key []byte, encode func() ([]byte, error)) {
	own := slices.ContainsFunc(c.owns, func(d *decl.Table) bool { return d.Name == t.Name && d.Topic == t.Topic })
	if !own || len(c.reads) == readsWatched {
		return
	}
	if was, err := encode(); err == nil {
		c.reads = append(c.reads, read{entryOf(t, key), decl.UseSite(), was, encode})
	}
}

// changed looks for values that the handler changed in place and did not put.
func (c *checker) changed() {
	for _, r := range c.reads {
		if _, written := c.trace.did.writes[r.entry]; written {
			continue
		}
		if is, err := r.encode(); err != nil || string(is) != string(r.was) {
			c.strict.fault("changed"+r.entry.table+string(r.site), "%s changed the value of table %s, key %s, which it had read (%s), and did not Put it: the table keeps what Put gives it, so Put the value, or change a copy",
				c.trace.handler(), r.entry.table, decl.ShowKey([]byte(r.entry.key)), r.site)
		}
	}
}

// handler names a handler and where it was declared.
func (t *trace) handler() string {
	var b strings.Builder
	fmt.Fprintf(&b, "handler of processor %s on stream %s", t.processor, t.in.Stream.Name)
	if t.in.Site != "" {
		fmt.Fprintf(&b, " (%s)", t.in.Site)
	}
	return b.String()
}
