package state

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/millrun/millrun/commitlog"
)

// A scan of a large table must not keep a stop waiting: it ends with its next entry once somebody closes the store.
func TestAScanEndsWhenItsStoreIsClosed(t *testing.T) {
	s, err := Open(Config{Tables: []TableConfig{{Name: "t"}}})
	if err != nil {
		t.Fatal(err)
	}
	var records []commitlog.Record
	for i := range 100 {
		records = append(records, commitlog.Record{Key: fmt.Appendf(nil, "%03d", i), Value: []byte{1}})
	}
	if err := s.Restore(0, records); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(Mark{}); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	seen := 0
	err = s.Scan(0, nil, nil, func(key, value []byte) bool {
		if seen++; seen == 1 {
			go func() { closed <- s.Close(false) }() // waits for this scan, which it ends
			for !s.users.closing.Load() {
				runtime.Gosched()
			}
		}
		return true
	})
	if !errors.Is(err, ErrClosed) || seen != 1 {
		t.Errorf("the scan saw %d entries and ended with %v, want one and ErrClosed", seen, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
