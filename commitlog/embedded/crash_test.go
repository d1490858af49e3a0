package embedded

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/logtest"
	"github.com/millrun/millrun/internal/vfs"
)

// crashing is a log whose Close comes too late: the disk it was on is kept as it was before.
type crashing struct {
	*Log
	crash func()
}

// Close implements commitlog.Log.
func (c crashing) Close() error {
	c.crash()
	return c.Log.Close()
}

// Every restart in the suite is here a power cut or a kill; all else must not notice.
func TestEmbeddedLogKeepsTheContractOverCrashes(t *testing.T) {
	for _, how := range []struct {
		name string
		cut  func(*vfs.Mem, *rand.Rand) *vfs.Mem
	}{
		{"Kill", func(m *vfs.Mem, _ *rand.Rand) *vfs.Mem { return m.Clone() }},
		{"PowerCut", func(m *vfs.Mem, _ *rand.Rand) *vfs.Mem { return m.CrashClone() }},
		{"PowerCutKeepingHalf", func(m *vfs.Mem, rng *rand.Rand) *vfs.Mem { return m.CrashCloneKeeping(rng, 0.5) }},
	} {
		t.Run(how.name, func(t *testing.T) {
			logtest.Run(t, func(t testing.TB) logtest.Fixture {
				seed := rand.Uint64()
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("seed %d", seed)
					}
				})
				rng, fs := rand.New(rand.NewPCG(seed, 0)), vfs.NewMem()
				open := func(t testing.TB) commitlog.Log {
					l, err := OpenConfig("data", Config{FS: fs})
					if err != nil {
						t.Fatal(err)
					}
					return crashing{l, func() { fs = how.cut(fs, rng) }}
				}
				return logtest.Fixture{Log: open(t), Reopen: open}
			})
		})
	}
}

// A copy loop from one topic to another, cut by power before each commit and after it, neither loses nor doubles a record.
func TestACopyLoopOverPowerCutsIsExact(t *testing.T) {
	const n, piece = 60, 7
	fs, ctx := vfs.NewMem(), t.Context()
	in, out := commitlog.Partition{Topic: "in"}, commitlog.Partition{Topic: "out"}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	open := func() *Log {
		t.Helper()
		l, err := OpenConfig("data", Config{FS: fs})
		ok(err)
		return l
	}
	l := open()
	for _, topic := range []string{"in", "out"} {
		ok(l.CreateTopic(ctx, commitlog.TopicSpec{Name: topic, Partitions: 1}))
	}
	w, err := l.OpenWriter(ctx, commitlog.WriterConfig{})
	ok(err)
	for i := range n {
		_, err := w.Append(ctx, in, []commitlog.Record{{Value: fmt.Append(nil, i), Timestamp: int64(i)}})
		ok(err)
	}
	ok(w.Close())
	for cuts := 0; ; cuts++ {
		tx, err := l.OpenTransactor(ctx, commitlog.TransactorConfig{ID: "copy"})
		ok(err)
		committed, err := l.FetchOffsets(ctx, "copy", []commitlog.Partition{in})
		ok(err)
		from := max(committed[0].Offset, 0)
		if want := int64(min(cuts/2*piece, n)); from != want {
			t.Fatalf("after %d cuts the committed offset is %d, want %d", cuts, from, want)
		}
		if from == n {
			ok(tx.Close())
			break
		}
		to := min(from+piece, n)
		ok(tx.Append(ctx, out, readAll(t, l, in, from, to)))
		if cuts%2 == 1 {
			_, err = tx.Commit(ctx, commitlog.GroupOffsets{Member: commitlog.Member{Group: "copy", Generation: -1},
				Offsets: []commitlog.Position{{Partition: in, Offset: to}}})
			ok(err)
		}
		cut := fs.CrashClone()
		ok(tx.Close())
		ok(l.Close())
		fs = cut
		l = open()
	}
	ends, err := l.Offsets(ctx, []commitlog.Partition{out}, commitlog.End, commitlog.ReadCommitted)
	ok(err)
	got := readAll(t, l, out, 0, ends[0].Offset)
	if len(got) != n {
		t.Errorf("%d records came out, want %d", len(got), n)
	}
	for i, r := range got {
		if string(r.Value) != fmt.Sprint(i) {
			t.Fatalf("record %d is %s", i, r.Value)
		}
	}
	ok(l.Close())
}

// readAll copies the committed records of p from one position to another.
func readAll(t *testing.T, l *Log, p commitlog.Partition, from, to int64) []commitlog.Record {
	t.Helper()
	r, err := l.OpenReader(t.Context(), commitlog.ReaderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Seek(p, from)
	var records []commitlog.Record
	for from < to {
		b, err := r.Poll(t.Context(), requestTimeout)
		if err != nil || b == nil {
			t.Fatalf("poll: %v, %v", b, err)
		}
		for _, record := range b.Records {
			if record.Offset < to {
				records = append(records, commitlog.Record{Key: nil, Value: append([]byte{}, record.Value...),
					Timestamp: record.Timestamp, Offset: record.Offset})
			}
		}
		from = b.Next
		b.Release()
	}
	return records
}
