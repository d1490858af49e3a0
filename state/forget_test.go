package state_test

import (
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/state"
)

// What somebody else writes to the store beside the cache is seen after Forget, be the key known with a value, known as absent, or
// not known.
func TestAForgottenKeyIsReadFromTheStoreAgain(t *testing.T) {
	s, err := state.Open(state.Config{Tables: []state.TableConfig{{Name: "t"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(false)
	c := state.NewCache(s, 0)
	put := func(key string, value []byte) {
		t.Helper()
		if err := s.Restore(0, []commitlog.Record{{Key: []byte(key), Value: value}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(state.Mark{}); err != nil {
			t.Fatal(err)
		}
		c.Forget(0, []byte(key))
	}
	for _, step := range []struct {
		key   string
		value []byte // nil deletes
	}{{"a", []byte("1")}, {"a", []byte("a longer one")}, {"a", nil}, {"a", []byte{}}, {"b", nil}, {"b", []byte("2")}} {
		if _, _, err := c.Get(0, []byte(step.key)); err != nil {
			t.Fatal(err)
		}
		put(step.key, step.value)
		got, ok, err := c.Get(0, []byte(step.key))
		if err != nil || ok != (step.value != nil) || string(got) != string(step.value) && ok {
			t.Errorf("%s = %q, %v, %v, want %q", step.key, got, ok, err, step.value)
		}
	}
}
