// Package commitlog is what Millrun asks of a log. Three logs keep it: brokerlite in this process, brokerlite over TCP,
// Apache Kafka. Methods are safe for concurrent use unless a type says otherwise. A call whose context ends returns
// soon (the driver gives the connection up if it must). Temporary faults (no leader, coordinator moving, broker
// restarting) are retried inside the driver until the context ends; the error then wraps ErrUnavailable and the cause.
package commitlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Record is one record. Key and Value: nil and empty differ; a nil Value is a tombstone.
type Record struct {
	Key, Value []byte
	Headers    []Header // order and duplicates kept
	Timestamp  int64    // ms since 1970; -1 if the producer gave none. In Append: -1 means now, below -1 is refused
	Offset     int64    // set by the log, ignored by Append
}
type Header struct {
	Key   string
	Value []byte
}
type Partition struct {
	Topic string
	Index int32
}

// Position is an offset in a partition. Metadata: group offsets only, at most 4096 bytes.
type Position struct {
	Partition Partition
	Offset    int64
	Metadata  string
}

// String gives "topic/partition@offset", to travel in headers; ParsePosition reads it.
func (p Position) String() string {
	return fmt.Sprintf("%s/%d@%d", p.Partition.Topic, p.Partition.Index, p.Offset)
}

// ParsePosition reads what Position.String wrote.
func ParsePosition(s string) (Position, error) {
	head, offset, ok := cutLast(s, "@")
	topic, index, ok2 := cutLast(head, "/")
	if !ok || !ok2 || topic == "" {
		return Position{}, fmt.Errorf("commitlog: position %q: want topic/partition@offset", s)
	}
	i, err := strconv.ParseInt(index, 10, 32)
	if err != nil || i < 0 {
		return Position{}, fmt.Errorf("commitlog: position %q: partition %q is not a number", s, index)
	}
	o, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("commitlog: position %q: offset %q is not a number", s, offset)
	}
	return Position{Partition: Partition{topic, int32(i)}, Offset: o}, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Batch is what one answer held for one partition. Its bytes belong to the driver: valid, and not to be written to,
// until Release. Who keeps a key or a value copies it.
type Batch struct {
	Partition Partition
	Records   []Record // offsets rise, with gaps; empty when only Next moved
	Epoch     int32    // leader epoch of the last batch in it; a lower one than before means another history (S-12)
	Next      int64    // where to read on: past markers, aborted records, compacted holes
	Stable    int64    // last stable offset when fetched: the end for ReadCommitted
	High      int64    // high watermark when fetched
	Headers   []Header // one backing array for all Records[i].Headers
	Owner     interface{ Recycle(*Batch) }
}

// Release must be the last use. Unreleased batches count against ReaderConfig.BufferBytes: that is all back-pressure.
func (b *Batch) Release() {
	if o := b.Owner; o != nil {
		b.Owner = nil
		o.Recycle(b)
	}
}

type Isolation int8

const (
	ReadCommitted   Isolation = iota // default: committed records, up to Stable
	ReadUncommitted                  // everything, up to High
)

// Log is a connection to one log: embedded.Open or kafka.Open. Close readers and writers first; then calls say ErrClosed.
type Log interface {
	Admin
	Groups
	OpenReader(ctx context.Context, c ReaderConfig) (Reader, error)
	OpenWriter(ctx context.Context, c WriterConfig) (Writer, error)
	OpenTransactor(ctx context.Context, c TransactorConfig) (Transactor, error)
	Close() error
}
type ReaderConfig struct {
	Isolation   Isolation
	BufferBytes int           // fetched and not released; 0: 8 MiB. One batch may exceed it
	BatchBytes  int           // per partition and fetch; 0: 1 MiB. A larger single batch still arrives
	MaxWait     time.Duration // how long the log may hold a fetch; 0: 500 ms
}

