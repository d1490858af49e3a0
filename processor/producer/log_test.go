package producer_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/processor/producer"
)

// fakeLog keeps what is appended. A producer uses four methods of a log; calling another panics.
type fakeLog struct {
	commitlog.Log
	topics map[string]int32
	hold   chan struct{} // if not nil, each Append takes one token before it writes
	mu     struct {
		sync.Mutex
		records map[commitlog.Partition][]commitlog.Record
		batches int
		err     error
		closed  int
	}
}

func newLog(topics map[string]int32) *fakeLog {
	l := &fakeLog{topics: topics}
	l.mu.records = map[commitlog.Partition][]commitlog.Record{}
	return l
}

func (l *fakeLog) Topics(_ context.Context, names ...string) ([]commitlog.Topic, error) {
	var found []commitlog.Topic
	for _, name := range names {
		if n, ok := l.topics[name]; ok {
			found = append(found, commitlog.Topic{Name: name, Partitions: n})
		}
	}
	if len(found) == 0 {
		return nil, commitlog.ErrUnknownTopic
	}
	return found, nil
}

func (l *fakeLog) CreateTopic(_ context.Context, t commitlog.TopicSpec) error {
	l.topics[t.Name] = t.Partitions
	return nil
}

func (l *fakeLog) OpenWriter(context.Context, commitlog.WriterConfig) (commitlog.Writer, error) {
	return fakeWriter{l}, nil
}

type fakeWriter struct{ l *fakeLog }

func (w fakeWriter) Append(ctx context.Context, p commitlog.Partition, records []commitlog.Record) (commitlog.Position, error) {
	if w.l.hold != nil {
		select {
		case <-w.l.hold:
		case <-ctx.Done():
			return commitlog.Position{}, ctx.Err()
		}
	}
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	if w.l.mu.err != nil {
		return commitlog.Position{}, w.l.mu.err
	}
	w.l.mu.batches++
	at := commitlog.Position{Partition: p, Offset: int64(len(w.l.mu.records[p]))}
	for _, r := range records {
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		w.l.mu.records[p] = append(w.l.mu.records[p], r)
	}
	return at, nil
}

func (w fakeWriter) Close() error {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	w.l.mu.closed++
	return nil
}

func (l *fakeLog) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.err = err
}

func (l *fakeLog) count() (records, batches int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.mu.records {
		records += len(r)
	}
	return records, l.mu.batches
}

func (l *fakeLog) of(topic string, index int32) []commitlog.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.records[commitlog.Partition{Topic: topic, Index: index}]
}

var in = processor.NewStream("in", codec.String, codec.Int64)

func open(t *testing.T, l *fakeLog, cfg producer.Config) *producer.Producer[string, int64] {
	t.Helper()
	p, err := producer.Open(t.Context(), l, in, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
