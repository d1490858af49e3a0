package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// newFaultyBench is newBench on a disk that fails when told to.
func newFaultyBench(t *testing.T) (*bench, *vfs.Faulty) {
	mem := vfs.NewMem()
	disk := vfs.NewFaulty(mem)
	b := &bench{t: t, disk: mem}
	b.reopen(disk)
	t.Cleanup(func() { _ = b.log.Close() })
	return b, disk
}

func (b *bench) reopen(fs vfs.FS) {
	b.t.Helper()
	l, err := embedded.OpenConfig("log", embedded.Config{FS: fs, Broker: brokerlite.Config{MinSessionTimeout: 100 * time.Millisecond}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.log = l
}

// failing lets every write below a directory fail while it is on.
func failing(disk *vfs.Faulty, dir string, kind vfs.Kind, err error) {
	disk.SetHook(func(op vfs.Op) error {
		if op.Kind == kind && strings.HasPrefix(op.Name, dir) {
			return err
		}
		return nil
	})
}

// A log whose disk is full for a while takes the commit later; nothing is lost or done twice.
func TestAFullLogDiskIsSatOut(t *testing.T) {
	b, disk := newFaultyBench(t)
	b.createTopic("clicks", 4)
	app := topology.MustNew("app", countProcessor())
	w, _ := b.run(app, func(c *worker.Config) { c.FS = disk; c.Clock = hasty{times: 10} })
	send(b, clicks, "u", 1, 1, 1)
	b.settle(w)
	failing(disk, "log/topics/app.counter", vfs.KindWrite, syscall.ENOSPC) // not the input's own files
	send(b, clicks, "u", 1, 1)
	eventually(t, "a commit to fail", func() bool { return w.Status().Processors[0].Failed["storage"] > 0 })
	disk.SetHook(nil)
	b.settle(w)
	send(b, clicks, "u", 1)
	b.settle(w)
	if got := read(b, app, counts)["u"]; got != 6 {
		t.Errorf("u = %d, want 6", got)
	}
	b.sequences("echo", func(string) int { return 6 })
}

// A log whose disk fails to sync is dead: Run ends and says so, and what was committed is there after a restart.
func TestALogThatCannotSyncEndsTheWorkerWithTheReason(t *testing.T) {
	b, disk := newFaultyBench(t)
	b.createTopic("clicks", 4)
	app := topology.MustNew("app", countProcessor())
	w, cancel, ended := b.startWith(app, disk)
	defer cancel()
	send(b, clicks, "u", 1, 1, 1)
	b.settle(w)
	send(b, clicks, "u", 1)
	failing(disk, "log/", vfs.KindSync, syscall.EIO)
	_ = b.log.CreateTopic(context.Background(), commitlog.TopicSpec{Name: "more", Partitions: 1}) // meets the fault, if no commit did
	err := within(t, ended, "the worker to end")
	if err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("Run: %v, want the disk's error", err)
	}
	_ = b.log.Close()
	disk.SetHook(nil)
	b.reopen(disk)
	w, _ = b.run(app, func(c *worker.Config) { c.FS = disk })
	b.settle(w)
	if got := read(b, app, counts)["u"]; got != 4 {
		t.Errorf("u = %d, want 4", got)
	}
	b.sequences("echo", func(string) int { return 4 })
}

// Tables whose disk is full end the worker: the log has the commit, and a restart replays it.
func TestAFullTableDiskEndsTheWorkerAndARestartReplays(t *testing.T) {
	b, disk := newFaultyBench(t)
	b.createTopic("clicks", 4)
	app := topology.MustNew("app", countProcessor())
	w, cancel, ended := b.startWith(app, disk)
	defer cancel()
	send(b, clicks, "u", 1, 1, 1)
	b.settle(w)
	failing(disk, "state/", vfs.KindWrite, syscall.ENOSPC)
	send(b, clicks, "u", 1)
	err := within(t, ended, "the worker to end")
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the log has the commit") {
		t.Errorf("Run: %v, want what failed and that nothing is lost", err)
	}
	disk.SetHook(nil)
	w, _ = b.run(app, func(c *worker.Config) { c.FS = disk })
	b.settle(w)
	if got := read(b, app, counts)["u"]; got != 4 {
		t.Errorf("u = %d, want 4", got)
	}
	b.sequences("echo", func(string) int { return 4 })
}

// A state directory that cannot be written is refused at once, with its name.
func TestAReadOnlyStateDirectoryIsRefused(t *testing.T) {
	b, disk := newFaultyBench(t)
	b.createTopic("clicks", 4)
	w, err := worker.New(topology.MustNew("app", countProcessor()), b.log, worker.Config{StateDir: "state", FS: readOnly{disk}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Run(ctx); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "state/app") {
		t.Errorf("Run: %v, want the directory and that it is read-only", err)
	}
}

// readOnly refuses what would change anything.
type readOnly struct{ vfs.FS }

func (readOnly) MkdirAll(dir string, _ fs.FileMode) error {
	return fmt.Errorf("mkdir %s: %w", dir, syscall.EROFS)
}

func (b *bench) startWith(app *topology.Topology, disk vfs.FS) (*worker.Worker, func(), chan error) {
	b.t.Helper()
	w, cancel, ended := b.start(app, func(c *worker.Config) { c.FS = disk })
	return w, cancel, ended
}
