package group

import (
	"encoding/binary"
	"time"
)

// Records of the coordinator, described in docs/format/group.md. Each begins with its kind and version; numbers are
// varints, texts and byte strings have their length in front. The log around them carries the checksum.
const (
	kindGeneration byte = 1 // the members of a group and what each owns
	kindOffsets    byte = 2 // committed offsets
	kindStaged     byte = 3 // offsets that a transaction will commit with its end
	kindDeleted    byte = 4 // a group is gone

	formatVersion byte = 1

	snapshotMagic = "MRGS"
)

// phase is how far the last rebalance had come when the image was made.
type phase byte

const (
	phaseEmpty      phase = 0
	phasePreparing  phase = 1
	phaseCompleting phase = 2
	phaseStable     phase = 3
)

// image is a group's membership as the log knows it.
type image struct {
	phase        phase
	generation   int32
	protocolType string
	protocol     string
	leader       string
	members      []memberImage
}

type memberImage struct {
	id, instance, clientID, host     string
	embedded                         bool
	sessionTimeout, rebalanceTimeout time.Duration // in whole milliseconds
	protocols                        []protocol
	assignment                       []byte
}

// partition names what an offset is of.
type partition struct {
	topic string
	index int32
}

// offset is one committed position. order tells which of two was written later; it counts over all groups.
type offset struct {
	position    int64
	leaderEpoch int32 // -1: not given
	metadata    string
	committed   int64 // when, in ms since 1970
	order       uint64
}

type namedOffset struct {
	partition partition
	offset
}

func appendGeneration(b []byte, group string, g image) []byte {
	b = append(b, kindGeneration, formatVersion)
	b = appendText(b, group)
	b = append(b, byte(g.phase))
	b = binary.AppendVarint(b, int64(g.generation))
	b = appendText(b, g.protocolType)
	b = appendText(b, g.protocol)
	b = appendText(b, g.leader)
	b = binary.AppendUvarint(b, uint64(len(g.members)))
	for _, m := range g.members {
		b = appendMember(b, m)
	}
	return b
}

func appendMember(b []byte, m memberImage) []byte {
	b = appendText(b, m.id)
	b = appendText(b, m.instance)
	b = appendText(b, m.clientID)
	b = appendText(b, m.host)
	if m.embedded {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(m.sessionTimeout.Milliseconds()))
	b = binary.AppendUvarint(b, uint64(m.rebalanceTimeout.Milliseconds()))
	b = binary.AppendUvarint(b, uint64(len(m.protocols)))
	for _, p := range m.protocols {
		b = appendText(b, p.name)
		b = appendBytes(b, p.metadata)
	}
	return appendBytes(b, m.assignment)
}

func appendOffsets(b []byte, group string, offsets []namedOffset) []byte {
	b = append(b, kindOffsets, formatVersion)
	b = appendText(b, group)
	return appendOffsetList(b, offsets)
}

func appendStaged(b []byte, group string, pid int64, epoch int16, offsets []namedOffset) []byte {
	b = append(b, kindStaged, formatVersion)
	b = appendText(b, group)
	b = binary.AppendVarint(b, pid)
	b = binary.AppendVarint(b, int64(epoch))
	return appendOffsetList(b, offsets)
}

func appendDeleted(b []byte, group string) []byte {
	b = append(b, kindDeleted, formatVersion)
	return appendText(b, group)
}

func appendOffsetList(b []byte, offsets []namedOffset) []byte {
	b = binary.AppendUvarint(b, uint64(len(offsets)))
	for _, o := range offsets {
		b = appendText(b, o.partition.topic)
		b = binary.AppendVarint(b, int64(o.partition.index))
		b = binary.AppendVarint(b, o.position)
		b = binary.AppendVarint(b, int64(o.leaderEpoch))
		b = appendText(b, o.metadata)
		b = binary.AppendVarint(b, o.committed)
		b = binary.AppendUvarint(b, o.order)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBytes(b, v []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(v))), v...) }
