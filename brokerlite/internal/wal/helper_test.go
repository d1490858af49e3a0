package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/millrun/millrun/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKind = 7

// newMem gives a file system with a durable directory wal.
func newMem(t testing.TB) *vfs.Mem {
	t.Helper()
	fs := vfs.NewMem()
	if err := errors.Join(fs.MkdirAll("wal", 0o700), fs.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	return fs
}

// salts makes the salts of a test repeatable.
func salts(seed uint64) *randomBytes { return &randomBytes{rand.New(rand.NewPCG(seed, 1))} }

type randomBytes struct{ r *rand.Rand }

func (r *randomBytes) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.r.Uint32())
	}
	return len(b), nil
}

// payload is what record lsn of a test holds: n bytes that say who it is.
func payload(lsn LSN, n int) []byte {
	b := bytes.Repeat([]byte{byte(lsn)}, max(n, 32))
	copy(b, fmt.Sprintf("record %d of %d bytes|", lsn, n))
	return b
}

// replayed is what an Open gave.
type replayed struct {
	lsns     []LSN
	payloads map[LSN][]byte
	report   Report
}

func (r *replayed) last() LSN {
	if len(r.lsns) == 0 {
		return 0
	}
	return r.lsns[len(r.lsns)-1]
}

// openLog opens the log and notes what is replayed.
func openLog(fs vfs.FS, c Config, after LSN) (*Log, *replayed, error) {
	c.FS = fs
	got := &replayed{payloads: map[LSN][]byte{}}
	l, report, err := Open("wal", c, after, func(lsn LSN, kind byte, p []byte) error {
		if kind != testKind {
			return fmt.Errorf("kind %d, want %d", kind, testKind)
		}
		got.lsns = append(got.lsns, lsn)
		got.payloads[lsn] = bytes.Clone(p)
		return nil
	})
	got.report = report
	return l, got, err
}

func mustOpen(t testing.TB, fs vfs.FS, c Config, after LSN) (*Log, *replayed) {
	t.Helper()
	l, got, err := openLog(fs, c, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, got
}

// write appends a record of n bytes and waits for it.
func write(t testing.TB, l *Log, n int) LSN {
	t.Helper()
	l.mu.Lock()
	next := l.mu.next
	l.mu.Unlock()
	lsn, err := l.Append(testKind, payload(next, n))
	if err == nil {
		err = l.Wait(context.Background(), lsn)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lsn
}

// wantUpTo checks that exactly the records first to last, each of n bytes, were replayed.
func (r *replayed) wantUpTo(t testing.TB, first, last LSN, n int) {
	t.Helper()
	if len(r.lsns) != int(last-first+1) {
		t.Fatalf("replayed %v, want %d to %d", r.lsns, first, last)
	}
	for i, lsn := range r.lsns {
		if lsn != first+LSN(i) || !bytes.Equal(r.payloads[lsn], payload(lsn, n)) {
			t.Fatalf("record %d: LSN %d, %.40q; want %d, %.40q", i, lsn, r.payloads[lsn], first+LSN(i), payload(first+LSN(i), n))
		}
	}
}

// contents reads a whole file.
func contents(t testing.TB, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// overwrite changes bytes of a file, durably.
func overwrite(t testing.TB, fs vfs.FS, name string, b []byte, at int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b, at)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
