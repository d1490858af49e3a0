package state_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/schema"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// The changelog has the value's own bytes and its schema as a header; the store has both in one. What one store writes to the
// log, another reads back to the same entries.
func TestASchemaGoesByHeaderInTheLogAndByFieldInTheStore(t *testing.T) {
	tables := []state.TableConfig{{Name: "plain"}, {Name: "named", Schemas: true}}
	a, err := state.Open(state.Config{Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(false)
	c := state.NewCache(a, 0)
	c.Put(0, []byte("k"), []byte("v"))
	c.Put(1, []byte("one"), schema.AppendEntry(nil, nil, []byte("v1")))
	c.Put(1, []byte("two"), schema.AppendEntry(nil, []byte("2"), []byte("v2")))
	c.Put(1, []byte("case"), schema.AppendEntry(nil, []byte("paid/3"), nil))
	c.Put(1, []byte("gone"), schema.AppendEntry(nil, []byte("2"), []byte("x")))
	c.Delete(1, []byte("gone"))
	c.Accept()
	changes := c.Freeze()
	got := map[string]string{}
	var log [2][]commitlog.Record
	for i := range log {
		log[i] = changes.Records(nil, i, 7)
		for _, r := range log[i] {
			got[string(r.Key)] = string(schema.Of(r.Headers)) + ":" + string(r.Value)
			if (r.Value == nil) != (string(r.Key) == "gone") || len(r.Headers) > 1 {
				t.Errorf("record %q has value %q and headers %v", r.Key, r.Value, r.Headers)
			}
		}
	}
	for key, want := range map[string]string{"k": ":v", "one": ":v1", "two": "2:v2", "case": "paid/3:", "gone": ":"} {
		if got[key] != want {
			t.Errorf("record %q is %q, want %q", key, got[key], want)
		}
	}
	if err := a.Apply(changes, state.Mark{Commit: 1}); err != nil {
		t.Fatal(err)
	}
	b, err := state.Open(state.Config{Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(false)
	for i := range log {
		if err := b.Restore(i, log[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(state.Mark{Commit: 1}); err != nil {
		t.Fatal(err)
	}
	for i := range log {
		if err := state.Diff(a, b, i, func(key, inA, inB []byte) bool {
			t.Errorf("table %d, key %q: applied %q, restored %q", i, key, inA, inB)
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	if v, ok, err := b.Get(1, []byte("two")); err != nil || !ok || string(v) != "\x02\x012v2" {
		t.Errorf("the entry is %q, %v, %v", v, ok, err)
	}
}

// An older program, whose table has no schemas, meets what a newer one wrote: it says so where it reads, and the store is
// not called damaged for it.
func TestAnOlderProgramRefusesANewerEntryAndKeepsTheStore(t *testing.T) {
	files := vfs.NewMem()
	open := func(schemas bool) *state.Store {
		s, err := state.Open(state.Config{FS: files, Dir: "s", Tables: []state.TableConfig{{Name: "t", Schemas: schemas}}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(true)
	err := s.Restore(0, []commitlog.Record{
		{Key: []byte("old"), Value: []byte("v1")},
		{Key: []byte("new"), Value: []byte("v2"), Headers: []commitlog.Header{{Key: schema.Header, Value: []byte("2")}}},
	})
	if err == nil {
		err = s.Commit(state.Mark{Commit: 1})
	}
	if err == nil {
		err = s.Close(true)
	}
	if err != nil {
		t.Fatal(err)
	}
	s = open(false)
	if v, ok, err := s.Get(0, []byte("old")); err != nil || !ok || string(v) != "v1" {
		t.Errorf("the old entry is %q, %v, %v", v, ok, err)
	}
	if _, _, err := s.Get(0, []byte("new")); !errors.Is(err, codec.ErrSchema) || !strings.Contains(err.Error(), `"2"`) {
		t.Errorf("the new entry gives %v, want ErrSchema", err)
	}
	if err := s.Scan(0, nil, nil, func(_, _ []byte) bool { return true }); !errors.Is(err, codec.ErrSchema) {
		t.Errorf("a scan over it gives %v, want ErrSchema", err)
	}
	if err := s.Close(true); err != nil {
		t.Fatal(err)
	}
	s = open(true)
	if moved := s.Moved(); moved != "" {
		t.Errorf("the store was moved aside: %s", moved)
	}
	if v, ok, err := s.Get(0, []byte("new")); err != nil || !ok || string(v) != "\x02\x012v2" {
		t.Errorf("the newer program finds %q, %v, %v", v, ok, err)
	}
	if err := s.Close(true); err != nil {
		t.Fatal(err)
	}
	if found, err := state.Check(files, "s"); err != nil || len(found) > 0 {
		t.Errorf("Check finds %v, %v", found, err)
	}
	var out bytes.Buffer
	if err := state.Dump(&out, files, "s"); err != nil || !strings.Contains(out.String(), `t "new" "v2" schema "2"`) {
		t.Errorf("Dump does not show the schema (%v):\n%s", err, out.String())
	}
}
