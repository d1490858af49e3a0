package embedded

import (
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
