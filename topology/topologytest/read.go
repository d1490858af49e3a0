package topologytest

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/millrun/millrun/commitlog"
)

// rawRecord is a record with bytes of its own.
type rawRecord struct {
	commitlog.Record
	at commitlog.Position
}

// read gives all committed records of a topic, by partition and offset; none if there is no such topic.
func (h *Harness) read(topic string) []rawRecord {
	h.t.Helper()
	var list []rawRecord
	err := h.await("reading "+topic, func() (err error) {
		list, err = readAll(h.ctx, h.life.log, topic)
		return err
	})
	if err != nil {
		h.t.Fatalf("topologytest: read %s: %v", topic, err)
	}
	return list
}

func readAll(ctx context.Context, log commitlog.Log, topic string) ([]rawRecord, error) {
	found, err := log.Topics(ctx, topic)
	if errors.Is(err, commitlog.ErrUnknownTopic) || err == nil && len(found) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []rawRecord
	for i := range found[0].Partitions {
		part, err := readPartition(ctx, log, commitlog.Partition{Topic: topic, Index: i})
		if err != nil {
			return nil, err
		}
		list = append(list, part...)
	}
	return list, nil
}

// readPartition reads from the start to the end that readers of committed records see. It goes by positions: what lies
// before the end may be markers and aborted records alone.
func readPartition(ctx context.Context, log commitlog.Log, p commitlog.Partition) (list []rawRecord, err error) {
	start, err := log.Offsets(ctx, []commitlog.Partition{p}, commitlog.Start, commitlog.ReadCommitted)
	if err != nil {
		return nil, err
	}
	end, err := log.Offsets(ctx, []commitlog.Partition{p}, commitlog.End, commitlog.ReadCommitted)
	if err != nil {
		return nil, err
	}
	r, err := log.OpenReader(ctx, commitlog.ReaderConfig{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	r.Seek(p, start[0].Offset)
	for next := start[0].Offset; next < end[0].Offset; {
		b, err := r.Poll(ctx, stuck)
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		for _, rec := range b.Records {
			list = append(list, own(p, rec))
		}
		next = b.Next
		b.Release()
	}
	return list, nil
}

// own copies what belongs to the batch; nil stays nil.
func own(p commitlog.Partition, r commitlog.Record) rawRecord {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	headers := make([]commitlog.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = commitlog.Header{Key: h.Key, Value: bytes.Clone(h.Value)}
	}
	r.Headers = headers
	return rawRecord{r, commitlog.Position{Partition: p, Offset: r.Offset}}
}

// closed closes what a step opened for itself.
func (h *Harness) closed(c io.Closer) {
	h.t.Helper()
	if err := c.Close(); err != nil {
		h.t.Errorf("topologytest: close: %v", err)
	}
}
