package kill

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

const childEnv = "MILLRUN_KILL_CHILD" // what the child is to do; dirEnv and untilEnv are its arguments
const dirEnv, untilEnv = "MILLRUN_KILL_DIR", "MILLRUN_KILL_UNTIL"

func TestMain(m *testing.M) {
	work, isChild := children[os.Getenv(childEnv)]
	if !isChild {
		os.Exit(m.Run())
	}
	if err := runChild(work); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// childWork does its work in dir with the rows up to until, 0 being all, and says in handled how many it has handled.
type childWork func(ctx context.Context, dir string, until int, handled *atomic.Int64) error

var children = map[string]childWork{"count": countChild, "flights": flightsChild}

// runChild reports from the first moment on, so that the kill can also come before the log is open. A child with a limit
// stays until it is killed; the parent's end is its own end.
func runChild(work childWork) error {
	until, err := strconv.Atoi(os.Getenv(untilEnv))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends with the process
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	var handled atomic.Int64
	go func() { // ends with the process
		for range time.Tick(3 * time.Millisecond) {
			if _, err := fmt.Println(handled.Load()); err != nil {
				cancel()
				return
			}
		}
	}()
	if err := work(ctx, os.Getenv(dirEnv), until, &handled); err != nil {
		return err
	}
	if until > 0 {
		<-ctx.Done()
	}
	return nil
}
