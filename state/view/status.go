package view

import "time"

// Status is what a view knows of itself at one moment. It is a copy.
type Status struct {
	// Edition is the one that answers; 0: none yet. Serving is the one that serves as far as the view has heard; while the two
	// differ, the copy of Serving is filled.
	Edition, Serving int
	// Partitions is what answers, by partition, only those that are followed; nil as long as nothing answers.
	Partitions []PartitionStatus
	// Filling is the copy that is to take over: it does when each Next has reached its End. nil: there is none.
	Filling []PartitionStatus
	// AwaySince is since when the log has not answered, and Away what it said; zero and nil while it answers. Meanwhile reads are
	// answered from what there is.
	AwaySince time.Time
	Away      error
	// Err is why the view follows no more: closed, a full disk, a log that it cannot read. nil: it follows.
	Err error
}

// PartitionStatus is one partition of a copy.
type PartitionStatus struct {
	Partition int32
	Next      int64 // next offset of the changelog: everything below is visible
	End       int64 // of the changelog when the view last heard of it; for a copy that is filled, where it takes over
	// Time is when the newest entry or deletion that is visible was written; zero: there is none. A partition that nobody writes
	// to ages, although nothing is missing.
	Time time.Time
}

// Behind is how many offsets of its changelog the copy that answers has not seen yet, markers included.
func (s Status) Behind() (n int64) {
	for _, p := range s.Partitions {
		n += max(0, p.End-p.Next)
	}
	return n
}

// Status tells how far the view has come, and what is wrong with it. It waits for nothing.
func (v *View[K, V]) Status() Status { return v.f.status() }

func (f *follower) status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{Serving: f.mu.serving, AwaySince: f.mu.awaySince, Away: f.mu.away, Err: f.mu.err}
	if s.Err == nil {
		s.Err = f.mu.fault
	}
	if c := f.mu.current; c != nil {
		s.Edition = c.edition
		s.Partitions = c.status(func(p *part) int64 { return max(p.high, p.applied) })
	}
	if f.mu.filling != nil {
		s.Filling = f.mu.filling.status(func(p *part) int64 { return p.target })
	}
	return s
}

func (c *copies) status(end func(*part) int64) (list []PartitionStatus) {
	for _, p := range c.parts {
		s := PartitionStatus{Partition: p.partition.Index, Next: p.applied, End: end(p)}
		if p.time > 0 {
			s.Time = time.UnixMilli(p.time)
		}
		list = append(list, s)
	}
	return list
}
