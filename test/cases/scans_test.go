package cases_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// orders tells a handler what to do; the answers come out of said.
var (
	orders = processor.NewStream("orders", codec.String, codec.String)
	said   = processor.NewStream("said", codec.String, codec.String)
)

// answers gives the values of said.
func (b *bench) answers() (list []string) {
	b.t.Helper()
	for _, r := range b.records("said") {
		list = append(list, string(r.Value))
	}
	return list
}

// C-01: what a handler deletes does not come back in its own scan, nor in a later one. The second half of the card, 10,000
// random operations against a map, is in state/statetest.
func TestADeletedKeyStaysAwayFromScansC01(t *testing.T) {
	table := processor.NewTable("table", codec.String, codec.Int64)
	app := topology.MustNew("app", processor.New("scanner", processor.On(orders, func(ctx processor.Context, key, what string) error {
		switch what {
		case "fill":
			for i := range int64(10) {
				table.Put(ctx, fmt.Sprint("k", i), i)
			}
			return nil
		case "delete":
			table.Delete(ctx, "k1")
			table.Delete(ctx, "k3")
			table.Put(ctx, "k2", 20)
		}
		var list []string
		for k, v := range table.All(ctx) {
			list = append(list, fmt.Sprintf("%s=%d", k, v))
		}
		said.Emit(ctx, key, strings.Join(list, " "))
		return nil
	}), processor.Owns(table), processor.Emits(said)))
	const want = "k0=0 k2=20 k4=4 k5=5 k6=6 k7=7 k8=8 k9=9"
	for _, memory := range []int64{1 << 20, 256 << 20} {
		b := newBench(t, 1)
		small := func(c *worker.Config) { c.StateMemory = memory }
		b.start(app, small)
		send(b, orders, "o", "fill")
		b.settle()
		send(b, orders, "o", "delete", "look")
		b.settle()
		b.halt()
		b.start(app, small)
		send(b, orders, "o", "look")
		b.settle()
		for i, got := range b.answers() {
			if got != want {
				t.Errorf("memory %d, scan %d: %s, want %s", memory, i, got, want)
			}
		}
		if got := strings.Join(rows(b, app, table), " "); got != want {
			t.Errorf("memory %d: the view has %s, want %s", memory, got, want)
		}
	}
}

// C-02: the documented rule is the snapshot (S-19): ten visits with the values at the start, while Get sees the deletion.
func TestDeletingDuringAScanC02(t *testing.T) {
	table := processor.NewTable("table", codec.String, codec.Int64)
	app := topology.MustNew("app", processor.New("scanner", processor.On(orders, func(ctx processor.Context, key, what string) error {
		if what == "fill" {
			for i := range int64(10) {
				table.Put(ctx, string(rune('a'+i)), i+1)
			}
			return nil
		}
		var list []string
		for k, v := range table.All(ctx) {
			next := string(rune(k[0] + 1))
			table.Delete(ctx, k)
			table.Delete(ctx, next)
			_, here := table.Get(ctx, k)
			_, there := table.Get(ctx, next)
			list = append(list, fmt.Sprintf("%s%d", k, v))
			if here || there {
				return fmt.Errorf("%s or %s is there after Delete", k, next)
			}
		}
		said.Emit(ctx, key, strings.Join(list, " "))
		return nil
	}), processor.Owns(table), processor.Emits(said)))
	for _, settled := range []bool{true, false} { // entries in LevelDB; entries of the same commit
		b := newBench(t, 1)
		b.start(app)
		send(b, orders, "o", "fill")
		if settled {
			b.settle()
		}
		send(b, orders, "o", "delete")
		b.settle()
		if got := b.answers(); len(got) != 1 || got[0] != "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10" {
			t.Errorf("settled %v: visited %q", settled, got)
		}
		if got := rows(b, app, table); len(got) != 0 {
			t.Errorf("settled %v: the table still has %v", settled, got)
		}
	}
}

// C-04: numbers and times are scanned in their order, in a handler from the store and in a view.
func TestScansGoFromNegativeToPositiveC04(t *testing.T) {
	numbers := processor.NewTable("numbers", codec.Int64, codec.Empty)
	reals := processor.NewTable("reals", codec.Float64, codec.Empty)
	times := processor.NewTable("times", codec.Time, codec.Empty)
	before, epoch, later := time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), time.Unix(0, 0).UTC(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	app := topology.MustNew("app", processor.New("scanner", processor.On(orders, func(ctx processor.Context, key, what string) error {
		if what == "fill" {
			for _, n := range []int64{5, math.MaxInt64, -1, 0, math.MinInt64, 1, -5} {
				numbers.Put(ctx, n, struct{}{})
			}
			for _, f := range []float64{2.5, math.Inf(1), math.Copysign(0, -1), 0, -0.25, math.Inf(-1), -1.5} {
				reals.Put(ctx, f, struct{}{})
			}
			for _, at := range []time.Time{later, before, epoch} {
				times.Put(ctx, at, struct{}{})
			}
			return nil
		}
		var list []string
		for n := range numbers.Range(ctx, -2, 2) {
			list = append(list, fmt.Sprint(n))
		}
		list = append(list, "|")
		for f := range reals.Range(ctx, -2, 3) {
			list = append(list, fmt.Sprint(f))
		}
		list = append(list, "|")
		for at := range times.All(ctx) {
			list = append(list, fmt.Sprint(at.Unix()))
		}
		said.Emit(ctx, key, strings.Join(list, " "))
		return nil
	}), processor.Owns(numbers, reals, times), processor.Emits(said)))
	b := newBench(t, 1)
	b.start(app)
	send(b, orders, "o", "fill")
	b.settle()
	b.kill()
	b.start(app)
	send(b, orders, "o", "look")
	b.settle()
	if got := b.answers(); len(got) != 1 || got[0] != "-1 0 1 | -1.5 -0.25 0 2.5 | -1 0 1767225600" {
		t.Errorf("the handler saw %q", got)
	}
	v := openView(b, app, numbers)
	defer v.Close()
	var part []int64
	for e, err := range v.Range(b.context(), -2, 2) {
		if err != nil {
			t.Fatal(err)
		}
		part = append(part, e.Key)
	}
	if fmt.Sprint(part) != "[-1 0 1]" {
		t.Errorf("the view's Range(-2, 2) gives %v", part)
	}
	for _, c := range []struct{ got, want string }{
		{fmt.Sprint(rows(b, app, numbers)), "[-9223372036854775808={} -5={} -1={} 0={} 1={} 5={} 9223372036854775807={}]"},
		{fmt.Sprint(rows(b, app, reals)), "[-Inf={} -1.5={} -0.25={} 0={} 2.5={} +Inf={}]"}, // -0 and 0 are one key
		{fmt.Sprint(rows(b, app, times)), fmt.Sprintf("[%v={} %v={} %v={}]", before, epoch, later)},
	} {
		if c.got != c.want {
			t.Errorf("the view gives %s, want %s", c.got, c.want)
		}
	}
}

