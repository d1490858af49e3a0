package settings

import (
	"slices"
	"strings"
	"testing"

	"github.com/millrun/millrun/brokerlite/internal/meta"
)

func TestTableIsSortedAndItsDefaultsPassTheirOwnCheck(t *testing.T) {
	if !slices.IsSortedFunc(table, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the table is not sorted by name: Lookup would miss rows")
	}
	for i := range table {
		if err := table[i].Check(table[i].Default); err != nil {
			t.Errorf("default: %v", err)
		}
		if table[i].Doc == "" {
			t.Errorf("%s has no words", table[i].Name)
		}
	}
}

func TestValuesOutsideTheirRangeAreRefused(t *testing.T) {
	for name, values := range map[string][]string{
		"cleanup.policy":            {"", "compact,shred", "Delete"},
		"compression.type":          {"zstd"},
		"max.message.bytes":         {"-1", "2147483648", "1k"},
		"message.timestamp.type":    {"createtime"},
		"min.cleanable.dirty.ratio": {"1.1", "NaN", "half"},
		"retention.ms":              {"-2", ""},
		"segment.bytes":             {"13"},
		"preallocate":               {"yes"},
	} {
		s, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if err := s.Check(v); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%q: %v, want an error that names it", name, v, err)
			}
		}
	}
	if _, err := Lookup("retention.hours"); err == nil || !strings.Contains(err.Error(), "retention.hours") {
		t.Errorf("unknown name: %v", err)
	}
}

func TestTopicBeforeBrokerBeforeTable(t *testing.T) {
	d := Defaults{SegmentBytes: 1000, MaxMessageBytes: 2000}
	topic := Of([]meta.Setting{{Name: "cleanup.policy", Value: "compact, delete"}, {Name: "max.message.bytes", Value: "7"}}, d)
	if n := topic.Number("max.message.bytes"); n != 7 {
		t.Errorf("the topic's own: %d", n)
	}
	if n := topic.Number("segment.bytes"); n != 1000 {
		t.Errorf("the broker's: %d", n)
	}
	if n := topic.Number("retention.bytes"); n != -1 {
		t.Errorf("the table's: %d", n)
	}
	if !topic.Is("cleanup.policy", "delete") || !topic.Is("cleanup.policy", "compact") {
		t.Error("a list does not contain its items")
	}
	if age := Of(nil, d).Age("flush.ms"); age <= 0 {
		t.Errorf("the longest time became %v", age)
	}
}
