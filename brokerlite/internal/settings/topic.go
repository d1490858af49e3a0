package settings

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millrun/millrun/brokerlite/internal/meta"
)

// Defaults are the broker's own, used where a topic says nothing.
type Defaults struct {
	SegmentBytes    int64
	MaxMessageBytes int32
}

// Value is a setting in force for a topic.
type Value struct {
	*Setting
	Value      string
	Overridden bool   // by the topic
	Broker     string // the broker's value where it is not the table's default, else ""
}

// Topic is what a topic's settings come to.
type Topic struct {
	overrides []meta.Setting
	defaults  Defaults
}

// Of gives the settings of a topic. The overrides are sorted by name and were checked.
func Of(overrides []meta.Setting, d Defaults) Topic { return Topic{overrides: overrides, defaults: d} }

// Get gives one setting in force. The name is in the table.
func (t Topic) Get(name string) Value {
	s, err := Lookup(name)
	if err != nil {
		panic("settings: " + err.Error()) // names come from this program
	}
	v := Value{Setting: s, Value: s.Default, Broker: t.broker(name)}
	if v.Broker != "" {
		v.Value = v.Broker
	}
	if i, found := slices.BinarySearchFunc(t.overrides, name, func(o meta.Setting, n string) int {
		return strings.Compare(o.Name, n)
	}); found {
		v.Value, v.Overridden = t.overrides[i].Value, true
	}
	return v
}

func (t Topic) broker(name string) string {
	switch name {
	case "segment.bytes":
		return strconv.FormatInt(t.defaults.SegmentBytes, 10)
	case "max.message.bytes":
		return strconv.FormatInt(int64(t.defaults.MaxMessageBytes), 10)
	}
	return ""
}

// Number gives a numeric setting.
func (t Topic) Number(name string) int64 {
	n, err := strconv.ParseInt(t.Get(name).Value, 10, 64)
	if err != nil {
		panic("settings: " + name + " is not a number: " + t.Get(name).Value) // Check has seen it
	}
	return n
}

// Is says whether a setting has a value, or a list setting contains it.
func (t Topic) Is(name, value string) bool { return slices.Contains(Split(t.Get(name).Value), value) }

// Age gives a setting in ms as a duration, capped at what a duration can hold.
func (t Topic) Age(name string) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(min(t.Number(name), most)) * time.Millisecond
}
