package worker

import (
	"github.com/millrun/millrun/internal/decl"
)

// reads finds a table of others that the task reads by partition. Handles may be copies of the declared one.
func (t *task) reads(d *decl.Table) *foreign {
	for _, f := range t.foreign {
		if f.decl == d || f.decl.Name == d.Name && f.decl.Topic == d.Topic {
			return f
		}
	}
	return nil
}

// getForeign is Get of a table that is not the processor's own.
func (t *task) getForeign(d *decl.Table, key []byte) ([]byte, bool) {
	if t.run.Faulted() != nil {
		return nil, false
	}
	var value []byte
	var ok bool
	var err error
	if f := t.reads(d); f != nil {
		if !t.mine(d, key) || f.copy == nil && f.failed == nil {
			return nil, false
		}
		if err = f.failed; err == nil {
			value, ok, err = f.copy.get(0, key)
		}
	} else if g := t.global(d); g != nil {
		value, ok, err = g.get(key)
	} else {
		t.undeclared(d)
		return nil, false
	}
	if err != nil {
		t.run.Fault(&stopError{err})
		return nil, false
	}
	return value, ok
}

// scanForeign is Scan of a table that is not the processor's own.
func (t *task) scanForeign(d *decl.Table, from, to []byte, yield func(key, value []byte) bool) {
	if t.run.Faulted() != nil {
		return
	}
	var err error
	if f := t.reads(d); f != nil {
		if err = f.failed; err == nil && f.copy != nil {
			err = f.copy.scanOne(from, to, yield)
		}
	} else if g := t.global(d); g != nil {
		err = g.scan(from, to, yield)
	} else {
		t.undeclared(d)
	}
	if err != nil {
		t.run.Fault(&stopError{err})
	}
}

// notOurs is the fault of writing to a table that others write.
func (t *task) notOurs(d *decl.Table, call string) {
	if t.reads(d) == nil && t.global(d) == nil {
		t.undeclared(d)
		return
	}
	owner := "others write its topic"
	if p := t.ed.unit.worker.app.Owner(d.Name); !d.Topic && p != nil {
		owner = "processor " + p.Name + " owns it"
	}
	t.run.Fault(decl.Permanentf("processor %s: %s of table %s (%s): %s, and only the owner writes: emit to a stream that it handles",
		t.ed.decl.Name, call, d.Name, decl.UseSite(), owner))
}

func (t *task) undeclared(d *decl.Table) {
	t.run.Fault(decl.UndeclaredTable(t.ed.decl.Name, d))
}

// Undecodable implements decl.Foreign: an entry that others wrote, and that the codecs do not read, counts as absent (C-36).
func (t *task) Undecodable(d *decl.Table, key []byte, err error) bool {
	if t.reads(d) == nil && t.global(d) == nil {
		return false
	}
	w := t.ed.unit.worker
	w.unreadable.report(w.config.Logger, d, key, err)
	return true
}

var _ decl.Foreign = (*task)(nil)

// global finds the worker's copy of a table that the processor reads whole.
func (t *task) global(d *decl.Table) *global {
	for _, g := range t.ed.globals {
		if g.decl == d || g.is(d) {
			return g
		}
	}
	return nil
}
