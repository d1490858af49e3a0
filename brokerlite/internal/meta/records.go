package meta

import "sort"

// Setting is one overridden setting of a topic.
type Setting struct{ Name, Value string }

// Topic is a topic with the handles of its partitions, index by index, and its overridden settings, sorted by name.
type Topic struct {
	Name       string
	ID         [16]byte
	Partitions []Handle
	Settings   []Setting
}

// Append appends the payload to dst.
func (t *Topic) Append(dst []byte) []byte {
	w := Writer{B: dst}
	w.String(t.Name)
	w.B = append(w.B, t.ID[:]...)
	writeHandles(&w, t.Partitions)
	writeSettings(&w, t.Settings)
	return w.B
}

// ReadTopic reads what Topic.Append wrote.
func ReadTopic(payload []byte) (*Topic, error) {
	r := NewReader(payload)
	t := readTopic(r)
	return t, r.Done()
}

func readTopic(r *Reader) *Topic {
	t := &Topic{Name: r.String()}
	if len(r.b) < len(t.ID) {
		r.fail("a topic id of 16 bytes")
		return t
	}
	copy(t.ID[:], r.b)
	r.b = r.b[len(t.ID):]
	t.Partitions = readHandles(r)
	t.Settings = readSettings(r)
	return t
}

// TopicGone names a deleted topic and, so that a reader needs no history, the handles that ended with it.
type TopicGone struct {
	Name       string
	Partitions []Handle
}

// Append appends the payload to dst.
func (t *TopicGone) Append(dst []byte) []byte {
	w := Writer{B: dst}
	w.String(t.Name)
	writeHandles(&w, t.Partitions)
	return w.B
}

// ReadTopicGone reads what TopicGone.Append wrote.
func ReadTopicGone(payload []byte) (*TopicGone, error) {
	r := NewReader(payload)
	t := &TopicGone{Name: r.String(), Partitions: readHandles(r)}
	return t, r.Done()
}

// Partitions are the handles added behind those a topic has.
type Partitions struct {
	Topic string
	Added []Handle
}

// Append appends the payload to dst.
func (p *Partitions) Append(dst []byte) []byte {
	w := Writer{B: dst}
	w.String(p.Topic)
	writeHandles(&w, p.Added)
	return w.B
}

// ReadPartitions reads what Partitions.Append wrote.
func ReadPartitions(payload []byte) (*Partitions, error) {
	r := NewReader(payload)
	p := &Partitions{Topic: r.String(), Added: readHandles(r)}
	return p, r.Done()
}

// Configs replace all overridden settings of a topic.
type Configs struct {
	Topic    string
	Settings []Setting
}

// Append appends the payload to dst.
func (c *Configs) Append(dst []byte) []byte {
	w := Writer{B: dst}
	w.String(c.Topic)
	writeSettings(&w, c.Settings)
	return w.B
}

// ReadConfigs reads what Configs.Append wrote.
func ReadConfigs(payload []byte) (*Configs, error) {
	r := NewReader(payload)
	c := &Configs{Topic: r.String(), Settings: readSettings(r)}
	return c, r.Done()
}

// LogStart says that the records of a partition below Offset are gone.
type LogStart struct {
	Handle Handle
	Offset int64
}

// Append appends the payload to dst.
func (l LogStart) Append(dst []byte) []byte {
	w := Writer{B: dst}
	w.Uint(uint64(l.Handle))
	w.Int(l.Offset)
	return w.B
}

// ReadLogStart reads what LogStart.Append wrote.
func ReadLogStart(payload []byte) (LogStart, error) {
	r := NewReader(payload)
	l := LogStart{Handle: Handle(r.Uint()), Offset: r.Int()}
	return l, r.Done()
}

// TxnInit says which producer id and epoch a transactional id has from now on.
type TxnInit struct {
	ID            string
	PID           int64
	Epoch         int16
	LastPID       int64 // the same owner's id and epoch before this, -1 when the owner is new
	LastEpoch     int16
	TimeoutMillis int64
}

// Append appends the payload to dst.
func (t *TxnInit) Append(dst []byte) []byte {
	w := Writer{B: dst}
	w.String(t.ID)
	w.Int(t.PID)
	w.Int(int64(t.Epoch))
	w.Int(t.LastPID)
	w.Int(int64(t.LastEpoch))
	w.Int(t.TimeoutMillis)
	return w.B
}

// ReadTxnInit reads what TxnInit.Append wrote.
func ReadTxnInit(payload []byte) (*TxnInit, error) {
	r := NewReader(payload)
	t := &TxnInit{ID: r.String(), PID: r.Int(), Epoch: int16(r.Int()), LastPID: r.Int(), LastEpoch: int16(r.Int()),
		TimeoutMillis: r.Int()}
	return t, r.Done()
}

// TxnOffsets are offsets staged in a transaction: the transaction they open or continue, and the group coordinator's own
// record, opaque here.
type TxnOffsets struct {
	ID     string
	Group  string
	Record []byte
}

// Append appends the payload to dst.
func (t *TxnOffsets) Append(dst []byte) []byte {
	w := Writer{B: dst}
	w.String(t.ID)
	w.String(t.Group)
	w.Bytes(t.Record)
	return w.B
}

// ReadTxnOffsets reads what TxnOffsets.Append wrote; Record aliases payload.
func ReadTxnOffsets(payload []byte) (*TxnOffsets, error) {
	r := NewReader(payload)
	t := &TxnOffsets{ID: r.String(), Group: r.String(), Record: r.Bytes()}
	return t, r.Done()
}

// AppendNumber appends the payload of TypeProducerID (the id) and of TypeEpoch (the epoch raise's number).
func AppendNumber(dst []byte, v int64) []byte {
	w := Writer{B: dst}
	w.Int(v)
	return w.B
}

// ReadNumber reads what AppendNumber wrote.
func ReadNumber(payload []byte) (int64, error) {
	r := NewReader(payload)
	v := r.Int()
	return v, r.Done()
}

func writeHandles(w *Writer, hs []Handle) {
	w.Uint(uint64(len(hs)))
	for _, h := range hs {
		w.Uint(uint64(h))
	}
}

func readHandles(r *Reader) []Handle {
	n := r.Count()
	hs := make([]Handle, 0, n)
	for range n {
		hs = append(hs, Handle(r.Uint()))
	}
	return hs
}

func writeSettings(w *Writer, ss []Setting) {
	w.Uint(uint64(len(ss)))
	for _, s := range ss {
		w.String(s.Name)
		w.String(s.Value)
	}
}

func readSettings(r *Reader) []Setting {
	var ss []Setting
	for range r.Count() {
		ss = append(ss, Setting{r.String(), r.String()})
	}
	return ss
}

// SortSettings orders by name, as records want it.
func SortSettings(ss []Setting) {
	sort.Slice(ss, func(i, j int) bool { return ss[i].Name < ss[j].Name })
}
