// Package statetest is the suite that every kind of state.Store passes, on disk or in memory, under every size of cache.
//
//	statetest.Run(t, func(t testing.TB, tables []state.TableConfig) *state.Store { ... })
//
// Random tests print their seed when they fail, and a seed repeats the run.
package statetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/state"
)

// Opener opens an empty store with the given tables. The suite closes it.
type Opener func(t testing.TB, tables []state.TableConfig) *state.Store

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	for _, test := range []struct {
		claim string
		run   func(*testing.T, Opener)
	}{
		{"AppliedChangesAreThereWithTheirMark", appliedChangesAreThere},
		{"EmptyIsNotAbsent", emptyIsNotAbsent},
		{"QuietCommitsKeepTheState", quietCommitsKeepTheState},
		{"RestoreIsAFoldOfTheChangelog", restoreIsAFold},
		{"WipeAndRejectLeaveNothing", wipeAndRejectLeaveNothing},
		{"NoKeyLeavesItsTable", noKeyLeavesItsTable},
		{"ScansFollowTheSortForm", scansFollowTheSortForm},
		{"ScanShowsOneMoment", scanShowsOneMoment},
		{"DigestForgetsOrderAndNothingElse", digestForgetsOrder},
		{"DiffNamesTheKeys", diffNamesTheKeys},
		{"UseAfterCloseIsAnError", useAfterCloseIsAnError},
		{"ScansLeftEarlyLeaveNothingOpen", scansLeftEarly},
		{"DeletedKeysStayAwayInAScan", deletedKeysStayAway},
		{"DeletingWhileScanningShowsASnapshot", deletingWhileScanning},
		{"PrefixScansEndWithThePrefix", prefixScans},
		{"CacheAgreesWithAMap", cacheAgreesWithAMap},
		{"CacheSizeChangesNothing", cacheSizeChangesNothing},
	} {
		t.Run(test.claim, func(t *testing.T) { test.run(t, open) })
	}
}

// harness is a store and a cache with helpers that fail the test.
type harness struct {
	t testing.TB
	s *state.Store
	c *state.Cache
	n int64 // commits
}

