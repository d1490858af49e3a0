package recordbatch

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// peer is a broker for one sarama client: it keeps what Produce sent and answers Fetch with a given batch.
type peer struct {
	produced []byte
	fetched  []byte
}

// serve answers one request.
func (p *peer) serve(conn net.Conn) error {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, frame); err != nil {
		return err
	}
	req := kmsg.RequestForKey(int16(binary.BigEndian.Uint16(frame)))
	req.SetVersion(int16(binary.BigEndian.Uint16(frame[2:])))
	client := int(binary.BigEndian.Uint16(frame[8:]))
	if err := req.ReadFrom(frame[10+client:]); err != nil {
		return err
	}
	answer := append(make([]byte, 4), frame[4:8]...)
	resp := req.ResponseKind()
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		p.produced = req.Topics[0].Partitions[0].Records
		part := kmsg.NewProduceResponseTopicPartition()
		resp.(*kmsg.ProduceResponse).Topics = []kmsg.ProduceResponseTopic{{Topic: "t", Partitions: []kmsg.ProduceResponseTopicPartition{part}}}
	case *kmsg.FetchRequest:
		part := kmsg.NewFetchResponseTopicPartition()
		part.RecordBatches = p.fetched
		resp.(*kmsg.FetchResponse).Topics = []kmsg.FetchResponseTopic{{Topic: "t", Partitions: []kmsg.FetchResponseTopicPartition{part}}}
	}
	answer = resp.AppendTo(answer)
	binary.BigEndian.PutUint32(answer, uint32(len(answer)-4))
	_, err := conn.Write(answer)
	return err
}

// dial gives a sarama connection to p.
func (p *peer) dial(t *testing.T) *sarama.Broker {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for p.serve(conn) == nil {
		}
	}()
	c := sarama.NewConfig()
	c.Version = sarama.V2_1_0_0
	c.ApiVersionsRequest = false
	broker := sarama.NewBroker(listener.Addr().String())
	if err := broker.Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		broker.Close()
		listener.Close()
		<-ended
	})
	return broker
}

// peerRecords are sampleRecords without what sarama does not keep: it reads an empty byte string as nil, and its deltas
// count nanoseconds, so distances of many years overflow.
func peerRecords() []Record {
	records := sampleRecords()
	records[2].Key, records[2].Value = []byte("e"), []byte("e")
	records[3].Headers = records[3].Headers[:2]
	records[3].Timestamp = 1700086400000
	records[5].Timestamp = 1700000000000
	for i := range records {
		records[i].Offset = int64(i)
	}
	return records
}

func TestSaramaReadsWhatEncoderWrites(t *testing.T) {
	for c := None; c <= Zstd; c++ {
		want := peerRecords()
		b := build(t, c, Producer{ID: 7, Epoch: 3, Sequence: 11, Transactional: true}, want)
		p := &peer{fetched: b}
		req := &sarama.FetchRequest{Version: 10, MinBytes: 1}
		req.AddBlock("t", 0, 0, 1<<20, -1)
		resp, err := p.dial(t).Fetch(req)
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		sets := resp.GetBlock("t", 0).RecordsSet
		if len(sets) != 1 {
			t.Fatalf("%v: sarama reads %d batches", c, len(sets))
		}
		got := sets[0].RecordBatch
		if got.FirstOffset != 100 || got.ProducerID != 7 || got.ProducerEpoch != 3 || got.FirstSequence != 11 || !got.IsTransactional {
			t.Errorf("%v: sarama reads the header as %+v", c, got)
		}
		if diff := cmp.Diff(want, fromSarama(got)); diff != "" {
			t.Errorf("%v: records differ (-want +got):\n%s", c, diff)
		}
	}
}

func fromSarama(b *sarama.RecordBatch) []Record {
	var records []Record
	for _, r := range b.Records {
		record := Record{Key: r.Key, Value: r.Value, Offset: b.FirstOffset + r.OffsetDelta,
			Timestamp: b.FirstTimestamp.Add(r.TimestampDelta).UnixMilli()}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, Header{string(h.Key), h.Value})
		}
		records = append(records, record)
	}
	return records
}

func TestDecoderReadsWhatSaramaWrites(t *testing.T) {
	for c := None; c <= Zstd; c++ {
		want := peerRecords()
		first := time.UnixMilli(want[0].Timestamp)
		batch := &sarama.RecordBatch{Version: 2, Codec: sarama.CompressionCodec(c), FirstTimestamp: first,
			MaxTimestamp: time.UnixMilli(want[3].Timestamp), ProducerID: 7, ProducerEpoch: 3, FirstSequence: 11,
			LastOffsetDelta: int32(len(want) - 1), CompressionLevel: sarama.CompressionLevelDefault}
		for i, r := range want {
			record := &sarama.Record{Key: r.Key, Value: r.Value, OffsetDelta: int64(i),
				TimestampDelta: time.UnixMilli(r.Timestamp).Sub(first)}
			for _, h := range r.Headers {
				record.Headers = append(record.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
			}
			batch.Records = append(batch.Records, record)
		}
		p := &peer{}
		req := &sarama.ProduceRequest{Version: 7, RequiredAcks: sarama.WaitForAll}
		req.AddBatch("t", 0, batch)
		if _, err := p.dial(t).Produce(req); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		if err := Check(p.produced, 0); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		if diff := cmp.Diff(want, decode(t, p.produced)); diff != "" {
			t.Errorf("%v: records differ (-want +got):\n%s", c, diff)
		}
	}
}

func TestFranzGoReadsWhatEncoderWrites(t *testing.T) {
	for c := None; c <= Zstd; c++ {
		want := sampleRecords()
		want[3].Timestamp = 1700086400000 // franz-go counts nanoseconds: far distances overflow there too
		part := kmsg.NewFetchResponseTopicPartition()
		part.RecordBatches = build(t, c, NoProducer, want)
		marker := AppendMarker(nil, Marker{Commit: true, ProducerID: 7, BaseOffset: 106})
		part.RecordBatches = append(part.RecordBatches, marker...)
		got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: "t"}, &part, kgo.DefaultDecompressor(), nil)
		if got.Err != nil || next != 107 {
			t.Fatalf("%v: franz-go reads to %d: %v", c, next, got.Err)
		}
		var records []Record
		for _, r := range got.Records {
			record := Record{Key: r.Key, Value: r.Value, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli()}
			for _, h := range r.Headers {
				record.Headers = append(record.Headers, Header(h))
			}
			records = append(records, record)
		}
		if diff := cmp.Diff(want, records); diff != "" {
			t.Errorf("%v: records differ (-want +got):\n%s", c, diff)
		}
	}
}

func TestDecoderReadsWhatFranzGoWrites(t *testing.T) {
	want := peerRecords()
	batch := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(len(want) - 1),
		FirstTimestamp: want[0].Timestamp, MaxTimestamp: want[3].Timestamp, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: int32(len(want))}
	for i, r := range want {
		record := kmsg.Record{Key: r.Key, Value: r.Value, OffsetDelta: int32(i), TimestampDelta64: r.Timestamp - want[0].Timestamp}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
		}
		record.Length = int32(len(record.AppendTo(nil)) - 1) // one byte for the length 0
		batch.Records = record.AppendTo(batch.Records)
	}
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[atLength:], uint32(len(raw)-PrefixBytes))
	Batch(raw).seal()
	if err := Check(raw, 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, decode(t, raw)); diff != "" {
		t.Errorf("records differ (-want +got):\n%s", diff)
	}
}
