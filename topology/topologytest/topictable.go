package topologytest

import (
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
)

// TopicTableProbe writes to a topic that the application reads as a table, as its owner elsewhere would.
type TopicTableProbe[K, V any] struct{ stream *StreamProbe[K, V] }

// TopicTable gives a probe of t, which was made by NewTopicTable and is read by an application of the story. A table of a processor is written by its processor alone.
func TopicTable[K, V any](h *Harness, t *processor.Table[K, V]) *TopicTableProbe[K, V] {
	h.t.Helper()
	if !t.Decl().Topic {
		h.t.Fatalf("topologytest: table %s is no NewTopicTable: send its processor what makes it put", t.Name())
	}
	if !h.public[t.Name()] {
		h.t.Fatalf("topologytest: table %s: no processor of application %s reads it: add Reads or ReadsGlobal, or Deploy first the program that does", t.Name(), h.app.Name())
	}
	key, value := t.Codecs()
	return &TopicTableProbe[K, V]{&StreamProbe[K, V]{h: h, stream: processor.NewStream(t.Name(), key, value)}}
}

// Put lets all work finish, then sets the value of key. The next step of the story waits until every copy of the table has it.
func (p *TopicTableProbe[K, V]) Put(key K, value V) commitlog.Position {
	p.stream.h.t.Helper()
	return p.stream.Send(key, value)
}

// Delete lets all work finish, then removes key: it writes a record without a value.
func (p *TopicTableProbe[K, V]) Delete(key K) commitlog.Position {
	p.stream.h.t.Helper()
	return p.stream.SendTombstone(key)
}

// PutBytes lets all work finish, then writes raw bytes to a partition: what another program, or a broken one, may have
// written. A nil key is none, a nil value a tombstone.
func (p *TopicTableProbe[K, V]) PutBytes(partition int32, key, value []byte) commitlog.Position {
	p.stream.h.t.Helper()
	return p.stream.SendBytes(partition, key, value)
}
