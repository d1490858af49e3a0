package commitlog

import "context"

// Admin makes, changes and describes topics.
type Admin interface {
	// ClusterID names this log for ever; state on disk remembers it.
	ClusterID(ctx context.Context) (string, error)
	// CreateTopic returns when every partition can be written. ErrTopicExists, ErrInvalidConfig.
	CreateTopic(ctx context.Context, t TopicSpec) error
	// DeleteTopic returns when the topic is no longer listed. ErrUnknownTopic.
	DeleteTopic(ctx context.Context, topic string) error
	// AddPartitions raises the number of partitions to total. ErrInvalidConfig if that is not more than there are.
	AddPartitions(ctx context.Context, topic string, total int32) error
	// Topics describes the named topics in the order asked; none named: all, sorted by name. Asking never creates. A
	// name nobody knows: ErrUnknownTopic.
	Topics(ctx context.Context, names ...string) ([]Topic, error)
	// TopicConfig gives every setting in force, defaults included.
	TopicConfig(ctx context.Context, topic string) (map[string]string, error)
	// SetTopicConfig changes the settings named and leaves the others. ErrInvalidConfig names what is wrong.
	SetTopicConfig(ctx context.Context, topic string, set map[string]string) error
	// Offsets gives one offset of each partition, in the order asked. At End it is the last stable offset for
	// ReadCommitted, the high watermark for ReadUncommitted.
	Offsets(ctx context.Context, p []Partition, at At, i Isolation) ([]Position, error)
	// DeleteRecords moves the start of each partition to the position's offset, -1 for the high watermark. ErrOutOfRange
	// above that, ErrInvalidConfig for a topic that is only compacted, ErrUnsupported where a log cannot.
	DeleteRecords(ctx context.Context, before []Position) error
}

// At is a place in a partition: Start, End, or a timestamp in ms since 1970 for the first record that is not older, or
// End where there is none.
type At int64

const (
	// Start is the first offset the log still has.
	Start At = -2
	// End is the offset the next record gets, as the isolation sees it.
	End At = -1
)

// TopicSpec describes a topic to be created.
type TopicSpec struct {
	Name       string
	Partitions int32             // 0: the log's default
	Replicas   int16             // 0: the log's default
	Config     map[string]string // Kafka's topic settings; nil: the log's defaults
}

// Topic describes a topic that exists.
type Topic struct {
	Name       string
	ID         [16]byte // changes when the topic is created anew
	Partitions int32
	Replicas   int16
	Internal   bool // the log's own
}
