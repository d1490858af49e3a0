package worker_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/processor"
)

// The headers of docs/format/deadletter.md, in their order: handlers of letters look for them by name for years.
func TestADeadLetterHasItsHeaders(t *testing.T) {
	b := newBench(t)
	b.createTopic("clicks", 1)
	b.put("clicks", commitlog.Record{Key: []byte("good"), Value: number(1)},
		commitlog.Record{Key: []byte("error"), Value: number(7), Headers: []commitlog.Header{{Key: "trace", Value: []byte("a1")}}})
	w, _ := b.run(poison(processor.OnError(processor.ErrorPolicy{Then: processor.DeadLetter})), one)
	b.settle(w)
	ls := b.letters("app.counter.dead-letters")
	if len(ls) != 1 {
		t.Fatalf("%d letters, want 1", len(ls))
	}
	var got []string
	for _, h := range ls[0].Headers {
		got = append(got, fmt.Sprintf("%s=%s", h.Key, h.Value))
	}
	want := []string{"trace=a1", "millrun-topic=clicks", "millrun-partition=0", "millrun-offset=1", "millrun-processor=counter",
		"millrun-edition=1", "millrun-attempts=1", "millrun-error=no luck"}
	if !slices.Equal(got, want) {
		t.Errorf("headers\n%q, want\n%q", got, want)
	}
	if string(ls[0].Key) != "error" || string(ls[0].Value) != string(number(7)) {
		t.Errorf("letter %q %q", ls[0].Key, ls[0].Value)
	}
}

// The file of docs/format/directories.md: 12 digits that outlive the worker, and nothing else is taken for them.
func TestTheWorkerIDIsTwelveDigitsThatStay(t *testing.T) {
	const file = "state/app/worker-id"
	b := newBench(t)
	w, stop := b.run(poison(), one)
	b.settle(w)
	id := w.Status().ID
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	f, err := b.disk.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 64)
	n, _ := f.ReadAt(content, 0) // up to its end, which is an error
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := string(content[:n]); got != id || !regexp.MustCompile("^[0-9a-f]{12}$").MatchString(got) {
		t.Errorf("%s has %q, the worker says %q, want 12 hexadecimal digits", file, got, id)
	}
	w, stop = b.run(poison(), one)
	b.settle(w)
	if got := w.Status().ID; got != id {
		t.Errorf("after a restart the id is %s, was %s", got, id)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"", id[:11], strings.Repeat("x", 12)} {
		f, err := b.disk.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(damaged), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		_, _, ended := b.start(poison(), one)
		if err := within(t, ended, "the worker to refuse"); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("with %q in it: %v, want an error that names %s", damaged, err, file)
		}
	}
}
