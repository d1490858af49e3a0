package main

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millrun/millrun/codec"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
	"github.com/millrun/millrun/internal/journal"
	"github.com/millrun/millrun/internal/vfs"
	"github.com/millrun/millrun/state"
)

var updateGolden = flag.Bool("update", false, "write the files of testdata anew")

// The times that tests do not choose, of markers, become letters, as many.
var chosenByNobody = regexp.MustCompile(`20(?:2[1-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)

// TestInspectionsPrintWhatTheyDid runs each command on the same two directories and compares with testdata.
func TestInspectionsPrintWhatTheyDid(t *testing.T) {
	log, tables := storyLog(t), storyTables(t)
	for name, args := range map[string]string{
		"log-records":         "log inspect LOG --topic ids",
		"log-records-json":    "log inspect LOG --topic ids -o json",
		"log-part":            "log inspect LOG --topic ids --partition 0 --from 1 --to 5",
		"log-since":           "log inspect LOG --topic ids --from 2020-01-02T00:00:02Z --limit 2",
		"log-formats":         "log inspect LOG --topic ids --partition 1 --key-format uint64 --value-format int64",
		"log-hex":             "log inspect LOG --topic ids --partition 1 --key-format hex --value-format hex",
		"log-journal":         "log inspect LOG --topic app.p.journal",
		"state-tables":        "state inspect STATE",
		"state-tables-json":   "state inspect STATE -o json",
		"state-entries":       "state inspect STATE --table names",
		"state-prefix":        "state inspect STATE --table names --prefix al -o json",
		"state-numbers":       "state inspect STATE/app/p.e1/0 --table numbers --key-format int64",
		"state-number-auto":   "state inspect STATE/app/p.e1/0 --table numbers",
		"state-number":        "state inspect STATE/app/p.e1/0 --table numbers --key-format int64 --key -9007199254740993",
		"state-raw":           "state inspect STATE --table numbers --limit 1 --key-format hex --value-format hex",
		"state-check":         "state check STATE -o json",
		"topology":            "topology",
		"topology-flights":    "topology flights",
		"topology-fraud":      "topology fraud",
		"topology-githistory": "topology githistory",
		"topology-mermaid":    "topology flights --format mermaid",
		"topology-dot":        "topology flights --format dot",
		"help-exit-codes":     "help exit-codes",
		"help-env":            "help env",
		"complete-topics":     "__complete log inspect LOG --topic ",
		"complete-tables":     "__complete state inspect STATE --table ",
		"complete-examples":   "__complete topology ",
		"complete-help":       "__complete help log ",
		"complete-shell":      "__complete completion ",
		"complete-output":     "__complete version -o ",
		"complete-format":     "__complete log inspect LOG --key-format ",
		"complete-directory":  "__complete log check ",
	} {
		t.Run(name, func(t *testing.T) {
			words := strings.Split(args, " ")
			for i := range words {
				words[i] = strings.Replace(strings.Replace(words[i], "LOG", log, 1), "STATE", tables, 1)
			}
			code, out, err := millrun(t, words...)
			if code != exitOK {
				t.Fatalf("code %d, error %s", code, err)
			}
			compareGolden(t, name, chosenByNobody.ReplaceAllString(out, "YYYY-MM-DDThh:mm:ss.sssZ"))
		})
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *updateGolden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\n%s has:\n%s", got, file, want)
	}
}

var day = time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC).UnixMilli()

// storyLog has a topic with plain records, a committed, an aborted and an open transaction, and numbers of more than 53
// bits (C-23), and a journal.
func storyLog(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "log")
	log, err := embedded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for topic, width := range map[string]int32{"ids": 2, "app.p.journal": 1} {
		if err := log.CreateTopic(t.Context(), commitlog.TopicSpec{Name: topic, Partitions: width}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := log.OpenWriter(t.Context(), commitlog.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	plain := func(topic string, index int32, records ...commitlog.Record) {
		t.Helper()
		if _, err := w.Append(t.Context(), commitlog.Partition{Topic: topic, Index: index}, records); err != nil {
			t.Fatal(err)
		}
	}
	plain("ids", 0, commitlog.Record{Key: []byte("ann"), Value: []byte(`{"click_id": 1669859068457630240}`), Timestamp: day,
		Headers: []commitlog.Header{{Key: "row", Value: []byte("7")}, {Key: "raw", Value: []byte{0, 1}}}})
	for i, end := range []string{"commit", "abort", ""} {
		tx, err := log.OpenTransactor(t.Context(), commitlog.TransactorConfig{ID: "tx" + end, BatchBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		record := commitlog.Record{Key: []byte("bob"), Value: []byte("to " + end), Timestamp: day + int64(i+1)*1000}
		err = tx.Append(t.Context(), commitlog.Partition{Topic: "ids"}, []commitlog.Record{record, record}) // the first is sent at once
		switch {
		case err != nil:
		case end == "commit":
			_, err = tx.Commit(t.Context())
		case end == "abort":
			err = tx.Abort(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	plain("ids", 1,
		commitlog.Record{Key: binary.BigEndian.AppendUint64(nil, 18446744073709551615), Timestamp: day, Value: number(9007199254740993)},
		commitlog.Record{Key: []byte("gone"), Timestamp: day + 5000},
		commitlog.Record{Key: []byte(""), Value: []byte("a | b"), Timestamp: day + 6000})
	position := journal.Position{Commit: 4, StreamTime: day, Inputs: []journal.Input{{Stream: "ids", Next: 9}}}
	order := journal.Order{Names: []string{"ids"}, From: []int64{3}, Runs: []journal.Run{{UpTo: 9}},
		Decisions: []journal.Decision{{Offset: 5, Kind: journal.Skipped, Reason: "no JSON"}}}
	parked := journal.Parked{Stream: "ids", Record: commitlog.Position{Partition: commitlog.Partition{Topic: "ids"}, Offset: 9}, Time: day, Reason: "broken"}
	plain("app.p.journal", 0,
		commitlog.Record{Key: journal.PositionKey(1), Value: journal.AppendPosition(nil, &position), Timestamp: day},
		commitlog.Record{Key: journal.OrderKey(1), Value: journal.AppendOrder(nil, &order), Timestamp: day},
		commitlog.Record{Key: journal.ParkedKey(1), Value: journal.AppendParked(nil, &parked), Timestamp: day},
		commitlog.Record{Key: journal.ParkedKey(1), Timestamp: day})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func number(n int64) []byte {
	b, _ := codec.Int64.Append(nil, n) // it takes every number
	return b
}

// storyTables is the StateDir of a worker with one task of two tables.
func storyTables(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	numbers := codec.Int64.(codec.Sortable)
	s, err := state.Open(state.Config{FS: vfs.OS, Dir: filepath.Join(dir, "app", "p.e1", "0"), Tables: []state.TableConfig{
		{Name: "names"}, {Name: "numbers", Sort: numbers.AppendSort, Unsort: numbers.AppendUnsort}},
		Identity: state.Identity{ClusterID: "c1", Changelogs: make([][16]byte, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	c := state.NewCache(s, 0)
	for key, value := range map[string]string{"alice": `{"id":1669859068457630240}`, "albert": "", "bob": "builder"} {
		c.Put(0, []byte(key), []byte(value))
	}
	for _, n := range []int64{-9007199254740993, 9007199254740993} {
		c.Put(1, number(n), number(n))
	}
	c.Accept()
	position := journal.Position{Commit: 4, StreamTime: day, Inputs: []journal.Input{{Stream: "ids", Next: 9}}}
	mark := state.Mark{Commit: 4, Position: journal.AppendPosition(nil, &position), Journal: state.Applied{Next: 4},
		Changelogs: []state.Applied{{Next: 3}, {Next: 2}}, Time: day}
	if err := s.Apply(c.Freeze(), mark); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(true); err != nil {
		t.Fatal(err)
	}
	return dir
}

// 1669859068457630240 and its like do not fit into a floating point number.
func TestNoInspectionLosesADigitC23(t *testing.T) {
	log, tables := storyLog(t), storyTables(t)
	for _, c := range []struct{ args, want string }{
		{"log inspect " + log + " --topic ids", "1669859068457630240"},
		{"log inspect " + log + " --topic ids --value-format json", "1669859068457630240"},
		{"log inspect " + log + " --topic ids --value-format int64", "9007199254740993"},
		{"log inspect " + log + " --topic ids --key-format uint64", "18446744073709551615"},
		{"state inspect " + tables + " --table names", "1669859068457630240"},
		{"state inspect " + tables + " --table numbers --key-format int64", "-9007199254740993"},
		{"state inspect " + tables + " --table numbers --key-format int64 --key 9007199254740993", "9007199254740993"},
	} {
		for _, f := range []string{"table", "json"} {
			code, out, err := millrun(t, append(strings.Fields(c.args), "-o", f)...)
			if code != exitOK || !strings.Contains(out, c.want) {
				t.Errorf("%s -o %s: code %d, error %s, want %s in:\n%s", c.args, f, code, err, c.want, out)
			}
			if f == "json" && strings.Contains(out, `: `+c.want) {
				t.Errorf("%s: %s is a number of JSON, want a string:\n%s", c.args, c.want, out)
			}
		}
	}
}
