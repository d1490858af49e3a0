package group

import (
	"encoding/binary"
	"fmt"
	"time"
)

// reader takes a record apart. The first fault stays, with the byte where it was met; everything read after it is zero.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(want string) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d of %d: want %s", r.at, len(r.b), want)
		r.at = len(r.b)
	}
}

func (r *reader) byte(want string) byte {
	if r.err != nil || r.at >= len(r.b) {
		r.fail(want)
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) uvarint(want string) uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if r.err != nil || n <= 0 {
		r.fail(want)
		return 0
	}
	r.at += n
	return v
}

// varint reads a number that fits into bits.
func (r *reader) varint(bits int, want string) int64 {
	v, n := binary.Varint(r.b[r.at:])
	if r.err != nil || n <= 0 || bits < 64 && (v < -1<<(bits-1) || v >= 1<<(bits-1)) {
		r.fail(want)
		return 0
	}
	r.at += n
	return v
}

// span reads a byte string. It aliases the record.
func (r *reader) span(want string) []byte {
	n := r.uvarint("the length of " + want)
	if r.err != nil || n > uint64(len(r.b)-r.at) {
		r.fail(want)
		return nil
	}
	r.at += int(n)
	return r.b[r.at-int(n) : r.at]
}

func (r *reader) text(want string) string { return string(r.span(want)) }

func (r *reader) bytes(want string) []byte { return append([]byte{}, r.span(want)...) }

// count reads how many items follow; each takes at least min bytes, so a damaged number cannot ask for much memory.
func (r *reader) count(min int, want string) int {
	n := r.uvarint("the number of " + want)
	if r.err != nil || n > uint64(len(r.b)-r.at)/uint64(min) {
		r.fail("room for that many " + want)
		return 0
	}
	return int(n)
}

func (r *reader) millis(want string) time.Duration {
	v := r.uvarint(want)
	if v > 1<<31 {
		r.fail(want + " of at most 2^31 ms")
		return 0
	}
	return time.Duration(v) * time.Millisecond
}

func (r *reader) generation() image {
	g := image{phase: phase(r.byte("the phase"))}
	if g.phase > phaseStable {
		r.fail("a phase from 0 to 3")
	}
	g.generation = int32(r.varint(32, "the generation"))
	g.protocolType = r.text("the protocol type")
	g.protocol = r.text("the protocol")
	g.leader = r.text("the leader")
	n := r.count(9, "members")
	for range n {
		g.members = append(g.members, r.member())
	}
	return g
}

func (r *reader) member() memberImage {
	m := memberImage{
		id:       r.text("a member id"),
		instance: r.text("an instance id"),
		clientID: r.text("a client id"),
		host:     r.text("a host"),
		embedded: r.byte("where a member joined") == 1,
	}
	m.sessionTimeout = r.millis("a session timeout")
	m.rebalanceTimeout = r.millis("a rebalance timeout")
	n := r.count(2, "protocols")
	for range n {
		m.protocols = append(m.protocols, protocol{name: r.text("a protocol"), metadata: r.bytes("metadata")})
	}
	m.assignment = r.bytes("an assignment")
	return m
}

func (r *reader) offsets() []namedOffset {
	n := r.count(7, "offsets")
	offsets := make([]namedOffset, 0, n)
	for range n {
		offsets = append(offsets, namedOffset{
			partition: partition{topic: r.text("a topic"), index: int32(r.varint(32, "a partition"))},
			offset: offset{
				position:    r.varint(64, "an offset"),
				leaderEpoch: int32(r.varint(32, "a leader epoch")),
				metadata:    r.text("offset metadata"),
				committed:   r.varint(64, "a commit time"),
				order:       r.uvarint("a commit order"),
			},
		})
	}
	return offsets
}
