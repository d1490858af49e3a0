package view_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/state/view"
	"github.com/millrun/millrun/topology"
)

// S-47: a view of a table that nobody has built neither waits nor creates; once an edition exists it shows it.
func TestATableNobodyHasBuiltIsErrNoTable(t *testing.T) {
	w := newWorld(t)
	v := w.open()
	for range 2 {
		if _, _, err := v.Get(w.ctx, 1); !errors.Is(err, view.ErrNoTable) || !strings.Contains(err.Error(), "totals") {
			t.Errorf("Get gives %v, want ErrNoTable with the table's name", err)
		}
		if _, err := list(v.All(w.ctx)); !errors.Is(err, view.ErrNoTable) {
			t.Errorf("All gives %v, want ErrNoTable", err)
		}
	}
	if topics, err := w.log.Topics(w.ctx); err != nil || len(topics) > 0 {
		t.Errorf("the view has created %v (%v)", topics, err)
	}
	w.begin()
	w.must(v.Ready(w.ctx))
	w.wantGet(v, 1, "")
	w.put(1, 1, "one")
	w.commit()
	w.must(v.Ready(w.ctx))
	w.wantGet(v, 1, "one")
}

// C-04: scans show all partitions in the order of values.
func TestScansRunInTheOrderOfValuesOverAllPartitions(t *testing.T) {
	w := newWorld(t)
	w.begin()
	for i, k := range []int64{5, -1, math.MaxInt64, 0, -5, math.MinInt64, 1} {
		w.put(1, k, fmt.Sprint("v", i))
	}
	w.put(1, 77, "gone")
	w.put(1, 77, "")
	w.commit()
	v := w.open()
	w.wantList(v.All(w.ctx), "-9223372036854775808=v5 -5=v4 -1=v1 0=v3 1=v6 5=v0 9223372036854775807=v2")
	w.wantList(v.Range(w.ctx, -2, 2), "-1=v1 0=v3 1=v6")
	w.wantList(v.Range(w.ctx, 2, -2), "")
	w.wantGet(v, -5, "v4")
	w.wantGet(v, 77, "")
	for e, err := range v.All(w.ctx) {
		w.must(err)
		if e.Key != math.MinInt64 {
			t.Errorf("the first key is %d", e.Key)
		}
		break
	}
}

