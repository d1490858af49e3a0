package commitlog

import "fmt"

// Partition names one partition of a topic. Indexes count from 0.
type Partition struct {
	Topic string
	Index int32
}

// String gives "topic/index", as positions and errors spell it.
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Index) }
