package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/brokerlite/recordbatch"
)

// recordQuery is what the flags of log inspect ask for.
type recordQuery struct {
	topic        string
	partition    int32 // -1: all
	from, to     string
	limit        int // 0: all
	keys, values datumFormat
}

// bound is one end of what is asked for: an offset, or else a time in ms.
type bound struct {
	set    bool
	isTime bool
	at     int64
}

func parseBound(c *cobra.Command, name, s string) (bound, error) {
	if s == "" {
		return bound{}, nil
	}
	if at, err := strconv.ParseInt(s, 10, 64); err == nil {
		return bound{set: true, at: at}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return bound{}, usagef(c, "--%s is %q, want an offset or a time as 2006-01-02T15:04:05Z", name, s)
	}
	return bound{set: true, isTime: true, at: t.UnixMilli()}, nil
}

// below says that a record lies below the bound.
func (b bound) below(offset, ms int64) bool {
	if b.isTime {
		return ms < b.at
	}
	return offset < b.at
}

// record is one record or marker as log inspect shows it. Its JSON field names stay.
type record struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Time      string   `json:"time"`  // RFC 3339; "" for none
	Key       *datum   `json:"key"`   // null for none
	Value     *datum   `json:"value"` // null for a tombstone
	Decoded   string   `json:"decoded,omitempty"`
	Headers   []header `json:"headers,omitempty"`
	Producer  string   `json:"producer,omitempty"`    // id/epoch; "" for none
	Outcome   string   `json:"transaction,omitempty"` // committed, aborted, open; "" outside of transactions
	Marker    string   `json:"marker,omitempty"`      // commit or abort
}

type header struct {
	Key   string `json:"key"`
	Value *datum `json:"value"`
}

func inspectRecords(c *cobra.Command, s streams, f format, dir string, q *recordQuery) error {
	from, err := parseBound(c, "from", q.from)
	to, toErr := parseBound(c, "to", q.to)
	if err := errors.Join(err, toErr); err != nil {
		return err
	}
	if q.limit < 0 {
		return usagef(c, "--limit is %d, want 0 or more", q.limit)
	}
	topics, err := brokerlite.Topics(nil, dir)
	if err != nil {
		return damaged(err, dir)
	}
	partitions, err := q.choose(dir, topics)
	if err != nil {
		return err
	}
	all := []*record{}
	more := false
	for _, p := range partitions {
		r := recordReader{query: q, start: p.Start, from: from, to: to, room: q.limit - len(all), index: p.Index,
			open: map[string][]*record{}}
		if err := r.read(dir); err != nil {
			return damaged(err, dir)
		}
		all, more = append(all, r.records...), more || r.more
	}
	if more {
		fmt.Fprintf(s.err, "there are more records: raise --limit, which is %d\n", q.limit)
	}
	if f == formatJSON {
		return writeJSON(s.out, all)
	}
	return writeRecords(s, all)
}

// choose gives the partitions that are asked for.
func (q *recordQuery) choose(dir string, topics []brokerlite.InspectedTopic) ([]brokerlite.InspectedPartition, error) {
	for _, t := range topics {
		switch {
		case t.Name != q.topic:
			continue
		case q.partition < 0:
			return t.Partitions, nil
		case int(q.partition) < len(t.Partitions):
			return t.Partitions[q.partition : q.partition+1], nil
		}
		return nil, fmt.Errorf("%w: topic %s has %d partitions, counted from 0", brokerlite.ErrNoPartition, q.topic, len(t.Partitions))
	}
	return nil, fmt.Errorf("%w: %s has no topic %s; \"millrun log inspect %s\" lists them", brokerlite.ErrNoPartition, dir, q.topic, dir)
}

func writeRecords(s streams, all []*record) error {
	rows := [][]string{}
	for _, r := range all {
		value := r.Value.String()
		switch {
		case r.Marker != "":
			value = "marker: " + r.Marker
		case r.Decoded != "":
			value = r.Decoded
		}
		headers := []string{}
		for _, h := range r.Headers {
			headers = append(headers, h.Key+"="+h.Value.String())
		}
		rows = append(rows, []string{strconv.Itoa(int(r.Partition)), strconv.FormatInt(r.Offset, 10), r.Time, r.Key.String(), value,
			strings.Join(headers, " "), r.Producer, r.Outcome})
	}
	return writeTable(s.out, []string{"partition", "offset", "time", "key", "value", "headers", "producer", "transaction"}, rows)
}

