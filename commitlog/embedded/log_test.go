package embedded

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/logtest"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
)

func TestEmbeddedLogKeepsTheContractOnDisk(t *testing.T) {
	logtest.Run(t, func(t testing.TB) logtest.Fixture {
		dir := t.TempDir()
		open := func(t testing.TB) commitlog.Log {
			l, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		return logtest.Fixture{Log: open(t), Reopen: open}
	})
}

func TestEmbeddedLogKeepsTheContractInMemory(t *testing.T) {
	logtest.Run(t, func(t testing.TB) logtest.Fixture {
		fs, now := vfs.NewMem(), clock.NewVirtual(time.UnixMilli(1700000000000))
		open := func(t testing.TB) commitlog.Log {
			l, err := OpenConfig("data", Config{FS: fs, Clock: now})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		return logtest.Fixture{Log: open(t), Reopen: open, Advance: func(d time.Duration) { now.Advance(d) }}
	})
}

func TestOpenTellsDamageOfTheMetadata(t *testing.T) {
	fs := vfs.NewMem()
	l, err := OpenConfig("data", Config{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("data/meta")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := fs.OpenReadWrite("data/meta/" + name)
		if err == nil {
			err = errors.Join(f.Truncate(20), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = OpenConfig("data", Config{FS: fs})
	if !errors.Is(err, commitlog.ErrCorrupt) || !strings.Contains(err.Error(), names[0]) {
		t.Errorf("open: %v, want ErrCorrupt and the name of %s", err, names[0])
	}
}

// A call that comes before the writer's goroutine has begun waits for company as any other.
func TestFirstCallOfAWriterLingers(t *testing.T) {
	now := clock.NewVirtual(time.UnixMilli(1700000000000))
	l, err := OpenConfig("data", Config{FS: vfs.NewMem(), Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := l.CreateTopic(ctx, commitlog.TopicSpec{Name: "t", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	w := &writer{log: l, c: commitlog.WriterConfig{Linger: time.Hour, BufferBytes: 1 << 20}, life: ctx, stop: cancel,
		kick: make(chan struct{}, 1), done: make(chan struct{})}
	w.mu.room = make(chan struct{})
	if err := w.renew(ctx); err != nil {
		t.Fatal(err)
	}
	call := &appendCall{partition: commitlog.Partition{Topic: "t"}, records: []commitlog.Record{{Value: []byte("v"), Timestamp: -1}},
		done: make(chan struct{})}
	if err := w.enqueue(ctx, call); err != nil {
		t.Fatal(err)
	}
	pending := now.Pending()
	go w.run() // ended by Close
	if err := now.AwaitPending(ctx, pending+1); err != nil {
		t.Errorf("no timer runs: %v", err)
	}
	now.Advance(time.Hour)
	<-call.done
	if err := errors.Join(call.err, w.Close()); err != nil {
		t.Error(err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
