package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrun/millrun/brokerlite"
	"github.com/millrun/millrun/commitlog"
	"github.com/millrun/millrun/commitlog/embedded"
)

// logWithRecords makes a data directory with three records in topic "in" and closes it.
func logWithRecords(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "log")
	log, err := embedded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.CreateTopic(t.Context(), commitlog.TopicSpec{Name: "in", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	w, err := log.OpenWriter(t.Context(), commitlog.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	record := commitlog.Record{Key: []byte("k"), Value: []byte("value"), Timestamp: -1}
	if _, err := w.Append(t.Context(), commitlog.Partition{Topic: "in"}, []commitlog.Record{record, record, record}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLogInspectListsPartitions(t *testing.T) {
	dir := logWithRecords(t)
	code, out, err := millrun(t, "log", "inspect", dir)
	if code != exitOK || !strings.Contains(out, "in    |         0 |     0 |    3 |") {
		t.Errorf("code %d, error %s, output:\n%s", code, err, out)
	}
	code, out, _ = millrun(t, "log", "inspect", dir, "-o", "json")
	var i brokerlite.Inspection
	if fault := json.Unmarshal([]byte(out), &i); code != exitOK || fault != nil || len(i.Topics) != 1 || i.Topics[0].Partitions[0].Next != 3 {
		t.Errorf("code %d, %v, output:\n%s", code, fault, out)
	}
}

func TestLogCheckOfSoundDataFindsNothing(t *testing.T) {
	code, out, err := millrun(t, "log", "check", logWithRecords(t), "-o", "json")
	if code != exitOK || out != "[]\n" {
		t.Errorf("code %d, error %s, output %s", code, err, out)
	}
}

func TestLogCommandsTellFaultsByTheirExitCode(t *testing.T) {
	inUse := logWithRecords(t)
	log, err := embedded.Open(inUse)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	unreadable, changed := logWithRecords(t), logWithRecords(t)
	flipByte(t, unreadable, 16) // of the batch's head: its format version
	flipByte(t, changed, 69)    // of a record: only its checksum tells
	for _, command := range []string{"inspect", "check"} {
		for _, c := range []struct {
			dir  string
			want int
		}{
			{filepath.Join(t.TempDir(), "missing"), exitNotFound},
			{inUse, exitConflict},
			{unreadable, exitDamaged},
			{changed, exitDamaged},
		} {
			if code, _, err := millrun(t, "log", command, c.dir); code != c.want || err == "" {
				t.Errorf("log %s %s: code %d, want %d, error %s", command, c.dir, code, c.want, err)
			}
		}
	}
}

// flipByte damages one byte of the one batch in the segments below dir.
func flipByte(t *testing.T, dir string, at int) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "*", "*.log"))
	if deeper, globErr := filepath.Glob(filepath.Join(dir, "*", "*", "*.log")); globErr == nil {
		segments = append(segments, deeper...)
	}
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segment below %s: %v", dir, err)
	}
	for _, segment := range segments {
		data, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) <= at {
			continue
		}
		data[at] ^= 1
		if err := os.WriteFile(segment, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
