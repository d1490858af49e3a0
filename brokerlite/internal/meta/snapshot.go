package meta

import "slices"

// Snapshot is the broker's whole state at one position of the write-ahead log (S-56): replay goes on behind LSN.
type Snapshot struct {
	LSN         uint64 // the newest record contained
	Clean       bool   // written by Close after everything was synced: no leader epoch is due
	ClusterID   string
	NextHandle  Handle
	NextPID     int64
	Topics      []*Topic    // by name
	Partitions  []Partition // by handle
	Txns        []Txn       // by id
	GroupsState []byte      // of the group coordinator, opaque here
}

// Partition is one partition: its log up to Next, all of it synced, and what its batches mean. Aborted transactions are
// in the index of the segments.
type Partition struct {
	Handle    Handle
	LogStart  int64     // the first offset that may be read
	Next      int64     // the next offset
	Segments  []Segment // ascending; the last grows; none before the first append
	Epochs    []EpochStart
	Producers []Producer // by id
	Open      []OpenTxn  // by first offset
}

// Segment is one segment file as far as it counts: seglog.KnownSegment.
type Segment struct {
	Base, Bytes, MaxTimestamp, AbortedFrom, CreatedAt int64
	Compacted                                         bool
}

// EpochStart says at which offset a leader epoch began.
type EpochStart struct {
	Epoch int32
	Start int64
}

// Producer is what a partition remembers of a producer: at most five batches, oldest first.
type Producer struct {
	ID        int64
	Epoch     int16
	Timestamp int64 // ms, of the newest batch by the broker's clock
	Last      int32 // last sequence; -1 after a marker
	Batches   []Window
}

// Window is one remembered batch.
type Window struct {
	First, Last int32 // sequences
	Base, End   int64 // first and last offset
	Timestamp   int64 // ms given by the broker on a topic with LogAppendTime, else -1
}

// OpenTxn is a transaction with data in the partition and no marker yet.
type OpenTxn struct{ PID, First int64 }

// Txn is the coordinator's state of one transactional id.
type Txn struct {
	TxnInit
	Result     int8
	Open       bool
	Partitions []Handle
	Groups     []string
}

func (s *Snapshot) body() []byte {
	var w Writer
	w.Uint(s.LSN)
	w.Bool(s.Clean)
	w.String(s.ClusterID)
	w.Uint(uint64(s.NextHandle))
	w.Int(s.NextPID)
	w.Uint(uint64(len(s.Topics)))
	for _, t := range s.Topics {
		w.B = t.Append(w.B)
	}
	w.Uint(uint64(len(s.Partitions)))
	for i := range s.Partitions {
		s.Partitions[i].write(&w)
	}
	w.Uint(uint64(len(s.Txns)))
	for i := range s.Txns {
		s.Txns[i].write(&w)
	}
	w.Bytes(s.GroupsState)
	return w.B
}

func readSnapshotBody(b []byte) (*Snapshot, error) {
	r := NewReader(b)
	s := &Snapshot{LSN: r.Uint(), Clean: r.Bool(), ClusterID: r.String(), NextHandle: Handle(r.Uint()), NextPID: r.Int()}
	for range r.Count() {
		s.Topics = append(s.Topics, readTopic(r))
	}
	for range r.Count() {
		s.Partitions = append(s.Partitions, readPartition(r))
	}
	for range r.Count() {
		s.Txns = append(s.Txns, readTxn(r))
	}
	s.GroupsState = slices.Clone(r.Bytes())
	return s, r.Done()
}

func (p *Partition) write(w *Writer) {
	w.Uint(uint64(p.Handle))
	w.Int(p.LogStart)
	w.Int(p.Next)
	w.Uint(uint64(len(p.Segments)))
	for _, s := range p.Segments {
		for _, v := range [...]int64{s.Base, s.Bytes, s.MaxTimestamp, s.AbortedFrom, s.CreatedAt} {
			w.Int(v)
		}
		w.Bool(s.Compacted)
	}
	w.Uint(uint64(len(p.Epochs)))
	for _, e := range p.Epochs {
		w.Int(int64(e.Epoch))
		w.Int(e.Start)
	}
	w.Uint(uint64(len(p.Producers)))
	for i := range p.Producers {
		p.Producers[i].write(w)
	}
	w.Uint(uint64(len(p.Open)))
	for _, o := range p.Open {
		w.Int(o.PID)
		w.Int(o.First)
	}
}

func readPartition(r *Reader) Partition {
	p := Partition{Handle: Handle(r.Uint()), LogStart: r.Int(), Next: r.Int()}
	for range r.Count() {
		p.Segments = append(p.Segments, Segment{r.Int(), r.Int(), r.Int(), r.Int(), r.Int(), r.Bool()})
	}
	for range r.Count() {
		p.Epochs = append(p.Epochs, EpochStart{int32(r.Int()), r.Int()})
	}
	for range r.Count() {
		p.Producers = append(p.Producers, readProducer(r))
	}
	for range r.Count() {
		p.Open = append(p.Open, OpenTxn{r.Int(), r.Int()})
	}
	return p
}

func (p *Producer) write(w *Writer) {
	w.Int(p.ID)
	w.Int(int64(p.Epoch))
	w.Int(p.Timestamp)
	w.Int(int64(p.Last))
	w.Uint(uint64(len(p.Batches)))
	for _, b := range p.Batches {
		for _, v := range [...]int64{int64(b.First), int64(b.Last), b.Base, b.End, b.Timestamp} {
			w.Int(v)
		}
	}
}

func readProducer(r *Reader) Producer {
	p := Producer{ID: r.Int(), Epoch: int16(r.Int()), Timestamp: r.Int(), Last: int32(r.Int())}
	for range r.Count() {
		p.Batches = append(p.Batches, Window{int32(r.Int()), int32(r.Int()), r.Int(), r.Int(), r.Int()})
	}
	return p
}

func (t *Txn) write(w *Writer) {
	w.B = t.TxnInit.Append(w.B)
	w.Int(int64(t.Result))
	w.Bool(t.Open)
	writeHandles(w, t.Partitions)
	w.Uint(uint64(len(t.Groups)))
	for _, g := range t.Groups {
		w.String(g)
	}
}

func readTxn(r *Reader) Txn {
	t := Txn{TxnInit: TxnInit{ID: r.String(), PID: r.Int(), Epoch: int16(r.Int()), LastPID: r.Int(),
		LastEpoch: int16(r.Int()), TimeoutMillis: r.Int()}, Result: int8(r.Int()), Open: r.Bool(), Partitions: readHandles(r)}
	for range r.Count() {
		t.Groups = append(t.Groups, r.String())
	}
	return t
}
