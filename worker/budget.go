package worker

import "sync/atomic"

// budget counts the uncommitted effects of all tasks (S-66). Tasks report now and then, so it may be exceeded by what each
// gathers between two reports.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) add(n int64) { b.used.Add(n) }

func (b *budget) half() bool { return b.used.Load() > b.limit/2 }

func (b *budget) full() bool { return b.used.Load() > b.limit }

// uncharge gives bytes back to the budget, unchargeAll whatever this task holds of it.
func (t *task) uncharge(n int64) {
	t.charged.Add(-n)
	t.ed.unit.worker.budget.add(-n)
}

func (t *task) unchargeAll() {
	t.reported = 0
	t.ed.unit.worker.budget.add(-t.charged.Swap(0))
}

// charge tells the worker's budget how large the open layer has grown, now and then.
func (t *task) charge(used int64) {
	b := &t.ed.unit.worker.budget
	b.add(used - t.reported)
	t.charged.Add(used - t.reported)
	t.reported = used
	if b.half() {
		t.lane.hurry()
	}
}

// chargeBytes is how far the open layer grows before the worker's budget hears of it.
const chargeBytes = 256 << 10
