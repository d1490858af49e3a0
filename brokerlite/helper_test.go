package brokerlite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a broker in memory that can crash.
type rig struct {
	t     *testing.T
	mem   *vfs.Mem
	fs    vfs.FS // what the broker sees: mem, or mem behind faults
	clock *clock.Virtual
	c     brokerlite.Config
	b     *brokerlite.Broker
}

var testStart = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func newRig(t *testing.T, c brokerlite.Config) *rig {
	t.Helper()
	r := &rig{t: t, mem: vfs.NewMem(), clock: clock.NewVirtual(testStart), c: c}
	if c.WALFileBytes == 0 {
		r.c.WALFileBytes = 4 << 20
	}
	r.open()
	t.Cleanup(func() { r.b.Close() })
	return r
}

func (r *rig) open() {
	r.t.Helper()
	if r.fs == nil {
		r.c.FS = r.mem
	} else {
		r.c.FS = r.fs
	}
	r.c.Clock = r.clock
	b, err := brokerlite.Open("data", r.c)
	if err != nil {
		r.t.Fatalf("open: %v", err)
	}
	r.b = b
}

// crash takes the power away, ends the old broker and opens what was durable.
func (r *rig) crash() {
	r.t.Helper()
	after := r.mem.Crash()
	r.b.Close() // its disk is gone: only goroutines end here
	r.mem, r.fs = after, nil
	r.open()
}

// restart stops and starts cleanly.
func (r *rig) restart() {
	r.t.Helper()
	if err := r.b.Close(); err != nil {
		r.t.Fatalf("close: %v", err)
	}
	r.open()
}

func (r *rig) do(req kmsg.Request) kmsg.Response {
	r.t.Helper()
	resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, req)
	if err != nil {
		r.t.Fatalf("%s: %v", kmsg.NameForKey(req.Key()), err)
	}
	return resp
}

func (r *rig) create(topic string, partitions int32, configs ...string) {
	r.t.Helper()
	if err := r.tryCreate(topic, partitions, configs...); err != nil {
		r.t.Fatalf("create %s: %v", topic, err)
	}
}

func (r *rig) tryCreate(topic string, partitions int32, configs ...string) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version = 7
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, partitions, -1
	for i := 0; i < len(configs); i += 2 {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = configs[i], &configs[i+1]
		rt.Configs = append(rt.Configs, c)
	}
	req.Topics = append(req.Topics, rt)
	resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, req)
	if err != nil {
		return err
	}
	return codeErr(resp.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode)
}

func codeErr(code int16) error { return kerr.ErrorForCode(code) }

func deleteRequest(topic string) *kmsg.DeleteTopicsRequest {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version = 5
	req.TopicNames = []string{topic}
	return req
}

func (r *rig) delete(topic string) {
	r.t.Helper()
	if err := codeErr(r.do(deleteRequest(topic)).(*kmsg.DeleteTopicsResponse).Topics[0].ErrorCode); err != nil {
		r.t.Fatalf("delete %s: %v", topic, err)
	}
}

// producer is who sends a batch.
type producer struct {
	id    string // transactional
	pid   int64
	epoch int16
	seq   int32
}

var nobody = producer{pid: -1, epoch: -1, seq: -1}

// batch makes a batch of one record for each value.
func batch(p producer, values ...string) []byte {
	var e recordbatch.Encoder
	e.Begin(nil, recordbatch.None)
	for _, v := range values {
		e.Append([]byte("k"), []byte(v), nil, testStart.UnixMilli())
	}
	b, err := e.End(recordbatch.Producer{ID: p.pid, Epoch: p.epoch, Sequence: p.seq, Transactional: p.id != ""})
	if err != nil {
		panic(err)
	}
	return b
}

func produceRequest(p producer, topic string, index int32, b []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 12, -1, 1000
	if p.id != "" {
		req.TransactionID = &p.id
	}
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Partition, rp.Records = index, b
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

func (r *rig) tryProduce(p producer, topic string, index int32, values ...string) (int64, error) {
	resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, produceRequest(p, topic, index, batch(p, values...)))
	if err != nil {
		return -1, err
	}
	rp := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	return rp.BaseOffset, codeErr(rp.ErrorCode)
}

func (r *rig) produce(p producer, topic string, index int32, values ...string) int64 {
	r.t.Helper()
	base, err := r.tryProduce(p, topic, index, values...)
	if err != nil {
		r.t.Fatalf("produce %v to %s/%d: %v", values, topic, index, err)
	}
	return base
}

func fetchRequest(topic string, index int32, offset int64, committed bool) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxBytes, req.MinBytes, req.SessionEpoch = 12, 50<<20, 1, -1
	if committed {
		req.IsolationLevel = 1
	}
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = index, offset, 10<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

func (r *rig) fetch(topic string, index int32, offset int64, committed bool) kmsg.FetchResponseTopicPartition {
	r.t.Helper()
	resp := r.do(fetchRequest(topic, index, offset, committed)).(*kmsg.FetchResponse)
	return resp.Topics[0].Partitions[0]
}

