package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
	"github.com/millrun/millrun/topology"
	"github.com/millrun/millrun/worker"
)

func listening(c *worker.Config) { c.Listen = "127.0.0.1:0" }

// page asks a worker that listens.
func page(t *testing.T, w *worker.Worker, path string) (code int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	r, err := client.Get("http://" + w.Status().Address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestAListeningWorkerIsLiveAndReadyAndShowsItsStatus(t *testing.T) {
	b := newBench(t)
	w, stop := b.run(topology.MustNew("app", countProcessor()), listening)
	send(b, clicks, "alice", 1, 2, 3)
	b.settle(w)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if code, body := page(t, w, path); code != http.StatusOK || body != want {
			t.Errorf("%s: %d %q, want 200 %q", path, code, body, want)
		}
	}
	if code, _ := page(t, w, "/secrets"); code != http.StatusNotFound {
		t.Errorf("an unknown path: %d, want 404", code)
	}
	code, body := page(t, w, "/status")
	var s struct {
		Application string
		Ready       bool
		Processors  []struct {
			Name  string
			Tasks []struct {
				Phase   string
				Records string
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &s); err != nil || code != http.StatusOK {
		t.Fatalf("/status: %d, %v: %s", code, err, body)
	}
	records := ""
	for _, ts := range s.Processors[0].Tasks {
		records += ts.Records
	}
	if s.Application != "app" || !s.Ready || s.Processors[0].Name != "counter" || strings.Trim(records, "0") != "3" {
		t.Errorf("/status: %s", body)
	}
	address := w.Status().Address
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		c.Close()
		t.Errorf("%s still takes connections after Run", address)
	}
}

func TestAWorkerWithAStoppedTaskIsLiveButNotReadyAndSaysWhere(t *testing.T) {
	b := newBench(t)
	w, stop := b.run(poison(), listening)
	send(b, clicks, "good", 1)
	b.settle(w)
	send(b, clicks, "error", 7)
	eventually(t, "the stopped task to show", func() bool {
		code, body := page(t, w, "/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "processor counter") &&
			strings.Contains(body, "clicks/") && strings.Contains(body, "no luck")
	})
	if code, body := page(t, w, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d %s; a bad record is no reason to kill a process", code, body)
	}
	if err := stop(); err == nil {
		t.Error("Run returned nil with a stopped task")
	}
}

// A rebalance that takes partitions away leaves a worker that is as ready as before.
func TestAWorkerIsReadyWithTheShareThatIsLeftToIt(t *testing.T) {
	b := newBench(t)
	app := topology.MustNew("app", countProcessor())
	w1, _ := b.run(app, func(c *worker.Config) { c.StateDir = "one" })
	b.waitTasks(w1, 4)
	w2, _ := b.run(app, func(c *worker.Config) { c.StateDir = "two" })
	b.waitTasks(w1, 2)
	b.waitTasks(w2, 2)
	for i, w := range []*worker.Worker{w1, w2} {
		eventually(t, fmt.Sprintf("worker %d to be ready", i+1), func() bool { return w.Status().Ready })
		if n := len(w.Status().Processors[0].Tasks); n != 2 {
			t.Errorf("worker %d shows %d tasks, want the 2 that it has", i+1, n)
		}
	}
}

func TestAHandlerAnswersBeforeAndAfterRun(t *testing.T) {
	b := newBench(t)
	w, err := worker.New(topology.MustNew("app", countProcessor()), b.log, worker.Config{StateDir: "state", FS: b.disk, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	h := w.Handler()
	ask := func(method, path string) (int, string) {
		r := httptest.NewRecorder()
		h.ServeHTTP(r, httptest.NewRequest(method, path, strings.NewReader(strings.Repeat("x", 1<<16))))
		return r.Code, r.Body.String()
	}
	if code, body := ask("GET", "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "was not started") {
		t.Errorf("/readyz before Run: %d %q", code, body)
	}
	if code, body := ask("GET", "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz before Run: %d %q", code, body)
	}
	if code, _ := ask("POST", "/healthz"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d, want 405", code)
	}
	ctx, cancel := cancelled()
	defer cancel()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/readyz", "/healthz"} {
		if code, body := ask("GET", path); code != http.StatusServiceUnavailable || !strings.Contains(body, "has ended") {
			t.Errorf("%s after Run: %d %q", path, code, body)
		}
	}
}

func TestAnAddressThatIsTakenIsRunsErrorAndNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	b := newBench(t)
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, listen := range []string{taken.Addr().String(), ":" + port, port} { // the last two are on loopback too
		_, stop := b.run(topology.MustNew("app", countProcessor()), func(c *worker.Config) { c.Listen = listen })
		if err := stop(); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Errorf("Listen %q: Run gave %v, want an error that names %s", listen, err, taken.Addr())
		}
	}
}

// C-48: lag ends where reading ends. Markers are passed, and an open transaction is said to be one.
func TestLagIsWhatCouldBeReadC48(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	w, _ := b.run(topology.MustNew("app", countProcessor()), func(c *worker.Config) { hurried(c); one(c); listening(c) })
	b.settle(w)
	input := func() worker.InputStatus { return w.Status().Processors[0].Tasks[0].Inputs[0] }
	if in := input(); in.Lag() != 0 || in.Unstable() != 0 {
		t.Errorf("an input without a record: lag %d, unstable %d", in.Lag(), in.Unstable())
	}
	tx, err := b.log.OpenTransactor(t.Context(), commitlog.TransactorConfig{ID: "foreign", Timeout: time.Minute, BatchBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	for i := range 100 {
		record := commitlog.Record{Key: fmt.Append(nil, i), Value: number(1), Timestamp: 1}
		if err := tx.Append(t.Context(), commitlog.Partition{Topic: "clicks"}, []commitlog.Record{record}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "offsets behind an open transaction, and no lag", func() bool {
		in := input()
		return in.Lag() == 0 && in.Unstable() >= 99 && in.BehindSince.IsZero() // the last batch leaves with the commit
	})
	if _, err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.settle(w)
	eventually(t, "no lag: the position has passed the marker", func() bool {
		in := input()
		return in.Committed == 101 && in.Lag() == 0 && in.Unstable() == 0
	})
}

// A task that stands at a record fetches nothing; its lag grows all the same, and has an age.
func TestLagOfAStoppedTaskGrows(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	w, _ := b.run(poison(), func(c *worker.Config) { hurried(c); one(c); listening(c) })
	b.settle(w)
	send(b, clicks, "error", 7)
	eventually(t, "the task to stop", func() bool { return w.Status().Processors[0].Tasks[0].Stopped != nil })
	send(b, clicks, "good", 1, 2, 3, 4)
	eventually(t, "5 records and their age to show", func() bool {
		in := w.Status().Processors[0].Tasks[0].Inputs[0]
		return in.Lag() >= 5 && !in.BehindSince.IsZero()
	})
}

func TestCountersAreThoseOfWhatIsCommitted(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	w, _ := b.run(poison(processor.OnError(processor.ErrorPolicy{Retries: 2, Backoff: time.Millisecond, Then: processor.Skip})), one)
	send(b, clicks, "good", 1)
	send(b, clicks, "error", 7)
	send(b, clicks, "good", 1)
	b.settle(w)
	if ts := w.Status().Processors[0].Tasks[0]; ts.Records != 2 || ts.Skipped != 1 || ts.Retries != 2 {
		t.Errorf("%d records, %d skipped, %d retries; want 2, 1, 2", ts.Records, ts.Skipped, ts.Retries)
	}
}

// C-23: every digit of a number arrives, with readers that take numbers for floats too.
func TestStatusKeepsEveryDigitC23(t *testing.T) {
	const big = 9007199254740993
	s := worker.Status{Commits: big, Processors: []worker.ProcessorStatus{{Name: "p", Tasks: []worker.TaskStatus{{Records: big,
		StreamTime: big, BuildLeft: -1, Inputs: []worker.InputStatus{{Stream: "s", Committed: big, Readable: big + 1, End: big + 2}}}}}}}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var loose map[string]any // numbers become float64
	if err := json.Unmarshal(text, &loose); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(loose)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"commits":"9007199254740993"`, `"records":"9007199254740993"`, `"stream_time_ms":"9007199254740993"`,
		`"position":"9007199254740993"`, `"readable_end":"9007199254740994"`, `"end":"9007199254740995"`, `"lag":"1"`,
		`"behind_open_transaction":"1"`, `"build_remaining_offsets":null`, `"stopped":null`} {
		if !strings.Contains(string(again), want) {
			t.Errorf("%s is not in %s", want, again)
		}
	}
}

func cancelled() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}
