package state_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

// C-62: a closed store leaves no goroutine behind, whatever was done with it.
func TestAClosedStoreLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	files := vfs.NewMem()
	for range 3 {
		s := open(t, config(files))
		c := state.NewCache(s, 1)
		for i := range 2_000 {
			c.Put(0, []byte{byte(i >> 8), byte(i)}, make([]byte, 2_000)) // more than a write buffer: tables are written behind our back
			c.Accept()
		}
		err := errors.Join(s.Apply(c.Freeze(), someMark), s.Barrier(), s.Reject("a test"), s.Commit(someMark), s.Close(true))
		if err != nil {
			t.Fatal(err)
		}
	}
	// goleveldb's drain of a pool ends by itself, up to a second after Close.
	goleak.VerifyNone(t, before, goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"))
}
