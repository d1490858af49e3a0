package commitlog

import "testing"

type recycler struct{ batches []*Batch }

func (r *recycler) Recycle(b *Batch) { r.batches = append(r.batches, b) }

func TestReleaseGivesABatchBackOnce(t *testing.T) {
	owner := &recycler{}
	b := &Batch{Owner: owner}
	b.Release()
	b.Release()
	if len(owner.batches) != 1 || owner.batches[0] != b || b.Owner != nil {
		t.Errorf("owner got %d batches, want this one once", len(owner.batches))
	}
}

func TestABatchWithoutOwnerCanBeReleased(t *testing.T) {
	(&Batch{}).Release()
}
