package member

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// protocolName is the way of dividing partitions that members of Millrun agree on.
const protocolName = "millrun"

// ConsumerProtocol is how Kafka's clients write subscriptions and assignments, so its tools can show ours: big-endian, a
// version, then fields that later versions add to. Subscriptions are written in version 2 (topics, user data, owned
// partitions, generation), assignments in version 1 (partitions by topic, user data); of other versions the fields known
// here are read and the rest is left alone.
const (
	subscriptionVersion = 2
	assignmentVersion   = 1
)

// subscription is what a member says when it joins.
type subscription struct {
	topics     []string
	userData   []byte
	owned      []int32 // partitions of the generation below that it still works on
	generation int32   // -1: none
}

func appendSubscription(b []byte, s subscription) []byte {
	b = binary.BigEndian.AppendUint16(b, subscriptionVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.topics)))
	for _, t := range s.topics {
		b = appendString(b, t)
	}
	b = appendBytes(b, s.userData)
	b = appendPartitions(b, s.topics, s.owned)
	return binary.BigEndian.AppendUint32(b, uint32(s.generation))
}

func readSubscription(b []byte) (subscription, error) {
	r := &wireReader{b: b}
	version := r.int16()
	s := subscription{generation: -1}
	for range r.count(2) {
		s.topics = append(s.topics, r.string())
	}
	s.userData = r.bytes()
	if version >= 1 {
		owned, err := r.partitions()
		if err != nil {
			return subscription{}, err
		}
		if len(s.topics) > 0 {
			s.owned = owned[s.topics[0]]
		}
	}
	if version >= 2 {
		s.generation = r.int32()
	}
	return s, r.fault("subscription")
}

func appendAssignment(b []byte, topics []string, partitions []int32) []byte {
	b = binary.BigEndian.AppendUint16(b, assignmentVersion)
	b = appendPartitions(b, topics, partitions)
	return binary.BigEndian.AppendUint32(b, 0xffffffff) // no user data
}

// readAssignment gives the partition numbers, the same of each topic. Bytes of length 0 mean nothing assigned: a leader
// may leave a member out, and some coordinators answer so.
func readAssignment(b []byte, topics []string) ([]int32, error) {
	if len(b) == 0 {
		return nil, nil
	}
	r := &wireReader{b: b}
	r.int16()
	byTopic, err := r.partitions()
	if err != nil {
		return nil, err
	}
	if err := r.fault("assignment"); err != nil {
		return nil, err
	}
	if len(byTopic) == 0 {
		return nil, nil
	}
	first := byTopic[topics[0]]
	for _, t := range topics {
		if !slices.Equal(byTopic[t], first) {
			return nil, fmt.Errorf("assignment gives %v of %s and %v of %s, want the same partitions of all inputs",
				first, topics[0], byTopic[t], t)
		}
	}
	if len(byTopic) != len(topics) {
		return nil, fmt.Errorf("assignment names %d topics, want the %d inputs %q", len(byTopic), len(topics), topics)
	}
	return first, nil
}

// appendPartitions writes the same partition numbers for each topic; none of them, no topics.
func appendPartitions(b []byte, topics []string, partitions []int32) []byte {
	if len(partitions) == 0 {
		topics = nil
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(topics)))
	for _, t := range topics {
		b = appendString(b, t)
		b = binary.BigEndian.AppendUint32(b, uint32(len(partitions)))
		for _, p := range partitions {
			b = binary.BigEndian.AppendUint32(b, uint32(p))
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func appendBytes(b, v []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

// wireReader takes such bytes apart; after the first fault everything is zero.
type wireReader struct {
	b   []byte
	at  int
	bad bool
}

func (r *wireReader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b)-r.at {
		r.bad = true
		return nil
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *wireReader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *wireReader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// count reads the length of an array whose items take at least min bytes.
func (r *wireReader) count(min int) int {
	n := int(r.int32())
	if n < 0 || n > (len(r.b)-r.at)/min {
		r.bad = r.bad || n != -1
		return 0
	}
	return n
}

func (r *wireReader) string() string { return string(r.take(int(r.int16()))) }

func (r *wireReader) bytes() []byte {
	n := r.int32()
	if n == -1 {
		return nil
	}
	return slices.Clone(r.take(int(n)))
}

func (r *wireReader) partitions() (map[string][]int32, error) {
	byTopic := make(map[string][]int32)
	for range r.count(6) {
		topic := r.string()
		if _, twice := byTopic[topic]; twice {
			return nil, fmt.Errorf("topic %q is named twice", topic)
		}
		list := make([]int32, 0, 8)
		for range r.count(4) {
			list = append(list, r.int32())
		}
		slices.Sort(list)
		byTopic[topic] = list
	}
	return byTopic, nil
}

func (r *wireReader) fault(what string) error {
	if r.bad {
		return fmt.Errorf("%s of %d bytes ends early at byte %d", what, len(r.b), r.at)
	}
	return nil
}
