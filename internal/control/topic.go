package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// Topic reads and writes one control topic. It belongs to one goroutine at a time.
type Topic struct {
	log    commitlog.Log
	name   string
	reader commitlog.Reader
	next   int64
	state  State
	last   struct { // the event written last
		offset   int64
		accepted bool
	}
}

// Spec is how the topic of that name is made: one partition, never compacted, kept for ever.
func Spec(name string) commitlog.TopicSpec {
	return commitlog.TopicSpec{Name: name, Partitions: 1, Config: map[string]string{
		"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1",
	}}
}

// Open prepares to read the topic; it reads nothing yet and creates nothing.
func Open(ctx context.Context, log commitlog.Log, name string) (*Topic, error) {
	r, err := log.OpenReader(ctx, commitlog.ReaderConfig{BufferBytes: 1 << 20, BatchBytes: 256 << 10})
	if err != nil {
		return nil, fmt.Errorf("control: open reader of %s: %w", name, err)
	}
	t := &Topic{log: log, name: name, reader: r}
	t.last.offset = -1
	return t, nil
}

// Close ends the reader.
func (t *Topic) Close() error { return t.reader.Close() }

// Refresh reads all that was in the topic when it was called, waiting for transactions that are still undecided, and
// returns the state. The state is the topic's own: read it, change nothing. A topic that does not exist is empty.
func (t *Topic) Refresh(ctx context.Context) (*State, error) {
	p := commitlog.Partition{Topic: t.name}
	ends, err := t.log.Offsets(ctx, []commitlog.Partition{p}, commitlog.End, commitlog.ReadUncommitted)
	if errors.Is(err, commitlog.ErrUnknownTopic) {
		return &t.state, nil
	}
	if err != nil {
		return nil, fmt.Errorf("control: end of %s: %w", t.name, err)
	}
	return t.readTo(ctx, ends[0].Offset)
}

func (t *Topic) readTo(ctx context.Context, end int64) (*State, error) {
	p := commitlog.Partition{Topic: t.name}
	if t.next < end {
		t.reader.Seek(p, t.next)
		defer t.reader.Drop(p)
	}
	for t.next < end {
		b, err := t.reader.Poll(ctx, time.Second)
		if err != nil {
			return nil, fmt.Errorf("control: read %s at %d: %w", t.name, t.next, err)
		}
		if b == nil {
			continue
		}
		err = t.fold(b)
		b.Release()
		if err != nil {
			return nil, err
		}
	}
	return &t.state, nil
}

func (t *Topic) fold(b *commitlog.Batch) error {
	for i := range b.Records {
		r := &b.Records[i]
		e, err := Parse(r.Value)
		if err != nil {
			return fmt.Errorf("%s/0@%d: %w", t.name, r.Offset, err)
		}
		ok := t.state.Apply(e)
		if r.Offset >= t.last.offset {
			t.last.offset, t.last.accepted = r.Offset, ok
		}
	}
	t.next = b.Next
	return nil
}

// State is what was read so far.
func (t *Topic) State() *State { return &t.state }

// Write appends an event for the state as it was last read and reads it back. It tells whether the event counted; if not,
// somebody else's came first and State shows it.
func (t *Topic) Write(ctx context.Context, e Event) (accepted bool, err error) {
	e.Expects = t.state.Processor(e.Processor).Version
	w, err := t.log.OpenWriter(ctx, commitlog.WriterConfig{})
	if err != nil {
		return false, fmt.Errorf("control: open writer of %s: %w", t.name, err)
	}
	defer w.Close()
	pos, err := w.Append(ctx, commitlog.Partition{Topic: t.name}, []commitlog.Record{
		{Key: []byte(e.Processor), Value: Append(nil, e), Timestamp: -1},
	})
	if err != nil {
		return false, fmt.Errorf("control: write %s of %s: %w", e.Kind, e.Processor, err)
	}
	// Fold up to the event itself first, so that its own fate is seen whatever follows it.
	if _, err := t.readUpTo(ctx, pos.Offset); err != nil {
		return false, err
	}
	return t.last.offset == pos.Offset && t.last.accepted, nil
}

// readUpTo reads until the record at offset was folded. Records behind it may be folded too; last keeps the fate of the one
// at offset because fold is told to watch it.
func (t *Topic) readUpTo(ctx context.Context, offset int64) (*State, error) {
	p := commitlog.Partition{Topic: t.name}
	t.reader.Seek(p, t.next)
	defer t.reader.Drop(p)
	for t.next <= offset {
		b, err := t.reader.Poll(ctx, time.Second)
		if err != nil {
			return nil, fmt.Errorf("control: read %s at %d: %w", t.name, t.next, err)
		}
		if b == nil {
			continue
		}
		err = t.foldUpTo(b, offset)
		b.Release()
		if err != nil {
			return nil, err
		}
	}
	return &t.state, nil
}

func (t *Topic) foldUpTo(b *commitlog.Batch, offset int64) error {
	n := len(b.Records)
	for n > 0 && b.Records[n-1].Offset > offset {
		n--
	}
	if n == len(b.Records) {
		return t.fold(b)
	}
	cut := *b
	cut.Records = b.Records[:n]
	cut.Next = offset + 1
	return t.fold(&cut)
}
