package processor_test

import (
	"errors"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/decl"
	"github.com/millrun/millrun/internal/decl/decltest"
	"github.com/millrun/millrun/processor"
)

// task runs the handlers of one processor over decltest.Ops, as the runtime would.
type task struct {
	t   *testing.T
	p   *decl.Processor
	run *decl.Run
	ops *decltest.Ops
	at  decl.Meta
}

func newTask(t *testing.T, p *processor.Processor) *task {
	t.Helper()
	d := p.Decl()
	if len(d.Faults) > 0 {
		t.Fatal(errors.Join(d.Faults...))
	}
	ops := decltest.New(d)
	return &task{t: t, p: d, run: ops.Run, ops: ops, at: decl.Meta{
		Timestamp: 1000, StreamTime: 2000, Partition: &commitlog.Partition{Topic: "in", Index: 3}, Offset: 7,
	}}
}

// handle gives a record to the first input and returns what became of it: the fault comes before the handler's error.
func (k *task) handle(key, value []byte) error {
	k.run.Begin(k.at)
	err := k.p.Inputs[0].Process(k.run, key, value)
	if fault := k.run.End(); fault != nil {
		return fault
	}
	return err
}

func permanent(err error) bool {
	var p *decl.PermanentError
	return errors.As(err, &p)
}