// C-05: prefixes of FF end where they should and see no neighbour, from the store and before the commit.
func TestPrefixScansOfFFSeeNoNeighbourC05(t *testing.T) {
	a := processor.NewTable("a", codec.Bytes, codec.Empty)
	neighbour := processor.NewTable("b", codec.Bytes, codec.Empty)
	keys := []string{"\xfe\x01", "\xff", "\xff\xff", "\xff\xff\x00", "\xff\xff\xff"}
	app := topology.MustNew("app", processor.New("scanner", processor.On(orders, func(ctx processor.Context, key, what string) error {
		if what == "fill" {
			neighbour.Put(ctx, []byte{0}, struct{}{})
			for _, k := range keys {
				a.Put(ctx, []byte(k), struct{}{})
			}
		}
		for _, prefix := range []string{"\xff\xff", "\xff", ""} {
			var list []string
			for k := range processor.Prefix(ctx, a, []byte(prefix)) {
				list = append(list, fmt.Sprintf("%x", k))
			}
			said.Emit(ctx, key, strings.Join(list, " "))
		}
		return nil
	}), processor.Owns(a, neighbour), processor.Emits(said)))
	b := newBench(t, 1)
	b.start(app)
	send(b, orders, "o", "fill")
	b.settle()
	send(b, orders, "o", "look")
	b.settle()
	want := []string{"ffff ffff00 ffffff", "ff ffff ffff00 ffffff", "fe01 ff ffff ffff00 ffffff"}
	for i, got := range b.answers() {
		if got != want[i%3] {
			t.Errorf("scan %d gives %s, want %s", i, got, want[i%3])
		}
	}
}

// C-62: scans that are left early, or by a panic, pin nothing: 50,000 of them over 20,000 keys of a store on the disk of this
// machine leave the heap where it was (the card has 1,000,000 over 100,000), and a view says that it is closed.
func TestScansLeftEarlyPinNothingC62(t *testing.T) {
	const keys, scans = 20_000, 50_000
	table := processor.NewTable("table", codec.Int64, codec.Int64)
	ticks := processor.NewStream("ticks", codec.String, codec.Int64)
	app := topology.MustNew("app", processor.New("scanner", processor.On(ticks, func(ctx processor.Context, key string, n int64) error {
		if n < 0 {
			for i := range int64(keys) {
				table.Put(ctx, i, i)
			}
			return nil
		}
		for range table.Range(ctx, n%keys, keys) {
			if n%1000 == 0 {
				panic("in the middle of a scan")
			}
			break
		}
		table.Put(ctx, n%100, n) // something to compact
		return nil
	}), processor.Owns(table), processor.OnError(processor.ErrorPolicy{Then: processor.Skip})))
	disk := &openFiles{FS: machineDisk{t.TempDir()}}
	b := newBench(t, 1)
	b.create("ticks", 1)
	b.start(app, func(c *worker.Config) { c.FS = disk; c.CommitEvery = 50 * time.Millisecond })
	send(b, ticks, "t", -1)
	b.settle()
	batch := make([]commitlog.Record, 1000)
	round := func(from int) {
		for i := range batch {
			data, _ := codec.Int64.Append(nil, int64(from+i)) // never fails
			batch[i] = commitlog.Record{Key: []byte("t"), Value: data}
		}
		b.put("ticks", 0, batch...)
	}
	round(0)
	b.settle()
	heap, open := liveHeap(), disk.open.Load()
	for n := 1000; n < scans; n += 1000 {
		round(n)
	}
	b.settle()
	if got := liveHeap(); got > heap+50<<20 {
		t.Errorf("the heap went from %d to %d MiB", heap>>20, got>>20)
	}
	if got := disk.open.Load(); got > open+4 {
		t.Errorf("%d files are open, %d were", got, open)
	}
	if s := b.worker.Status().Processors[0].Tasks[0]; s.Skipped != scans/1000 {
		t.Errorf("%d records skipped, want the %d that panicked", s.Skipped, scans/1000)
	}
	v := openView(b, app, table)
	var after error
	n := 0
	for _, err := range v.All(context.Background()) {
		if after = err; err != nil {
			break
		}
		if n++; n == 1 {
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 1 || after == nil || !strings.Contains(after.Error(), "closed") {
		t.Errorf("%d entries after Close, then %v; want an error that says so", n, after)
	}
}
