package view_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/internal/clock"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state/view"
)

// S-12: what does not fit the log is moved aside, and the copy filled anew.
func TestAStoreThatDoesNotMatchIsMovedAside(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		name, reason string
		change       func(w *world, log *rigged, clk *clock.Virtual) *world
	}{
		{"another cluster", "cluster", func(w *world, _ *rigged, _ *clock.Virtual) *world {
			other := newWorldOn(w.t, vfs.NewMem())
			other.begin()
			return other
		}},
		{"the topic was made anew", "topic ids", func(w *world, _ *rigged, _ *clock.Virtual) *world {
			w.must(w.log.DeleteTopic(w.ctx, changelogOf(1, 0).Topic))
			w.changelog(1)
			return w
		}},
		{"the log is shorter", "which ends at", nil}, // the log is put back to before the filling, below
		{"the log begins later", "which begins at", func(w *world, _ *rigged, _ *clock.Virtual) *world {
			w.must(w.log.SetTopicConfig(w.ctx, changelogOf(1, 0).Topic, map[string]string{"cleanup.policy": "delete"}))
			for k := range int64(20) {
				w.put(1, k, "x")
			}
			w.commit()
			for p := range int32(partitions) {
				w.must(w.log.DeleteRecords(w.ctx, []commitlog.Position{{Partition: changelogOf(1, p), Offset: -1}}))
			}
			return w
		}},
		{"older than the topic remembers deletions", "forgets deletions", func(w *world, _ *rigged, clk *clock.Virtual) *world {
			clk.Advance(day/2 + time.Minute)
			for k := range int64(20) {
				w.put(1, k, "late")
			}
			w.commit()
			return w
		}},
		{"a lower leader epoch", "another history", func(w *world, log *rigged, _ *clock.Virtual) *world {
			log.epoch = 1
			return w
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.begin()
			var before *vfs.Mem
			if c.change == nil {
				w.must(w.tx.Close()) // what is in the log now is what comes back
				w.tx = nil
				before = w.files.CrashClone()
				var err error
				w.tx, err = w.log.OpenTransactor(w.ctx, commitlog.TransactorConfig{ID: "worker"})
				w.must(err)
			}
			for k := range int64(20) {
				w.put(1, k, "old")
			}
			w.commit()
			files, clk := vfs.NewMem(), clock.NewVirtual(time.Now())
			var said bytes.Buffer
			config := view.Config{Dir: dir, FS: files, Clock: clk, Logger: slog.New(slog.NewTextHandler(&said, nil))}
			v := w.openConfig(&rigged{Log: w.log, epoch: 5}, config)
			w.must(v.Ready(w.ctx))
			w.must(v.Close())
			if said.Len() > 0 {
				t.Errorf("the first view has something to say: %s", &said)
			}
			log := &rigged{epoch: 5}
			if c.change != nil {
				w = c.change(w, log, clk)
			} else {
				w = newWorldOn(t, before)
				var err error
				w.tx, err = w.log.OpenTransactor(w.ctx, commitlog.TransactorConfig{ID: "worker"})
				w.must(err)
			}
			w.put(1, 7, "new")
			w.commit()
			log.Log = w.log
			v = w.openConfig(log, config)
			w.must(v.Ready(w.ctx))
			fresh := w.openConfig(w.log, view.Config{})
			want, err := list(fresh.All(w.ctx))
			w.must(err)
			w.wantList(v.All(w.ctx), want)
			if !strings.Contains(want, "7=new") {
				t.Errorf("a view in memory shows %s", want)
			}
			w.must(fresh.Close())
			w.must(v.Close())
			aside := path.Join(dir, changelogOf(1, 0).Topic, fmt.Sprint(partitionOf(7)), "aside")
			if _, err := files.Stat(aside); err != nil || !strings.Contains(said.String(), c.reason) {
				t.Errorf("%s: %v; the log says %s, want %q", aside, err, &said, c.reason)
			}
		})
	}
}