// C-31: before the view is ready Get waits and never says "absent", while the table goes on to grow; ready is the end that was
// there when the filling began.
func TestGetWaitsUntilTheCopyIsComplete(t *testing.T) {
	w := newWorld(t)
	w.begin()
	const n = 30_000
	old := strings.Repeat("v", 300) // so that no partition comes in one piece
	for k := range int64(n) {
		w.put(1, k, old)
	}
	w.commit()
	grown := make(chan struct{})
	stop := make(chan struct{})
	go func() { // ended by stop, awaited by grown
		defer close(grown)
		for k := int64(n); ; k++ {
			w.put(1, k, "later")
			w.commit()
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	for range 3 {
		v := w.open()
		w.wantGet(v, n-1, old)
		w.wantGet(v, -1, "")
		ended, cancel := context.WithCancel(w.ctx)
		cancel()
		late := w.open()
		if _, _, err := late.Get(ended, n-1); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a Get whose context has ended gives %v", err)
		}
		w.must(late.Close())
		w.must(v.Ready(w.ctx))
	}
	close(stop)
	<-grown
}

// C-29, S-17: a changelog that ends with markers, or with an aborted transaction, or holds nothing else, is read to its end.
func TestReadyCountsInPositionsNotRecords(t *testing.T) {
	w := newWorld(t)
	w.begin()
	for k := range int64(20) {
		w.put(1, k, "aborted")
	}
	w.must(w.tx.Abort(w.ctx))
	v := w.open()
	w.must(v.Ready(w.ctx))
	w.wantGet(v, 3, "")
	w.put(1, 3, "three")
	w.commit()
	w.must(v.Ready(w.ctx))
	w.wantGet(v, 3, "three")
	for k := range int64(20) {
		w.put(1, k, "aborted again")
	}
	w.must(w.tx.Abort(w.ctx))
	w.must(v.Ready(w.ctx))
	w.wantList(v.All(w.ctx), "3=three")
}

// S-45: what a commit did to a partition shows at once, although it came in many batches.
func TestACommitShowsAtOnce(t *testing.T) {
	for what, config := range map[string]view.Config{"memory": {}, "disk": {Dir: dir, FS: vfs.NewMem()}} {
		t.Run(what, func(t *testing.T) { commitsShowAtOnce(t, config) })
	}
}

func commitsShowAtOnce(t *testing.T, config view.Config) {
	w := newWorld(t)
	w.begin()
	keys := []int64{}
	for k := int64(0); len(keys) < 40; k++ {
		if partitionOf(k) == 1 {
			keys = append(keys, k)
		}
	}
	v := w.openConfig(w.log, config)
	defer v.Close()
	done := make(chan struct{})
	go func() { // ended by its loop, awaited by done
		defer close(done)
		for round := range 8 {
			for _, k := range keys { // more than a reader fetches at once
				w.put(1, k, fmt.Sprint(round)+strings.Repeat(".", 80_000))
			}
			w.commit()
		}
	}()
	seen := map[string]bool{}
	for running := true; running; {
		select {
		case <-done:
			running = false
			w.must(v.Ready(w.ctx))
		default:
		}
		values, n := map[string]bool{}, 0
		for e, err := range v.All(w.ctx) {
			w.must(err)
			values[strings.TrimRight(e.Value, ".")] = true
			n++
		}
		if len(values) > 1 || n != 0 && n != len(keys) {
			t.Fatalf("one look shows %d keys with the values %v of several commits", n, values)
		}
		for x := range values {
			seen[x] = true
		}
	}
	if !seen["7"] {
		t.Errorf("seen at the end: %v", seen)
	}
}

// C-62: use after Close is an error, also in the middle of a range; a call that waits ends.
func TestCloseEndsWhatWaitsAndWhatRuns(t *testing.T) {
	w := newWorld(t)
	w.begin()
	for k := range int64(9) {
		w.put(1, k, "v")
	}
	w.commit()
	v := w.open()
	w.must(v.Ready(w.ctx))
	waited := make(chan error)
	go func() { // ends with the view
		_, _, err := v.Get(w.ctx, 0, view.AtLeast(commitlog.Position{Partition: commitlog.Partition{Topic: "orders", Index: partitionOf(0)}, Offset: 5}))
		waited <- err
	}()
	n := 0
	var last error
	for _, err := range v.All(w.ctx) {
		if n++; n == 2 {
			w.must(v.Close())
		}
		last = err
	}
	if n != 3 || !errors.Is(last, view.ErrClosed) {
		t.Errorf("a range over a view that closes after 2 entries: %d, ends with %v", n, last)
	}
	if err := <-waited; !errors.Is(err, view.ErrClosed) {
		t.Errorf("a Get that waits ends with %v", err)
	}
	if _, _, err := v.Get(w.ctx, 0); !errors.Is(err, view.ErrClosed) {
		t.Errorf("Get after Close: %v", err)
	}
	if _, err := list(v.All(w.ctx)); !errors.Is(err, view.ErrClosed) {
		t.Errorf("All after Close: %v", err)
	}
	if err := v.Ready(w.ctx); !errors.Is(err, view.ErrClosed) {
		t.Errorf("Ready after Close: %v", err)
	}
}

func TestOpenNamesWhatIsWrongWithTheTable(t *testing.T) {
	w := newWorld(t)
	foreign := processor.NewTable("elsewhere", codec.String, codec.String)
	double := processor.NewTable("totals", codec.Int64, codec.String)
	if _, err := view.Open(w.ctx, shop, w.log, foreign, view.Config{}); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("a table of nobody: %v", err)
	}
	if _, err := view.Open(w.ctx, shop, w.log, double, view.Config{}); err == nil || !strings.Contains(err.Error(), "use that declaration") {
		t.Errorf("another declaration: %v", err)
	}
	if _, err := view.Open(w.ctx, shop, w.log, (*processor.Table[int64, string])(nil), view.Config{}); err == nil {
		t.Error("a nil table is no error")
	}
}

func TestAValueThatDoesNotDecodeIsAnErrorThatNamesTheKey(t *testing.T) {
	w := newWorld(t)
	numbers := processor.NewTable("totals", codec.Int64, codec.Int64)
	app := topology.MustNew("shop", processor.New("sum",
		processor.On(orders, func(processor.Context, int64, int64) error { return nil }), processor.Owns(numbers)))
	w.begin()
	w.put(1, 7, "not eight bytes")
	w.commit()
	v, err := view.Open(w.ctx, app, w.log, numbers, view.Config{})
	w.must(err)
	defer v.Close()
	if _, _, err := v.Get(w.ctx, 7); err == nil || !strings.Contains(err.Error(), "totals") {
		t.Errorf("Get gives %v", err)
	}
	for _, err := range v.All(w.ctx) {
		if err == nil || !strings.Contains(err.Error(), "does not decode") {
			t.Errorf("All gives %v", err)
		}
	}
}