// values reads a partition from the start as a reader of this isolation sees it: "offset:value", aborted data left out.
func (r *rig) values(topic string, index int32, committed bool) []string {
	r.t.Helper()
	out, err := r.tryValues(topic, index, committed)
	if err != nil {
		r.t.Fatalf("read %s/%d: %v", topic, index, err)
	}
	return out
}

func (r *rig) tryValues(topic string, index int32, committed bool) ([]string, error) {
	out := []string{}
	offset := int64(0)
	for {
		resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, fetchRequest(topic, index, offset, committed))
		if err != nil {
			return out, err
		}
		p := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if p.ErrorCode == kerr.OffsetOutOfRange.Code && offset < p.LogStartOffset {
			offset = p.LogStartOffset
			continue
		}
		if p.ErrorCode != 0 {
			return out, codeErr(p.ErrorCode)
		}
		if len(p.RecordBatches) == 0 {
			return out, nil
		}
		more, next, err := decode(p)
		if err != nil {
			return out, err
		}
		out, offset = append(out, more...), next
	}
}

func decode(p kmsg.FetchResponseTopicPartition) (out []string, next int64, err error) {
	aborted := map[int64]bool{}
	list := p.AbortedTransactions
	rest := p.RecordBatches
	var d recordbatch.Decoder
	for len(rest) > 0 {
		var b recordbatch.Batch
		if b, rest, err = recordbatch.Next(rest); err != nil {
			return out, next, err
		}
		if err := b.VerifyCRC(); err != nil {
			return out, next, err
		}
		next = b.NextOffset()
		for len(list) > 0 && list[0].FirstOffset <= b.LastOffset() {
			aborted[list[0].ProducerID] = true
			list = list[1:]
		}
		if b.Control() {
			delete(aborted, b.ProducerID())
			continue
		}
		if b.Transactional() && aborted[b.ProducerID()] {
			continue
		}
		c, _, err := d.Open(b, nil)
		if err != nil {
			return out, next, err
		}
		for c.Next() {
			out = append(out, fmt.Sprintf("%d:%s", c.Offset, c.Value))
		}
		if c.Err() != nil {
			return out, next, c.Err()
		}
	}
	return out, next, nil
}

func initRequest(id string, p producer) *kmsg.InitProducerIDRequest {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.Version, req.ProducerID, req.ProducerEpoch = 5, p.pid, p.epoch
	if id != "" {
		req.TransactionalID, req.TransactionTimeoutMillis = &id, 60_000
	}
	return req
}

func (r *rig) initProducer(id string, p producer) (producer, error) {
	resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, initRequest(id, p))
	if err != nil {
		return producer{}, err
	}
	ip := resp.(*kmsg.InitProducerIDResponse)
	return producer{id: id, pid: ip.ProducerID, epoch: ip.ProducerEpoch}, codeErr(ip.ErrorCode)
}

func (r *rig) init(id string) producer {
	r.t.Helper()
	p, err := r.initProducer(id, nobody)
	if err != nil {
		r.t.Fatalf("init %q: %v", id, err)
	}
	return p
}

func endRequest(p producer, commit bool) *kmsg.EndTxnRequest {
	req := kmsg.NewPtrEndTxnRequest()
	req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = 5, p.id, p.pid, p.epoch, commit
	return req
}

func (r *rig) tryEnd(p producer, commit bool) (producer, error) {
	resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, endRequest(p, commit))
	if err != nil {
		return producer{}, err
	}
	e := resp.(*kmsg.EndTxnResponse)
	return producer{id: p.id, pid: e.ProducerID, epoch: e.ProducerEpoch}, codeErr(e.ErrorCode)
}

func (r *rig) end(p producer, commit bool) producer {
	r.t.Helper()
	next, err := r.tryEnd(p, commit)
	if err != nil {
		r.t.Fatalf("end of %q, commit %v: %v", p.id, commit, err)
	}
	return next
}

// stage stages one offset of a group without members in p's transaction.
func (r *rig) tryStage(p producer, group, topic string, index int32, offset int64) error {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version, req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = 5, p.id, group, p.pid, p.epoch
	req.Generation = -1
	rt := kmsg.NewTxnOffsetCommitRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset = index, offset
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := r.b.Handle(context.Background(), brokerlite.Embedded, req)
	if err != nil {
		return err
	}
	return codeErr(resp.(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0].ErrorCode)
}

func (r *rig) committed(group, topic string, index int32, stable bool) (int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.RequireStable = 8, stable
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = topic, []int32{index}
	g.Topics = append(g.Topics, gt)
	req.Groups = append(req.Groups, g)
	resp := r.do(req).(*kmsg.OffsetFetchResponse)
	p := resp.Groups[0].Topics[0].Partitions[0]
	return p.Offset, codeErr(p.ErrorCode)
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func wantErr(t *testing.T, what string, got error, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
