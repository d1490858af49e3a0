package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrun/millrun/brokerlite/recordbatch"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
)

// fetch is the loop of the reader's goroutine: one request under way at a time, for all partitions, as long as there is
// room.
func (r *reader) fetch() {
	defer close(r.done)
	pause := firstPause
	for {
		ctx, req, asked := r.prepare()
		if req == nil {
			return
		}
		resp, err := req.RequestWith(ctx, r.log)
		again, ok := r.take(resp, err, asked)
		if !ok {
			return
		}
		if !again {
			pause = firstPause
			continue
		}
		r.rest(pause)
		pause = min(2*pause, lastPause)
	}
}

// rest waits before a temporary fault is tried again, in real time for the reasons of retry.
func (r *reader) rest(d time.Duration) {
	timer := clock.System.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-r.kick:
		signal(r.kick) // prepare looks
	}
}

// prepare waits until there is something to ask and room for the answer, and gives the request with the sources it asks
// for; a nil request after Close.
func (r *reader) prepare() (context.Context, *kmsg.FetchRequest, map[commitlog.Partition]*source) {
	for {
		r.mu.Lock()
		if r.mu.closed {
			r.mu.Unlock()
			return nil, nil, nil
		}
		narrow := !r.room()
		if req, asked := r.request(narrow); len(asked) > 0 {
			ctx, cancel := context.WithCancel(context.Background())
			r.mu.cancel, r.mu.narrow = cancel, narrow
			r.mu.Unlock()
			return ctx, req, asked
		}
		r.mu.Unlock()
		<-r.kick
	}
}

// request asks for every source without a fault, narrow: for the starved ones only. The one Poll looks at next comes first, so
// that a small limit starves nobody.
func (r *reader) request(narrow bool) (*kmsg.FetchRequest, map[commitlog.Partition]*source) {
	req := kmsg.NewPtrFetchRequest()
	req.Version = 12
	req.ReplicaID = -1
	req.MaxWaitMillis = millis(r.c.MaxWait)
	req.MinBytes = 1
	req.MaxBytes = int32(min(r.c.BufferBytes-r.mu.held, 1<<31-1))
	if narrow {
		req.MaxBytes = int32(min(r.c.BatchBytes, 1<<31-1))
	}
	req.IsolationLevel = isolationLevel(r.c.Isolation)
	req.SessionID, req.SessionEpoch = 0, -1
	asked := make(map[commitlog.Partition]*source, len(r.mu.sources))
	topics := make(map[string]int, len(r.mu.sources))
	for i := range r.mu.sources {
		s := r.mu.sources[(r.mu.turn+i)%len(r.mu.sources)]
		if s.stopped || narrow && !s.starved() {
			continue
		}
		asked[s.partition] = s
		at, ok := topics[s.partition.Topic]
		if !ok {
			at = len(req.Topics)
			topics[s.partition.Topic] = at
			t := kmsg.NewFetchRequestTopic()
			t.Topic = s.partition.Topic
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch, p.LastFetchedEpoch = s.partition.Index, -1, -1
		p.FetchOffset, p.PartitionMaxBytes = s.next, int32(min(r.c.BatchBytes, 1<<31-1))
		req.Topics[at].Partitions = append(req.Topics[at].Partitions, p)
	}
	return req, asked
}

// take queues an answer. again: a temporary fault, ask after a pause. ok is false when the reader has come to its end.
func (r *reader) take(resp *kmsg.FetchResponse, err error, asked map[commitlog.Partition]*source) (again, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.cancel()
	r.mu.cancel, r.mu.narrow = nil, false
	if r.mu.closed {
		return false, false
	}
	if err == nil && resp.ErrorCode != 0 {
		if temporary(resp.ErrorCode) {
			return true, true
		}
		err = codeError(resp.ErrorCode, "")
	}
	if errors.Is(err, commitlog.ErrUnavailable) { // refetch has cancelled it
		return false, true
	}
	if err != nil {
		r.mu.fatal = fmt.Errorf("fetch: %w", err)
		signal(r.ready)
		return false, false
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			s := asked[commitlog.Partition{Topic: t.Topic, Index: p.Partition}]
			if s == nil || s.dropped || s.stopped {
				continue
			}
			if temporary(p.ErrorCode) {
				again = true
				continue
			}
			r.queue(s, p)
		}
	}
	return again, true
}

// queue puts one partition's part of an answer behind what its source has.
func (r *reader) queue(s *source, p *kmsg.FetchResponseTopicPartition) {
	if p.ErrorCode != 0 {
		detail := ""
		if p.ErrorCode == codeOutOfRange {
			detail = fmt.Sprintf("the log has %d to %d", p.LogStartOffset, p.HighWatermark)
		}
		s.fail(r.log.partitionError(p.ErrorCode, detail), s.next)
		signal(r.ready)
		return
	}
	next, whole, err := end(p.RecordBatches)
	if whole > 0 {
		p.RecordBatches = p.RecordBatches[:whole]
		s.answers = append(s.answers, newAnswer(p))
		s.next = max(s.next, next)
		r.mu.held += whole
		r.mu.queued += whole
		signal(r.ready)
	}
	if err != nil {
		s.fail(corruptError(err), s.next)
		signal(r.ready)
	}
}

// corruptError is a fault of raw bytes as the contract has it.
func corruptError(err error) error {
	if errors.Is(err, recordbatch.ErrTooLarge) {
		return fmt.Errorf("%w: %w", commitlog.ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", commitlog.ErrCorrupt, err)
}