// errEnough ends a walk.
var errEnough = errors.New("enough")

// recordReader reads the records of one partition that are asked for.
type recordReader struct {
	query    *recordQuery
	index    int32
	start    int64 // what lies below was deleted
	from, to bound
	room     int // how many may still be shown; not used without a limit
	decoder  recordbatch.Decoder
	spill    []byte
	records  []*record
	open     map[string][]*record // by producer: shown, and the end of their transaction not seen yet
	more     bool
	past     bool // nothing more is shown, but ends of transactions are looked for
}

func (r *recordReader) read(dir string) error {
	err := brokerlite.Batches(nil, dir, r.query.topic, r.index, r.batch)
	if errors.Is(err, errEnough) {
		err = nil
	}
	for _, records := range r.open {
		for _, left := range records {
			left.Outcome = "open"
		}
	}
	return err
}

func (r *recordReader) batch(b brokerlite.InspectedBatch, data recordbatch.Batch) error {
	if r.past && len(r.open) == 0 {
		return errEnough
	}
	if b.Marker {
		return r.marker(b, data)
	}
	if r.past {
		return nil
	}
	c, spill, err := r.decoder.Open(data, r.spill[:0])
	if err != nil {
		return err
	}
	r.spill = spill
	for c.Next() {
		if r.wanted(c.Offset, c.Timestamp) {
			r.add(b, r.show(&c))
		}
	}
	return c.Err()
}

// wanted says whether to show what stands at offset, and notes when nothing behind it is.
func (r *recordReader) wanted(offset, ms int64) bool {
	switch {
	case r.past || offset < r.start || r.from.set && r.from.below(offset, ms):
		return false
	case r.to.set && !r.to.below(offset, ms):
		r.past = r.past || !r.to.isTime // times need not rise with offsets
		return false
	case r.query.limit > 0 && len(r.records) >= r.room:
		r.past, r.more = true, true
		return false
	}
	return true
}

func (r *recordReader) add(b brokerlite.InspectedBatch, shown *record) {
	shown.Topic, shown.Partition = b.Topic, b.Partition
	if b.ProducerID >= 0 {
		shown.Producer = fmt.Sprintf("%d/%d", b.ProducerID, b.ProducerEpoch)
	}
	if b.Transactional && !b.Marker {
		id := strconv.FormatInt(b.ProducerID, 10)
		r.open[id] = append(r.open[id], shown)
	}
	r.records = append(r.records, shown)
}

// marker ends the transaction of a producer, and is shown itself.
func (r *recordReader) marker(b brokerlite.InspectedBatch, data recordbatch.Batch) error {
	m, err := recordbatch.ParseMarker(data)
	if errors.Is(err, recordbatch.ErrInvalid) {
		return nil // of a kind that readers pass over
	}
	if err != nil {
		return err
	}
	word, outcome := "abort", "aborted"
	if m.Commit {
		word, outcome = "commit", "committed"
	}
	id := strconv.FormatInt(m.ProducerID, 10)
	for _, ended := range r.open[id] {
		ended.Outcome = outcome
	}
	delete(r.open, id)
	if r.wanted(b.First, m.Timestamp) {
		r.add(b, &record{Offset: b.First, Time: showTime(m.Timestamp), Marker: word})
	}
	return nil
}

func (r *recordReader) show(c *recordbatch.Cursor) *record {
	out := &record{Offset: c.Offset, Time: showTime(c.Timestamp), Key: r.query.keys.show(c.Key), Value: r.query.values.show(c.Value)}
	for h := c.Headers(); h.Next(); {
		out.Headers = append(out.Headers, header{string(h.Key), autoFormat.show(h.Value)})
	}
	if r.query.values == autoFormat && strings.HasSuffix(r.query.topic, ".journal") {
		out.Decoded = showJournal(c.Key, c.Value)
	}
	return out
}
