package embedded

import (
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