// Reader reads a set of partitions: one task's inputs, or a changelog. One goroutine, but for Wake. It knows no groups.
type Reader interface {
	Seek(p Partition, offset int64) // add or move p: its next batch starts at offset (>= 0); fetched ones are dropped
	Drop(p Partition)
	// Poll gives the next batch, partitions with data in turn; (nil, nil) after wait or Wake. A fault of one partition is
	// a *PartitionError (ErrOutOfRange, ErrUnknownTopic, ErrCorrupt): the others go on, that one after Seek.
	Poll(ctx context.Context, wait time.Duration) (*Batch, error)
	Wake() // makes the Poll under way, else the next one, return early
	Close() error
}
type WriterConfig struct {
	Linger      time.Duration // extra wait for company; 0: none, what comes during a request goes with the next
	BufferBytes int           // 0: 32 MiB; Append waits when full
	Compression string        // "", lz4, zstd, snappy, gzip
}

// Writer appends outside transactions, idempotently: a retry never writes twice.
type Writer interface {
	// Append writes records to p as one batch (above max.message.bytes: ErrTooLarge, nothing written; only a Transactor
	// splits) and returns the position of the first once they are durable (all
	// in-sync replicas; brokerlite: synced). Concurrent calls share requests. Records may be reused on return.
	// ErrUnknownOutcome: they may be in the log, once.
	Append(ctx context.Context, p Partition, records []Record) (Position, error)
	Close() error
}
type TransactorConfig struct {
	ID          string        // one per lane, stable over restarts
	Timeout     time.Duration // the log aborts a transaction open longer; 0: 60 s; Kafka's limit is 15 min
	BatchBytes  int           // 0: 512 KiB; must stay under the topic's max.message.bytes
	Compression string
}

// Transactor writes one transaction after another; one goroutine. OpenTransactor fences the ID's previous user and
// returns when its last transaction is decided. The first Append begins a transaction. After ErrInvalidRecord or
// ErrTooLarge nothing was taken and the transaction goes on; after any other error only Abort, Renew, Close may follow.
type Transactor interface {
	Append(ctx context.Context, p Partition, records []Record) error // copies; may send
	// Commit makes records and offsets take effect together, durably. ends: the offset after the last record, for each
	// partition written. Other readers see it then, or (Kafka) some milliseconds later.
	//	nil                committed
	//	ErrAborted         not committed, never will be (also when Timeout passed): reload the task's state; wraps a
	//	                   *PartitionError with the cause when the log refused a record or a topic
	//	ErrNotMember       as ErrAborted, the group moved on: join; keep the tasks that are still assigned
	//	ErrFenced          as ErrAborted, another Transactor has the ID: give the lane up
	//	ErrUnknownOutcome  either: Renew, then FetchOffsets and the changelog tell which
	Commit(ctx context.Context, offsets ...GroupOffsets) (ends []Position, err error)
	Abort(ctx context.Context) error // becomes Renew if a request of this transaction went unanswered
	// Renew takes a new epoch: on nil the last transaction is decided and no late request can touch the next one.
	Renew(ctx context.Context) error
	Close() error
}
type GroupOffsets struct {
	Member  Member
	Offsets []Position
} // next offsets to read
// Member is a member in one generation; commits of an older one get ErrNotMember. ID "" and Generation -1: no member,
// allowed only while the group is empty.
type Member struct {
	Group, ID  string
	InstanceID string // "": dynamic
	Generation int32
}

