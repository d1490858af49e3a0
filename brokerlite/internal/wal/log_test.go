package wal

import (
	"context"
	"fmt"
	"testing"

	"github.com/millrun/millrun/internal/vfs"
)

func TestReopenReplaysWhatWasAppended(t *testing.T) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("wal", 0o700); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		n := 0
		l, report, err := Open("wal", Config{FS: fs}, 0, func(lsn LSN, kind byte, payload []byte) error {
			n++
			if want := fmt.Sprintf("record %d", lsn); string(payload) != want || kind != 7 || lsn != LSN(n) {
				t.Errorf("record %d: kind %d, payload %q, want %q", lsn, kind, payload, want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n != 100*round || report.Records != n || report.Last != LSN(n) {
			t.Fatalf("replayed %d records, report %+v, want %d", n, report, 100*round)
		}
		var last LSN
		for i := range 100 {
			if last, err = l.Append(7, fmt.Appendf(nil, "record %d", n+i+1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Wait(context.Background(), last); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
