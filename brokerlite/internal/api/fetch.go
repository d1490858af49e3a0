package api

import (
	"context"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/engine"
	"github.com/millrun/millrun/brokerlite/internal/partition"
	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetch answers Fetch, versions 4 to 18. It waits until MinBytes are there, a partition has an error, or MaxWaitMillis
// have passed (S24). There are no sessions: the session id of every answer is 0, which tells clients so (S25). There are
// no followers: a replica id is refused. No answer has more than maxFetchBytes and one batch, and MinBytes above what an
// answer may have means that much, as in Kafka.
func (s *Server) fetch(ctx context.Context, req *kmsg.FetchRequest) (kmsg.Response, error) {
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	switch {
	case req.Version < 15 && req.ReplicaID >= 0 || req.Version >= 15 && req.ReplicaState.ID >= 0:
		resp.ErrorCode = kerr.InvalidRequest.Code
		return resp, nil
	case req.SessionID > 0:
		resp.ErrorCode = kerr.FetchSessionIDNotFound.Code
		return resp, nil
	}
	w := s.newFetchWork(req)
	w.most = min(int(req.MaxBytes), maxFetchBytes)
	defer w.unwatch()
	if err := w.wait(ctx); err != nil {
		return nil, err
	}
	w.fill(resp)
	return resp, nil
}

// maxFetchBytes is fetch.max.bytes of Kafka's broker: what a client that sets no limit of its own can make one answer hold.
const maxFetchBytes = 55 << 20

// fetchWork is one fetch under way.
type fetchWork struct {
	s         *Server
	req       *kmsg.FetchRequest
	parts     []fetchPart // in the order of the request
	committed bool
	bytes     int
	most      int  // bytes of the answer
	answer    bool // an error or a diverging epoch: answer at once
	changed   chan struct{}
}

// fetchPart is one partition of it: data read so far, and where to read on.
type fetchPart struct {
	in   *kmsg.FetchRequestTopicPartition
	p    *partition.Partition
	data []byte
	next int64
	view partition.View
	code int16

	divergingEpoch int32
	divergingEnd   int64
}

func (s *Server) newFetchWork(req *kmsg.FetchRequest) *fetchWork {
	w := &fetchWork{s: s, req: req, committed: req.IsolationLevel == 1, changed: make(chan struct{}, 1)}
	n := 0
	for i := range req.Topics {
		n += len(req.Topics[i].Partitions)
	}
	w.parts = make([]fetchPart, 0, n)
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			in := &t.Partitions[j]
			f := fetchPart{in: in, next: in.FetchOffset, divergingEpoch: -1, divergingEnd: -1}
			f.p, f.code = s.find(req.Version >= 13, t.Topic, t.TopicID, in.Partition)
			if f.code == 0 {
				f.view = f.p.View()
				f.code = epochCode(in.CurrentLeaderEpoch, f.view.Epoch)
			}
			if f.code == 0 && in.LastFetchedEpoch >= 0 && req.Version >= 12 {
				f.diverges(in)
			}
			w.answer = w.answer || f.code != 0 || f.divergingEnd >= 0
			w.parts = append(w.parts, f)
		}
	}
	return w
}

// diverges sees whether the client has read another history: its epoch ends before its offset here (KIP-320).
func (f *fetchPart) diverges(in *kmsg.FetchRequestTopicPartition) {
	epoch, end := f.p.EndOfEpoch(in.LastFetchedEpoch)
	if epoch < in.LastFetchedEpoch || end < in.FetchOffset {
		f.divergingEpoch, f.divergingEnd = epoch, max(end, 0)
	}
}

// wait reads until there is enough.
func (w *fetchWork) wait(ctx context.Context) error {
	w.read()
	if w.enough() {
		return nil
	}
	timer := w.s.e.Clock().NewTimer(time.Duration(w.req.MaxWaitMillis) * time.Millisecond)
	defer timer.Stop()
	for i := range w.parts {
		if f := &w.parts[i]; f.p != nil {
			f.p.Watch(w.changed)
		}
	}
	for {
		// Reading comes after Watch: what became visible in between has been signalled or is read here.
		w.read()
		if w.enough() {
			return nil
		}
		select {
		case <-w.changed:
		case <-timer.C():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-w.s.e.Stopping():
			return engine.ErrClosed
		case <-w.s.e.Failed():
			return w.s.e.Err()
		}
	}
}