func start(t *testing.T, open Opener, cacheBytes int64, tables ...string) *harness {
	var configs []state.TableConfig
	for _, name := range tables {
		configs = append(configs, state.TableConfig{Name: name})
	}
	s := open(t, configs)
	t.Cleanup(func() {
		if err := s.Close(true); err != nil && !errors.Is(err, state.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return &harness{t: t, s: s, c: state.NewCache(s, cacheBytes)}
}

// put writes "k=v k=v" as one accepted record; "k" alone is deleted.
func (h *harness) put(table int, entries string) {
	for entry := range strings.FieldsSeq(entries) {
		if k, v, ok := strings.Cut(entry, "="); ok {
			h.c.Put(table, []byte(k), []byte(v))
		} else {
			h.c.Delete(table, []byte(k))
		}
	}
	h.c.Accept()
}

func (h *harness) commit() {
	h.t.Helper()
	h.n++
	h.must(h.s.Apply(h.c.Freeze(), state.Mark{Commit: h.n, Position: []byte{byte(h.n)}}))
	h.c.Thaw()
}

func (h *harness) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

type scanner interface {
	Scan(table int, from, to []byte, yield func(key, value []byte) bool) error
}

// list gives a scan as "k=v k=v".
func (h *harness) list(from scanner, table int, low, high []byte) string {
	h.t.Helper()
	var all []string
	h.must(from.Scan(table, low, high, func(k, v []byte) bool {
		all = append(all, fmt.Sprintf("%s=%s", k, v))
		return true
	}))
	return strings.Join(all, " ")
}

func (h *harness) wantList(from scanner, table int, want string) {
	h.t.Helper()
	if got := h.list(from, table, nil, nil); got != want {
		h.t.Errorf("the table has %q, want %q", got, want)
	}
}

type getter interface {
	Get(table int, key []byte) ([]byte, bool, error)
}

func (h *harness) wantGet(from getter, table int, key, want string, ok bool) {
	h.t.Helper()
	got, found, err := from.Get(table, []byte(key))
	h.must(err)
	if string(got) != want || found != ok {
		h.t.Errorf("get %q = %q, %v; want %q, %v", key, got, found, want, ok)
	}
}

func appliedChangesAreThere(t *testing.T, open Opener) {
	h := start(t, open, 0, "a", "b")
	h.put(0, "k1=1 k2=2")
	h.put(1, "k1=other")
	h.put(0, "k1=3 k2")
	h.wantList(h.s, 0, "")
	changes := h.c.Freeze()
	mark := state.Mark{
		Commit: 7, Position: []byte("somewhere"), Journal: state.Applied{Next: 8, Epoch: 1},
		Changelogs: []state.Applied{{Next: 9, Epoch: 2}, {Next: 10, Epoch: 3}}, Time: 11,
	}
	if got := changes.Records(nil, 0, 5); len(got) != 2 || string(got[0].Key) != "k1" || string(got[0].Value) != "3" || got[1].Value != nil || got[0].Timestamp != 5 {
		t.Errorf("changelog records %v: want k1=3 and a tombstone of k2, at 5", got)
	}
	h.must(h.s.Apply(changes, mark))
	h.c.Thaw()
	h.wantList(h.s, 0, "k1=3")
	h.wantList(h.s, 1, "k1=other")
	h.wantGet(h.s, 0, "k1", "3", true)
	h.wantGet(h.s, 0, "k2", "", false)
	for name, got := range map[string]state.Mark{"Mark": h.s.Mark(), "Last": h.s.Last()} {
		if fmt.Sprint(got) != fmt.Sprint(mark) {
			t.Errorf("%s is %+v, want %+v", name, got, mark)
		}
	}
}

func emptyIsNotAbsent(t *testing.T, open Opener) {
	h := start(t, open, 0, "a")
	h.c.Put(0, nil, nil)
	h.c.Put(0, []byte("k"), []byte{})
	h.c.Accept()
	for _, when := range []string{"open", "committed", "read anew"} {
		for _, key := range []string{"", "k"} {
			if v, ok, err := h.c.Get(0, []byte(key)); v == nil || len(v) != 0 || !ok || err != nil {
				t.Errorf("%s: get %q = %v, %v, %v; want an empty value", when, key, v, ok, err)
			}
		}
		h.wantList(h.c, 0, "= k=")
		h.commit()
		if when == "committed" {
			h.c.Rollback()
		}
	}
	h.put(0, "k")
	if got := h.c.Freeze().Records(nil, 0, 0); len(got) != 1 || got[0].Value != nil {
		t.Errorf("a removal is the record %v, want a tombstone", got)
	}
}

// C-07: state that did not change for long is still there.
func quietCommitsKeepTheState(t *testing.T, open Opener) {
	h := start(t, open, 1, "a")
	h.put(0, "k=seen-at-0")
	for range 21 {
		h.commit()
	}
	if h.c.Freeze() != nil {
		t.Error("Freeze gives changes where nothing changed")
	}
	h.wantGet(h.s, 0, "k", "seen-at-0", true)
	if m := h.s.Mark(); m.Commit != 21 || m.Position[0] != 21 {
		t.Errorf("after 21 commits, 20 of them quiet, the mark is %+v", m)
	}
}

func restoreIsAFold(t *testing.T, open Opener) {
	h := start(t, open, 0, "a", "b")
	h.must(h.s.Restore(1, records("x=1 y=2 x")))
	h.must(h.s.Restore(0, records("x=3 y=4 y=5")))
	h.must(h.s.Commit(state.Mark{Commit: 3}))
	h.wantList(h.s, 0, "x=3 y=5")
	h.wantList(h.s, 1, "y=2")
	var many []commitlog.Record
	for i := range 3_000 {
		many = append(many, commitlog.Record{Key: fmt.Appendf(nil, "%04d", i), Value: bytes.Repeat([]byte{'v'}, 1_000)})
	}
	h.must(h.s.Restore(0, many))
	if got := h.s.Mark().Commit; got != 3 {
		t.Errorf("before Commit the mark is of commit %d, want 3", got)
	}
	h.must(h.s.Commit(state.Mark{Commit: 4}))
	if d, err := h.s.Digest(0); d.Entries != 3_002 || err != nil {
		t.Errorf("after a restore of 3,000 more keys there are %d (%v)", d.Entries, err)
	}
	if err := h.s.Restore(0, []commitlog.Record{{Value: []byte("v"), Offset: 77}}); err == nil || !strings.Contains(err.Error(), "77") {
		t.Errorf("a record without key gives %v, want an error that names offset 77", err)
	}
}

// records reads "k=v k" as changelog records.
func records(entries string) []commitlog.Record {
	var list []commitlog.Record
	for entry := range strings.FieldsSeq(entries) {
		k, v, ok := strings.Cut(entry, "=")
		r := commitlog.Record{Key: []byte(k)}
		if ok {
			r.Value = []byte(v)
		}
		list = append(list, r)
	}
	return list
}

func wipeAndRejectLeaveNothing(t *testing.T, open Opener) {
	h := start(t, open, 0, "a")
	for name, empty := range map[string]func() error{"Wipe": h.s.Wipe, "Reject": func() error { return h.s.Reject("too old") }} {
		h.put(0, "k=1")
		h.commit()
		h.must(h.s.Restore(0, records("left=over")))
		h.must(empty())
		h.c.Rollback()
		h.wantList(h.s, 0, "")
		h.wantGet(h.c, 0, "k", "", false)
		if m := h.s.Mark(); fmt.Sprint(m) != fmt.Sprint(state.Mark{}) {
			t.Errorf("%s: the mark is %+v, want none", name, m)
		}
		h.must(h.s.Commit(state.Mark{Commit: 1}))
		h.wantList(h.s, 0, "")
	}
}

func digestForgetsOrder(t *testing.T, open Opener) {
	digest := func(entries ...string) state.Digest {
		h := start(t, open, 0, "a")
		for _, e := range entries {
			h.put(0, e)
			h.commit()
		}
		d, err := h.s.Digest(0)
		h.must(err)
		return d
	}
	want := digest("a=1 b=2 c=3")
	if got := digest("c=9", "b=2 c=3", "x=1", "a=1 x"); got != want {
		t.Errorf("the same entries by another way give %v, want %v", got, want)
	}
	for _, other := range []string{"a=2 b=1 c=3", "a=1 b=2 c=4", "a=1 b=2", "a=1 b=2 c=3 d=", "a=1 b=2 c3=", "a1= b=2 c=3"} {
		if got := digest(other); string(got.Sum[:8]) == string(want.Sum[:8]) || string(got.Sum[8:]) == string(want.Sum[8:]) {
			t.Errorf("%q has the digest of other entries, or half of it", other)
		}
	}
}

func diffNamesTheKeys(t *testing.T, open Opener) {
	a, b := start(t, open, 0, "t"), start(t, open, 0, "t")
	a.put(0, "a=1 b=2 c=3 e=5 f=")
	b.put(0, "a=1 b=9 d=4 e=5 g=7")
	a.commit()
	b.commit()
	var got []string
	diff := func(limit int) {
		got = nil
		a.must(state.Diff(a.s, b.s, 0, func(key, va, vb []byte) bool {
			got = append(got, fmt.Sprintf("%s:%s/%s:%v/%v", key, va, vb, va == nil, vb == nil))
			return len(got) < limit
		}))
	}
	want := []string{"b:2/9:false/false", "c:3/:false/true", "d:/4:true/false", "f:/:false/true", "g:/7:true/false"}
	if diff(100); !slices.Equal(got, want) {
		t.Errorf("diff names %q, want %q", got, want)
	}
	if diff(1); !slices.Equal(got, want[:1]) {
		t.Errorf("a diff that is ended names %q, want %q", got, want[:1])
	}
}
