package state_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// S-12, for everybody who follows a log with a store: the tables of a task, copies of tables of others, views.
func TestAStoreIsTrustedOnlyIfItFitsItsLogs(t *testing.T) {
	const hour = time.Hour
	began := time.UnixMilli(1_700_000_000_000)
	extent := func(topic string, start, end int64) state.Extent {
		return state.Extent{Partition: commitlog.Partition{Topic: topic}, Start: start, End: end}
	}
	for _, c := range []struct {
		name    string
		next    []int64 // of the journal, then of the changelogs a and b
		starts  []int64
		ends    []int64
		age     time.Duration // of the newest entry; negative: it has none
		keep    time.Duration
		because string
	}{
		{"all is there", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{5, 7, 9}, 99 * hour, hour, ""},
		{"young and behind", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{8, 70, 9}, hour / 2, hour, ""},
		{"old and behind", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{8, 7, 70}, hour/2 + time.Second, hour, "the store is 30m1s old and b forgets deletions after 1h0m0s"},
		{"old and behind in the journal alone", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{80, 7, 9}, 99 * hour, hour, ""},
		{"old and behind by a marker", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{6, 8, 10}, 99 * hour, hour, ""},
		{"behind where deletions are not remembered", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{5, 70, 9}, time.Second, 0, "the store is 1s old and a forgets deletions after 0s"},
		{"all is there where deletions are not remembered", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{5, 7, 9}, time.Second, 0, ""},
		{"no entry and behind", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{5, 70, 9}, -1, hour, ""},
		{"ahead of the journal", []int64{6, 7, 9}, []int64{0, 0, 0}, []int64{5, 7, 9}, 0, hour, "the store is at 6 of journal/0, which ends at 5"},
		{"ahead of a changelog", []int64{5, 7, 9}, []int64{0, 0, 0}, []int64{5, 7, 8}, 0, hour, "the store is at 9 of b/0, which ends at 8"},
		{"overtaken", []int64{5, 7, 9}, []int64{0, 8, 0}, []int64{5, 20, 9}, 0, hour, "the store is at 7 of a/0, which begins at 8"},
		{"overtaken in the journal", []int64{5, 7, 9}, []int64{6, 0, 0}, []int64{6, 7, 9}, 0, hour, "the store is at 5 of journal/0, which begins at 6"},
		{"nothing of a log that begins later", []int64{0, 7, 0}, []int64{4, 0, 3}, []int64{5, 7, 3}, 0, hour, ""},
	} {
		clk := clock.NewVirtual(began)
		conf := config(vfs.NewMem())
		conf.Clock = clk
		s := open(t, conf)
		m := state.Mark{Journal: state.Applied{Next: c.next[0]}, Changelogs: []state.Applied{{Next: c.next[1]}, {Next: c.next[2]}}}
		if c.age >= 0 {
			m.Time = began.Add(-c.age).UnixMilli()
		}
		if err := s.Commit(m); err != nil {
			t.Fatal(err)
		}
		journal := extent("journal", c.starts[0], c.ends[0])
		got := s.Unfit(&journal, []state.Extent{extent("a", c.starts[1], c.ends[1]), extent("b", c.starts[2], c.ends[2])}, c.keep)
		if got != c.because {
			t.Errorf("%s: %q, want %q", c.name, got, c.because)
		}
		if err := s.Close(true); err != nil {
			t.Fatal(err)
		}
	}
}

// After an unclean stop replay begins at the barrier, and what came behind it counts: the log may lack just that.
func TestAStoreAheadOfItsLogIsFoundBehindItsBarrier(t *testing.T) {
	files := vfs.NewMem()
	s := open(t, config(files))
	at := func(next int64) state.Mark {
		return state.Mark{Changelogs: []state.Applied{{Next: next}, {}}}
	}
	if err := errors.Join(s.Commit(at(4)), s.Barrier(), s.Commit(at(9)), s.Close(false)); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(files))
	defer s.Close(false)
	logs := []state.Extent{{Partition: commitlog.Partition{Topic: "a"}, End: 6}, {Partition: commitlog.Partition{Topic: "b"}}}
	if got := s.Unfit(nil, logs, time.Hour); s.Mark().Changelogs[0].Next != 4 || !strings.Contains(got, "at 9 of a/0, which ends at 6") {
		t.Errorf("at %d: %q, want 4 and that the store was at 9", s.Mark().Changelogs[0].Next, got)
	}
	if logs[0].End = 9; s.Unfit(nil, logs, time.Hour) != "" {
		t.Error("a log that has all is not trusted")
	}
}
