package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
)

// patience ends a case that hangs. No case comes near it.
const patience = 20 * time.Second

// prompt is how soon a cancelled call returns.
const prompt = time.Second

// kit is what the cases are written with: calls that fail the test instead of returning errors.
type kit struct {
	*testing.T
	Fixture
	ctx    context.Context
	cancel context.CancelFunc
	names  int
	opened []interface{ Close() error }
}

func newKit(t *testing.T, f Fixture) *kit {
	if f.MinSession == 0 {
		f.MinSession = 6 * time.Second
	}
	k := &kit{T: t, Fixture: f}
	k.ctx, k.cancel = context.WithTimeout(context.Background(), patience)
	return k
}

// close closes what the case has opened, latest first, and then the log.
func (k *kit) close() {
	k.Helper()
	k.closeOpened()
	k.ok(k.Log.Close())
	k.cancel()
}

func (k *kit) closeOpened() {
	k.Helper()
	for _, o := range slices.Backward(k.opened) {
		k.ok(o.Close())
	}
	k.opened = nil
}

func (k *kit) ok(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kit) is(err, want error) {
	k.Helper()
	if !errors.Is(err, want) {
		k.Fatalf("error is %v, want %v", err, want)
	}
}

func (k *kit) isNot(err, other error) {
	k.Helper()
	if errors.Is(err, other) {
		k.Fatalf("error %v says %v too", err, other)
	}
}

func (k *kit) equal(what string, got, want any) {
	k.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		k.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// name makes a name nobody else uses.
func (k *kit) name(kind string) string {
	k.names++
	test := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, k.Name())
	return fmt.Sprintf("%s.%d.%s", kind, k.names, test)
}

func (k *kit) topic(partitions int32) string {
	k.Helper()
	return k.topicWith(partitions, nil)
}

func (k *kit) topicWith(partitions int32, config map[string]string) string {
	k.Helper()
	name := k.name("topic")
	k.ok(k.Log.CreateTopic(k.ctx, commitlog.TopicSpec{Name: name, Partitions: partitions, Config: config}))
	return name
}

// partition is partition 0 of a new topic.
func (k *kit) partition() commitlog.Partition {
	k.Helper()
	return commitlog.Partition{Topic: k.topic(1)}
}

func (k *kit) writer(c commitlog.WriterConfig) commitlog.Writer {
	k.Helper()
	w, err := k.Log.OpenWriter(k.ctx, c)
	k.ok(err)
	k.opened = append(k.opened, w)
	return w
}

func (k *kit) reader(c commitlog.ReaderConfig) commitlog.Reader {
	k.Helper()
	if c.MaxWait == 0 {
		c.MaxWait = 50 * time.Millisecond
	}
	r, err := k.Log.OpenReader(k.ctx, c)
	k.ok(err)
	k.opened = append(k.opened, r)
	return r
}

func (k *kit) transactor(id string) commitlog.Transactor {
	k.Helper()
	return k.transactorWith(commitlog.TransactorConfig{ID: id})
}

func (k *kit) transactorWith(c commitlog.TransactorConfig) commitlog.Transactor {
	k.Helper()
	t, err := k.Log.OpenTransactor(k.ctx, c)
	k.ok(err)
	k.opened = append(k.opened, t)
	return t
}

// values makes one record for each text, its key "k".
func values(texts ...string) []commitlog.Record {
	var records []commitlog.Record
	for _, text := range texts {
		records = append(records, commitlog.Record{Key: []byte("k"), Value: []byte(text), Timestamp: 1700000000000})
	}
	return records
}

// write appends outside a transaction and gives the offset of the first record.
func (k *kit) write(p commitlog.Partition, texts ...string) int64 {
	k.Helper()
	w, err := k.Log.OpenWriter(k.ctx, commitlog.WriterConfig{})
	k.ok(err)
	at, err := w.Append(k.ctx, p, values(texts...))
	k.ok(err)
	k.ok(w.Close())
	return at.Offset
}

func (k *kit) append(t commitlog.Transactor, p commitlog.Partition, texts ...string) {
	k.Helper()
	k.ok(t.Append(k.ctx, p, values(texts...)))
}

func (k *kit) end(p commitlog.Partition, i commitlog.Isolation) int64 {
	k.Helper()
	at, err := k.Log.Offsets(k.ctx, []commitlog.Partition{p}, commitlog.End, i)
	k.ok(err)
	return at[0].Offset
}

// poll gives the next batch; no batch within patience is a failure.
func (k *kit) poll(r commitlog.Reader) (*commitlog.Batch, error) {
	k.Helper()
	for {
		b, err := r.Poll(k.ctx, patience)
		if b != nil || err != nil {
			return b, err
		}
		if k.ctx.Err() != nil {
			k.Fatal("no batch")
		}
	}
}

// read gives what p holds from an offset until the reader's position is at or past to.
func (k *kit) read(p commitlog.Partition, from, to int64, i commitlog.Isolation) []commitlog.Record {
	k.Helper()
	r, err := k.Log.OpenReader(k.ctx, commitlog.ReaderConfig{Isolation: i, MaxWait: 50 * time.Millisecond})
	k.ok(err)
	defer func() { k.ok(r.Close()) }()
	r.Seek(p, from)
	var records []commitlog.Record
	for at := from; at < to; {
		b, err := k.poll(r)
		k.ok(err)
		if b.Partition != p || b.Next <= at {
			k.Fatalf("batch of %v moves from %d to %d", b.Partition, at, b.Next)
		}
		for _, record := range b.Records {
			if record.Offset < at || record.Offset >= b.Next {
				k.Fatalf("record at offset %d in a batch from %d to %d", record.Offset, at, b.Next)
			}
			records = append(records, clone(record))
		}
		at = b.Next
		b.Release()
	}
	return records
}

// texts gives the values of what p holds, up to the end that the isolation sees.
func (k *kit) texts(p commitlog.Partition, i commitlog.Isolation) []string {
	k.Helper()
	texts := []string{}
	for _, r := range k.read(p, 0, k.end(p, i), i) {
		texts = append(texts, string(r.Value))
	}
	return texts
}

func (k *kit) committed(p commitlog.Partition) []string {
	k.Helper()
	return k.texts(p, commitlog.ReadCommitted)
}

// clone copies a record out of its batch, nil and empty kept apart.
func clone(r commitlog.Record) commitlog.Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	r.Headers = slices.Clone(r.Headers)
	for i := range r.Headers {
		r.Headers[i].Key = strings.Clone(r.Headers[i].Key)
		r.Headers[i].Value = bytes.Clone(r.Headers[i].Value)
	}
	return r
}

// show writes a record so that nil and empty differ.
func show(r commitlog.Record) string {
	s := fmt.Sprintf("%#v=%#v at %d", r.Key, r.Value, r.Timestamp)
	for _, h := range r.Headers {
		s += fmt.Sprintf(" %q:%#v", h.Key, h.Value)
	}
	return s
}

// promptly runs a call that is cancelled while under way and must return soon.
func (k *kit) promptly(what string, call func(ctx context.Context) error) error {
	k.Helper()
	ctx, cancel := context.WithCancel(k.ctx)
	started, result := make(chan struct{}), make(chan error, 1)
	go func() { // ends with the call, which the select below waits for
		close(started)
		result <- call(ctx)
	}()
	<-started
	cancel()
	select {
	case err := <-result:
		return err
	case <-time.After(prompt):
		k.Fatalf("%s has not returned %v after its context ended", what, prompt)
		return nil
	}
}

func at(p commitlog.Partition, offset int64) commitlog.Position {
	return commitlog.Position{Partition: p, Offset: offset}
}
