package logtest

import (
	"fmt"
	"strings"

	"github.com/millrun/millrun/commitlog"
)

var releasing = []testCase{
	{name: "BytesStayUntilRelease", run: bytesStayUntilRelease},
	{name: "BytesAreSpoiledAfterReleaseInTestBuilds", needs: hasChecks, run: bytesAreSpoiledAfterRelease},
	{name: "UnreleasedBatchesHoldTheReaderBack", run: unreleasedBatchesHoldTheReaderBack},
	{name: "HeadersShareOneArray", run: headersShareOneArray},
}

func bytesStayUntilRelease(k *kit) {
	p := k.partition()
	const n = 40
	w := k.writer(commitlog.WriterConfig{Compression: "lz4"})
	for i := range n {
		_, err := w.Append(k.ctx, p, values(fmt.Sprint(i), strings.Repeat("x", 5000)))
		k.ok(err)
	}
	r := k.reader(commitlog.ReaderConfig{BatchBytes: 100})
	r.Seek(p, 0)
	var held []*commitlog.Batch
	for next := int64(0); next < 2*n; {
		b, err := k.poll(r)
		k.ok(err)
		next = b.Next
		held = append(held, b)
	}
	records := 0
	for len(held) > 0 { // the youngest and the oldest in turn, each looked at just before
		last := len(held) - 1
		b := held[last]
		if last%2 == 0 {
			b, held = held[0], held[1:]
		} else {
			held = held[:last]
		}
		for _, record := range b.Records {
			if record.Offset%2 == 0 {
				k.equal("value", string(record.Value), record.Offset/2)
			}
			records++
		}
		b.Release()
		b.Release() // of a batch already released: nothing
	}
	k.equal("records", records, 2*n)
}

func bytesAreSpoiledAfterRelease(k *kit) {
	p := k.partition()
	k.write(p, "kept too long")
	r := k.reader(commitlog.ReaderConfig{})
	r.Seek(p, 0)
	b, err := k.poll(r)
	k.ok(err)
	kept := b.Records[0].Value
	b.Release()
	if string(kept) == "kept too long" {
		k.Error("a value kept after Release still has its bytes: nobody would notice the mistake")
	}
	k.equal("what the log holds", k.committed(p), []string{"kept too long"})
}

func unreleasedBatchesHoldTheReaderBack(k *kit) {
	p := k.partition()
	w := k.writer(commitlog.WriterConfig{})
	const n = 20
	for range n {
		_, err := w.Append(k.ctx, p, values(strings.Repeat("x", 1000)))
		k.ok(err)
	}
	r := k.reader(commitlog.ReaderConfig{BufferBytes: 3000, BatchBytes: 1000})
	r.Seek(p, 0)
	var held []*commitlog.Batch
	bytes, next := 0, int64(0)
	for bytes < 3000 {
		b, err := k.poll(r)
		k.ok(err)
		for _, record := range b.Records {
			bytes += len(record.Value)
		}
		next = b.Next
		held = append(held, b)
	}
	if bytes > 3000+1000+n {
		k.Errorf("%d bytes are out, the limit is 3000 and one batch", bytes)
	}
	if b, err := r.Poll(k.ctx, 0); b != nil && bytes >= 4000 || err != nil {
		k.Errorf("Poll over the limit gives %v, %v", b, err)
	} else if b != nil {
		next = b.Next
		held = append(held, b)
	}
	for _, b := range held {
		b.Release()
	}
	for next < n {
		b, err := k.poll(r)
		k.ok(err)
		next = b.Next
		b.Release()
	}
}

func headersShareOneArray(k *kit) {
	p := k.partition()
	w := k.writer(commitlog.WriterConfig{})
	var records []commitlog.Record
	for i := range 50 {
		records = append(records, commitlog.Record{Headers: []commitlog.Header{{Key: fmt.Sprint(i), Value: []byte{byte(i)}}}})
	}
	_, err := w.Append(k.ctx, p, records)
	k.ok(err)
	r := k.reader(commitlog.ReaderConfig{})
	r.Seek(p, 0)
	b, err := k.poll(r)
	k.ok(err)
	k.equal("headers", len(b.Headers), len(b.Records))
	for i := range b.Records {
		if &b.Records[i].Headers[0] != &b.Headers[i] || b.Headers[i].Key != fmt.Sprint(i) {
			k.Fatalf("header of record %d is not in the batch's array", i)
		}
	}
	b.Release()
}