// Groups are the coordinator's calls; they keep no state. Metadata and assignments are ConsumerProtocol bytes
// (protocol type "consumer"), so that Kafka's tools can read them; what is ours goes into UserData.
type Groups interface {
	Join(ctx context.Context, r JoinRequest) (Joined, error) // waits for all members, at most RebalanceTimeout
	// Sync: assignments from the leader, nil from others; returns this member's. ErrRebalance: join again.
	Sync(ctx context.Context, m Member, protocol string, assignments map[string][]byte) ([]byte, error)
	// Heartbeat: ErrRebalance: still a member, commit and Join; ErrNotMember: all lost, join as new; ErrFenced: another
	// process has the InstanceID, stop.
	Heartbeat(ctx context.Context, m Member) error
	Leave(ctx context.Context, m Member) error // at once, static members too
	CommitOffsets(ctx context.Context, m Member, offsets []Position) error
	// FetchOffsets waits until no transaction holds undecided offsets for p. Offset -1: none committed.
	FetchOffsets(ctx context.Context, group string, p []Partition) ([]Position, error)
	ListGroups(ctx context.Context) ([]string, error)
	DescribeGroup(ctx context.Context, group string) (Group, error)
	DeleteGroup(ctx context.Context, group string) error
}
type JoinRequest struct {
	Member           Member        // ID "" and Generation -1 at first, then what Joined said
	Protocols        []Protocol    // preferred first
	SessionTimeout   time.Duration // silence that ends membership; Kafka: 6 s to 30 min
	RebalanceTimeout time.Duration // time for all to rejoin
	Reason           string
}
type Protocol struct {
	Name     string
	Metadata []byte
}
type Joined struct {
	Member   Member
	Protocol string
	Leader   bool
	Members  []GroupMember // for the leader
}
type Group struct {
	Name, State, Protocol string // State in Kafka's words: Empty, Stable, ...
	Members               []GroupMember
}
type GroupMember struct {
	ID, InstanceID, ClientID, Host string
	Metadata, Assignment           []byte
}
type Admin interface {
	ClusterID(ctx context.Context) (string, error)       // state on disk remembers it
	CreateTopic(ctx context.Context, t TopicSpec) error  // returns when every partition can be written
	DeleteTopic(ctx context.Context, topic string) error // returns when it is no longer listed
	AddPartitions(ctx context.Context, topic string, total int32) error
	Topics(ctx context.Context, names ...string) ([]Topic, error) // none: all. Asking never creates
	TopicConfig(ctx context.Context, topic string) (map[string]string, error)
	SetTopicConfig(ctx context.Context, topic string, set map[string]string) error
	Offsets(ctx context.Context, p []Partition, at At, i Isolation) ([]Position, error) // End: Stable or High, by i
	DeleteRecords(ctx context.Context, before []Position) error
}

// At is Start, End, or a timestamp in ms: the first record not older, else End.
type At int64

const Start, End At = -2, -1

type TopicSpec struct {
	Name       string
	Partitions int32 // 0: the log's default
	Replicas   int16 // 0: the log's default
	Config     map[string]string
}
type Topic struct {
	Name       string
	ID         [16]byte // changes when the topic is created anew
	Partitions int32
	Replicas   int16
	Internal   bool
}

// Murmur2 (Java), FNV1a (goka), CRC32 (librdkafka). A nil key (Unkeyed): one partition per request, changing.
type Partitioner interface {
	Name() string
	Partition(key []byte, n int32) int32
}

var ( // what callers branch on; drivers wrap them and keep the cause in the chain
	ErrClosed, ErrUnavailable, ErrUnsupported = e("closed"), e("log not available"), e("not supported by this log")
	ErrNotAuthorized, ErrInvalidConfig        = e("not authorized"), e("invalid name, setting or request")
	ErrUnknownTopic, ErrTopicExists           = e("unknown topic or partition"), e("topic exists")
	ErrOutOfRange, ErrCorrupt, ErrStorage     = e("offset out of range"), e("damaged data"), e("storage fault or full disk")
	ErrTooLarge, ErrInvalidRecord             = e("record too large"), e("record refused")
	ErrAborted, ErrFenced, ErrUnknownOutcome  = e("transaction aborted"), e("fenced"), e("outcome unknown")
	ErrRebalance, ErrNotMember                = e("group is rebalancing"), e("not a member of this generation")
	ErrUnknownGroup, ErrGroupNotEmpty         = e("unknown group"), e("group has members")
)

func e(s string) error { return errors.New("commitlog: " + s) }

type PartitionError struct {
	Partition Partition
	Offset    int64
	Err       error
}

func (e *PartitionError) Error() string {
	return fmt.Sprintf("%v at %d: %v", e.Partition, e.Offset, e.Err)
}
func (e *PartitionError) Unwrap() error { return e.Err }
