package group

import (
	"container/heap"
	"time"
)

// deadlines orders groups by when they must be looked at. A group's time may be too early (a heartbeat moves a session
// on without a sort), never too late.
type deadlines struct{ heap groupHeap }

// first is the group that is due next, nil if none is.
func (d *deadlines) first() *group {
	if len(d.heap) == 0 {
		return nil
	}
	return d.heap[0]
}

// set moves a group to a time; zero takes it out.
func (d *deadlines) set(g *group, at time.Time) {
	in := !g.next.IsZero()
	g.next = at
	switch {
	case at.IsZero() && in:
		heap.Remove(&d.heap, g.index)
	case at.IsZero():
	case in:
		heap.Fix(&d.heap, g.index)
	default:
		heap.Push(&d.heap, g)
	}
}

type groupHeap []*group

func (h groupHeap) Len() int           { return len(h) }
func (h groupHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h groupHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *groupHeap) Push(x any) {
	g := x.(*group)
	g.index = len(*h)
	*h = append(*h, g)
}
func (h *groupHeap) Pop() any {
	old := *h
	g := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return g
}