func (w *fetchWork) enough() bool {
	return w.answer || w.bytes >= min(int(w.req.MinBytes), w.most) || w.req.MaxWaitMillis <= 0 || len(w.parts) == 0
}

func (w *fetchWork) unwatch() {
	for i := range w.parts {
		if f := &w.parts[i]; f.p != nil {
			f.p.Unwatch(w.changed)
		}
	}
}

// read takes what is new, partitions in turn: each fetch begins with another one.
func (w *fetchWork) read() {
	n := len(w.parts)
	if n == 0 {
		return
	}
	start := int(w.s.turn.Add(1)) % n
	for i := range w.parts {
		f := &w.parts[(start+i)%n]
		if f.code != 0 || f.divergingEnd >= 0 {
			continue
		}
		w.readOne(f)
		w.answer = w.answer || f.code != 0
	}
}

// readOne reads one partition on. The very first batch of an answer may pass the limits, no other (KIP-74).
func (w *fetchWork) readOne(f *fetchPart) {
	room := min(w.most-w.bytes, int(f.in.PartitionMaxBytes)-len(f.data))
	if room <= 0 && (w.bytes > 0 || len(f.data) > 0) {
		f.view = f.p.View()
		return
	}
	had := len(f.data)
	f.data, f.view, f.code = f.p.Read(f.next, max(room, 1), w.committed, f.data)
	if got := len(f.data) - had; got > 0 {
		if got > room && w.bytes > 0 {
			f.data = f.data[:had]
			return
		}
		f.next = lastBatch(f.data[had:]).NextOffset()
		w.bytes += got
	}
}

// lastBatch is the last of whole batches.
func lastBatch(data []byte) recordbatch.Batch {
	for {
		batch, rest, err := recordbatch.Next(data)
		if err != nil || len(rest) == 0 {
			return batch
		}
		data = rest
	}
}

// fill writes the answer.
func (w *fetchWork) fill(resp *kmsg.FetchResponse) {
	i := 0
	for t := range w.req.Topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = w.req.Topics[t].Topic, w.req.Topics[t].TopicID
		for range w.req.Topics[t].Partitions {
			rt.Partitions = append(rt.Partitions, w.parts[i].fill(w.committed))
			i++
		}
		resp.Topics = append(resp.Topics, rt)
	}
}

func (f *fetchPart) fill(committed bool) kmsg.FetchResponseTopicPartition {
	r := kmsg.NewFetchResponseTopicPartition()
	r.Partition = f.in.Partition
	r.HighWatermark, r.LastStableOffset, r.LogStartOffset = -1, -1, -1
	if f.p != nil {
		r.HighWatermark, r.LastStableOffset, r.LogStartOffset = f.view.High, f.view.Stable, f.view.LogStart
	}
	if f.code == 0 && committed {
		f.code = f.aborted(&r)
	}
	if r.ErrorCode = f.code; r.ErrorCode != 0 {
		return r
	}
	if f.divergingEnd >= 0 {
		r.DivergingEpoch.Epoch, r.DivergingEpoch.EndOffset = f.divergingEpoch, f.divergingEnd
		return r
	}
	r.RecordBatches = f.data
	return r
}

// aborted lists the aborted transactions of what is returned, and no others (S14).
func (f *fetchPart) aborted(r *kmsg.FetchResponseTopicPartition) int16 {
	r.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
	if len(f.data) == 0 {
		return 0
	}
	list, code := f.p.Aborted(recordbatch.Batch(f.data).BaseOffset(), f.next)
	for _, a := range list {
		t := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
		t.ProducerID, t.FirstOffset = a.ProducerID, a.First
		r.AbortedTransactions = append(r.AbortedTransactions, t)
	}
	return code
}
