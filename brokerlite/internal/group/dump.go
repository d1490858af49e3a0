package group

import (
	"fmt"
	"strings"
)

// Dump shows one record as a line of text, for people who look into a log. A record that Apply would refuse is the same
// error here, so that Dump is also the checker of the format.
func Dump(record []byte) (string, error) {
	scratch := newLedger()
	if err := scratch.apply(record); err != nil {
		return "", err
	}
	r := &reader{b: record, at: 2}
	name := r.text("the group")
	var b strings.Builder
	switch record[0] {
	case kindGeneration:
		dumpGeneration(&b, name, r.generation())
	case kindOffsets:
		fmt.Fprintf(&b, "offsets group=%q", name)
		dumpOffsets(&b, r.offsets())
	case kindStaged:
		fmt.Fprintf(&b, "staged group=%q pid=%d epoch=%d", name, r.varint(64, "a producer id"), r.varint(16, "an epoch"))
		dumpOffsets(&b, r.offsets())
	case kindDeleted:
		fmt.Fprintf(&b, "deleted group=%q", name)
	}
	return b.String(), nil
}

func dumpGeneration(b *strings.Builder, name string, g image) {
	phases := [...]state{stateEmpty, statePreparingRebalance, stateCompletingRebalance, stateStable}
	fmt.Fprintf(b, "generation group=%q state=%s generation=%d type=%q protocol=%q leader=%q",
		name, phases[g.phase], g.generation, g.protocolType, g.protocol, g.leader)
	for _, m := range g.members {
		fmt.Fprintf(b, " member=%q", m.id)
		if m.instance != "" {
			fmt.Fprintf(b, " instance=%q", m.instance)
		}
		if m.embedded {
			b.WriteString(" embedded")
		}
		fmt.Fprintf(b, " client=%q host=%q session=%v rebalance=%v assignment=%d bytes",
			m.clientID, m.host, m.sessionTimeout, m.rebalanceTimeout, len(m.assignment))
	}
}

func dumpOffsets(b *strings.Builder, offsets []namedOffset) {
	for _, o := range offsets {
		fmt.Fprintf(b, " %s/%d@%d", o.partition.topic, o.partition.index, o.position)
	}
}
