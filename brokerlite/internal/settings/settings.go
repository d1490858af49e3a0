// Package settings is the table of topic settings: names, types, defaults and what each value must be. Names and meaning
// are Kafka's.
//
//	s, err := settings.Lookup("retention.ms")
//	err = s.Check("604800000")
//	effective := settings.Effective(overrides, settings.Defaults{...})
package settings

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Setting is one row of the table.
type Setting struct {
	Name    string
	Type    kmsg.ConfigType
	Default string
	Doc     string
	check   func(value string) error
}

// Check says whether value may be set; the error says what is wanted.
func (s *Setting) Check(value string) error {
	if err := s.check(value); err != nil {
		return fmt.Errorf("%s=%q: %w", s.Name, value, err)
	}
	return nil
}

// List says whether APPEND and SUBTRACT make sense.
func (s *Setting) List() bool { return s.Type == kmsg.ConfigTypeList }

// Lookup finds a row.
func Lookup(name string) (*Setting, error) {
	i, found := slices.BinarySearchFunc(table, name, func(s Setting, name string) int { return strings.Compare(s.Name, name) })
	if !found {
		return nil, fmt.Errorf("unknown topic setting %q", name)
	}
	return &table[i], nil
}

// All gives every row, by name. The slice is shared: read only.
func All() []Setting { return table }

var (
	maxLong   = strconv.FormatInt(math.MaxInt64, 10)
	long      = kmsg.ConfigTypeLong
	integer   = kmsg.ConfigTypeInt
	text      = kmsg.ConfigTypeString
	list      = kmsg.ConfigTypeList
	boolean   = kmsg.ConfigTypeBoolean
	double    = kmsg.ConfigTypeDouble
	natural   = numbers(0, math.MaxInt64)
	unlimited = numbers(-1, math.MaxInt64)
)

// table is sorted by name; a test keeps it so.
var table = []Setting{
	{"cleanup.policy", list, "delete", "What happens to old records: delete, compact, or both.", words("delete", "compact")},
	{"compression.type", text, "producer", "Batches are stored as the producer sent them; no other value is supported.", one("producer")},
	{"delete.retention.ms", long, "86400000", "How long a compacted tombstone stays, in ms.", natural},
	{"file.delete.delay.ms", long, "60000", "Kept for Kafka's tools; files go when no snapshot needs them.", natural},
	{"flush.messages", long, maxLong, "Kept for Kafka's tools; the broker's flush mode decides.", numbers(1, math.MaxInt64)},
	{"flush.ms", long, maxLong, "Kept for Kafka's tools; the broker's flush mode decides.", natural},
	{"follower.replication.throttled.replicas", list, "", "Kept for Kafka's tools; there are no followers.", anything},
	{"index.interval.bytes", integer, "4096", "Kept for Kafka's tools; the index has its own distance.", numbers(0, math.MaxInt32)},
	{"leader.replication.throttled.replicas", list, "", "Kept for Kafka's tools; there are no followers.", anything},
	{"max.compaction.lag.ms", long, maxLong, "The longest a record may escape compaction, in ms.", numbers(1, math.MaxInt64)},
	{"max.message.bytes", integer, "1048588", "The largest batch, in bytes.", numbers(0, math.MaxInt32)},
	{"message.timestamp.after.max.ms", long, "3600000", "How far a timestamp may lie ahead of the broker's clock, in ms.", natural},
	{"message.timestamp.before.max.ms", long, maxLong, "How far a timestamp may lie behind the broker's clock, in ms.", natural},
	{"message.timestamp.type", text, "CreateTime", "Whose timestamps count: CreateTime or LogAppendTime.", one("CreateTime", "LogAppendTime")},
	{"min.cleanable.dirty.ratio", double, "0.5", "The share of uncompacted bytes from which compaction pays.", ratio},
	{"min.compaction.lag.ms", long, "0", "How long a record stays uncompacted, in ms.", natural},
	{"min.insync.replicas", integer, "1", "One node: 1, or a higher number that is taken and has no effect.", numbers(1, math.MaxInt32)},
	{"preallocate", boolean, "false", "Kept for Kafka's tools; segments grow.", one("true", "false")},
	{"retention.bytes", long, "-1", "The size of a partition from which old segments go, in bytes; -1: no limit.", unlimited},
	{"retention.ms", long, "604800000", "The age from which old segments go, in ms; -1: no limit.", unlimited},
	{"segment.bytes", integer, "1073741824", "The size at which a segment is sealed.", numbers(14, math.MaxInt32)},
	{"segment.index.bytes", integer, "10485760", "Kept for Kafka's tools; the index grows with the segment.", numbers(4, math.MaxInt32)},
	{"segment.jitter.ms", long, "0", "Kept for Kafka's tools; one node has no thundering herd.", natural},
	{"segment.ms", long, "604800000", "The age at which a segment is sealed, in ms.", numbers(1, math.MaxInt64)},
	{"unclean.leader.election.enable", boolean, "false", "Kept for Kafka's tools; there are no elections.", one("true", "false")},
}

func numbers(low, high int64) func(string) error {
	return func(v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < low || n > high {
			return fmt.Errorf("want a number from %d to %d", low, high)
		}
		return nil
	}
}

func one(values ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("want %s", strings.Join(values, " or "))
		}
		return nil
	}
}

func words(values ...string) func(string) error {
	return func(v string) error {
		for _, w := range Split(v) {
			if !slices.Contains(values, w) {
				return fmt.Errorf("want a list of %s", strings.Join(values, ", "))
			}
		}
		if len(Split(v)) == 0 {
			return fmt.Errorf("want at least one of %s", strings.Join(values, ", "))
		}
		return nil
	}
}

func ratio(v string) error {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return fmt.Errorf("want a number from 0 to 1")
	}
	return nil
}

func anything(string) error { return nil }

// Split takes a list value apart; empty items are left out.
func Split(v string) []string {
	var items []string
	for _, item := range strings.Split(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
