package worker_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"

	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

// lines collects a log.
type lines struct {
	sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.Write(p)
}

// messages gives the entries by message.
func (l *lines) messages(t *testing.T) map[string][]map[string]any {
	t.Helper()
	l.Lock()
	defer l.Unlock()
	found := map[string][]map[string]any{}
	for line := range bytes.Lines(l.Bytes()) {
		var entry map[string]any
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		msg := entry["msg"].(string)
		found[msg] = append(found[msg], entry)
	}
	return found
}

func TestTheLogTellsALifeOnceWithItsFigures(t *testing.T) {
	b := newBench(t)
	app := topology.MustNew("app", countProcessor())
	w, stop := b.run(app, one)
	send(b, clicks, "alice", 1, 2, 3)
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var out lines
	w, stop = b.run(app, func(c *worker.Config) { // an empty directory: there is something to restore
		one(c)
		c.StateDir, c.Logger = "elsewhere", slog.New(slog.NewJSONHandler(&out, nil))
	})
	b.settle(w)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	got := out.messages(t)
	for msg, keys := range map[string][]string{
		"worker starts":       {"application", "worker", "processors", "state"},
		"edition serves here": {"processor", "edition", "version"},
		"partitions assigned": {"processor", "edition", "group", "member", "generation", "partitions"},
		"worker stopped":      {"application", "worker", "commits", "duration"},
		"worker stops: handlers finish their record, then the last commits": {"application", "worker"},
	} {
		if len(got[msg]) != 1 {
			t.Errorf("%q is logged %d times, want once", msg, len(got[msg]))
			continue
		}
		for _, key := range keys {
			if _, ok := got[msg][0][key]; !ok {
				t.Errorf("%q has no %s: %v", msg, key, got[msg][0])
			}
		}
	}
	began, ended := got["restore begins"], got["restored"]
	if len(began) == 0 || len(began) != len(ended) {
		t.Fatalf("%d restores begin and %d end", len(began), len(ended))
	}
	for _, key := range []string{"processor", "edition", "partition", "offsets", "duration", "offsets_per_second"} {
		if _, ok := ended[0][key]; !ok {
			t.Errorf("restored has no %s: %v", key, ended[0])
		}
	}
}
